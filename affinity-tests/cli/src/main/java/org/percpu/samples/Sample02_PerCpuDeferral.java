// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.samples;

import org.percpu.cpu.Cpu;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.thread.Affinity;
import org.percpu.thread.Pri;

/**
 * Defer work to every CPU with a per-CPU workqueue(9).
 *
 * <pre>
 * java --enable-native-access=ALL-UNNAMED -cp affinity-tests/cli/target/percpu-cli.jar org.percpu.samples.Sample02_PerCpuDeferral
 * </pre>
 *
 * <p>It prints a line for each CPU; the two numbers of a line are the same:
 *
 * <pre>
 * sent to CPU 0, ran on CPU 0
 * sent to CPU 1, ran on CPU 1
 * every work has run
 * </pre>
 *
 * <p>The work is the caller's object: the queue allocates nothing for it. {@code waitFor} returns when the work has run; without it the lines would come in any order, for there is none between CPUs.
 * {@code destroy} refuses a queue with work left, as the manual page asks of its caller.
 */
public final class Sample02_PerCpuDeferral {
    /** A work carries its own data, as a driver embeds {@code struct work} in its request. */
    private static final class Request extends Work {
        final Cpu target;

        Request(Cpu target) {
            this.target = target;
        }
    }

    private Sample02_PerCpuDeferral() {}

    /**
     * Runs the sample.
     *
     * @param args none
     */
    public static void main(String[] args) {
        Kernel kernel = Kernel.system();
        Workqueue<Request> wq = Workqueue.create(
                kernel,
                "sample",
                (request, none) -> System.out.println(
                        "sent to CPU " + request.target.id() + ", ran on CPU " + Affinity.currentCpu()),
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU);
        for (Cpu cpu : kernel.cpus()) {
            Request request = new Request(cpu);
            wq.enqueue(request, cpu);
            wq.waitFor(request);
        }
        System.out.println("every work has run");
        wq.destroy();
    }
}
