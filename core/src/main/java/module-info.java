// SPDX-License-Identifier: BSD-2-Clause
/** BSD-kernel deferred work on real CPUs: pinned threads, workqueue(9), taskq(9), workq(9) and kthread(9) for Linux. */
module org.percpu.core {
    requires transitive org.percpu.bindings.spi;
    requires static transitive org.jspecify;
    requires static java.management;
    requires static jdk.jfr;

    exports org.percpu.cpu;
    exports org.percpu.thread;
    exports org.percpu.ipl;
    exports org.percpu.intr;
    exports org.percpu.kernel;
    exports org.percpu.netbsd;
    exports org.percpu.openbsd;
    exports org.percpu.concurrent;
}
