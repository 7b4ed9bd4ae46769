// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import org.percpu.bindings.spi.Errno;
import org.percpu.cpu.CpuSet;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.openbsd.Kthread;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.thread.Affinity;
import org.percpu.thread.CpuThread;

/** Threads in a sandbox that forbids sched_setaffinity(2). The argument is the name of the error number that it gives. */
final class ForbiddenAffinity {
    private ForbiddenAffinity() {}

    public static void main(String[] args) {
        CpuSet mask = Affinity.get();
        CountDownLatch ran = new CountDownLatch(4);
        try (Kernel kernel = Kernel.builder("forbidden").build()) {
            CpuThread thread = CpuThread.builder("plain").start(() -> Bounded.arrive(ran));
            Taskq tq = Taskq.create(kernel, "taskq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            assertThat(tq.add(Task.initializer(arg -> ran.countDown(), null))).isTrue();
            Workq workq = Workq.create(kernel, "workq", 1, Ipl.NONE);
            assertThat(workq.addTask(Workq.WQ_MPSAFE, (one, two) -> ran.countDown(), null, null))
                    .isTrue();
            Kthread.create(
                    kernel,
                    arg -> {
                        ran.countDown();
                        throw Kthread.exit(0);
                    },
                    null,
                    "kthread");
            assertThat(Proc.allowed(thread.tid())).isEqualTo(mask);
            assertThat(thread.repin()).isTrue();
            ran.countDown();
            Bounded.arrive(ran);
            tq.destroy();
            workq.destroy();
        }
        if (mask.size() > 1) {
            Errno errno = Errno.valueOf(args[0]);
            Refusal.byLinux(errno, () -> CpuThread.builder("bound")
                            .cpus(CpuSet.of(mask.first()))
                            .start(() -> {}))
                    .contains(errno.name(), "seccomp", "sched_setaffinity(2)")
                    .doesNotContain("name CPUs");
            System.out.println("a bound thread is told " + errno);
        }
        // Bound, but right already.
        CpuThread right = CpuThread.builder("right").cpus(mask).start(() -> {});
        assertThat(right.state().asked()).isEqualTo(mask);
        System.out.println("none is refused that wants nothing");
    }
}
