// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.samples;

import java.util.List;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.openbsd.Autoconf;
import org.percpu.openbsd.Kthread;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;

/**
 * Boot a kernel: queues and tasks before there are threads.
 *
 * <pre>
 * java --enable-native-access=ALL-UNNAMED -cp affinity-tests/cli/target/percpu-cli.jar org.percpu.samples.Sample05_DeferredBoot
 * </pre>
 *
 * <p>It prints:
 *
 * <pre>
 * disk0 attaches, cold: true
 * net0 attaches, cold: true
 * threads can be made, cold: false
 * task of disk0 runs
 * task of net0 runs
 * </pre>
 *
 * <p>While devices attach, the kernel is cold and has no thread. A queue can be created and filled all the same, and
 * kthread_create_deferred keeps a function until threads can be made. When autoconf is done the kernel becomes warm: what was deferred
 * is called in order, and the queue's thread runs what has waited. Destroying the queue waits for them.
 */
public final class Sample05_DeferredBoot {
    private Sample05_DeferredBoot() {}

    /**
     * Runs the sample.
     *
     * @param args none
     */
    public static void main(String[] args) {
        try (Kernel kernel = Kernel.builder("sample").cold(true).build()) {
            Kthread.createDeferred(
                    kernel, cold -> System.out.println("threads can be made, cold: " + cold.isCold()), kernel);
            Taskq tq = Taskq.create(kernel, "attach", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            Autoconf.configure(kernel, List.of(() -> attach(kernel, tq, "disk0"), () -> attach(kernel, tq, "net0")));
            tq.destroy();
        }
    }

    private static void attach(Kernel kernel, Taskq tq, String device) {
        System.out.println(device + " attaches, cold: " + kernel.isCold());
        tq.add(Task.initializer(name -> System.out.println("task of " + name + " runs"), device));
    }
}
