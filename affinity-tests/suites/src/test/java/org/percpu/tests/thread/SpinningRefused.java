// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import static org.assertj.core.api.Assertions.assertThat;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.percpu.bindings.spi.Errno;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Refusal;
import org.percpu.thread.Pri;
import org.percpu.thread.RealtimePolicy;

/** Makes busy-spinning queues in a process that is real-time and must stay so: none may take the last CPU. */
final class SpinningRefused {
    private static final int PERCPU = Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU;

    private SpinningRefused() {}

    private static Workqueue<Work> workqueue(Kernel kernel, String name) {
        return Workqueue.create(kernel, name, (work, arg) -> {}, null, Pri.PRI_NONE, Ipl.NONE, PERCPU);
    }

    private static Kernel kernel(CpuSet cpus) {
        return Kernel.builder("spinning")
                .cpus(cpus)
                .realtimePolicy(RealtimePolicy.NEVER)
                .waitStrategy(WaitStrategy.BUSY_SPIN)
                .build();
    }

    public static void main(String[] args) {
        CpuSet all = CpuSet.parse(args[0]);
        CpuSet last = CpuSet.of(all.last());
        try (Kernel kernel = kernel(all);
                Kernel most = kernel(all.minus(last));
                Kernel rest = kernel(last)) {
            refused(kernel, () -> workqueue(kernel, "freeze"));
            refused(kernel, () -> Taskq.create(kernel, "freeze", all.size(), Ipl.NONE, Taskq.TASKQ_MPSAFE));
            refused(kernel, () -> Softint.establish(kernel, Softint.SOFTINT_NET, arg -> {}, null));
            Workqueue<Work> spins = workqueue(most, "spins");
            refused(rest, () -> workqueue(rest, "freeze"));
            for (Cpu cpu : most.cpus()) {
                spins.enqueue(new Work() {}, cpu);
            }
            spins.drainAndDestroy();
            workqueue(rest, "spins").drainAndDestroy();
        }
        System.out.println("the last CPU stays free");
    }

    private static void refused(Kernel kernel, ThrowingCallable create) {
        Refusal.of(Errno.EINVAL, create)
                .contains("freeze", "leave a CPU out", "SCHED_FIFO 10", "sched_setscheduler(2)");
        Bounded.until("nothing is left", () -> kernel.lwps().isEmpty());
        assertThat(kernel.queues()).isEmpty();
    }
}
