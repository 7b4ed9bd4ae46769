// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import static org.assertj.core.api.Assertions.assertThat;

import org.percpu.cpu.Cpu;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.thread.Pri;

/** Asks for busy-spinning real-time workers on every CPU in a process that may have none, and gets time-sharing ones. */
final class SpinningDenied {
    private SpinningDenied() {}

    public static void main(String[] args) {
        try (Kernel kernel =
                Kernel.builder("spinning").waitStrategy(WaitStrategy.BUSY_SPIN).build()) {
            Workqueue<Work> wq = Workqueue.create(
                    kernel,
                    "denied",
                    (work, arg) -> {},
                    null,
                    Pri.PRI_KERNEL,
                    Ipl.NONE,
                    Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU);
            assertThat(wq.workers())
                    .allSatisfy(worker ->
                            assertThat(worker.thread().sched().realtime()).isFalse());
            for (Cpu cpu : kernel.cpus()) {
                wq.enqueue(new Work(), cpu);
            }
            wq.drainAndDestroy();
        }
        System.out.println("all of them run");
    }
}
