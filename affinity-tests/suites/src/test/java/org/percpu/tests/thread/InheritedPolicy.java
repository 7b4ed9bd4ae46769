// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.thread.CpuThread;
import org.percpu.thread.KernelThread;
import org.percpu.thread.Pri;
import org.percpu.thread.RealtimePolicy;
import org.percpu.thread.Sched;

/** Makes a thread of each kind in a process that was started with another policy; the argument is that policy's number. */
final class InheritedPolicy {
    private static final CountDownLatch END = new CountDownLatch(1);

    private InheritedPolicy() {}

    public static void main(String[] args) {
        int inherited = Integer.parseInt(args[0]);
        assertThat(Proc.sched(Machine.linux().gettid()).policy()).isEqualTo(inherited);
        CpuThread plain = CpuThread.builder("plain").start(() -> Bounded.arrive(END));
        assertThat(Proc.sched(plain.tid())).isEqualTo(Sched.DEFAULT);
        assertThat(plain.state().denial()).isNull();
        CpuThread nice = CpuThread.builder("nice").sched(Sched.other(7)).start(() -> Bounded.arrive(END));
        assertThat(Proc.sched(nice.tid())).isEqualTo(Sched.other(7));
        try (Kernel kernel = Kernel.builder("inherited")
                .realtimePolicy(RealtimePolicy.NEVER)
                .waitStrategy(WaitStrategy.SPIN_THEN_PARK)
                .build()) {
            Workqueue.create(
                    kernel, "wq", (Work work, Object arg) -> {}, null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_PERCPU);
            Workqueue.create(kernel, "rtwq", (Work work, Object arg) -> {}, null, Pri.PRI_BIO, Ipl.NONE, 0);
            Taskq.create(kernel, "tq", 2, Ipl.NONE, 0);
            Taskq.systq(kernel).add(Task.initializer(arg -> {}, null));
            Workq.create(kernel, "owq", 1, Ipl.NONE);
            Kthread.create(kernel, Pri.PRI_NONE, Kthread.KTHREAD_MPSAFE, null, arg -> Bounded.arrive(END), null, "kt");
            Kthread.create(
                    kernel,
                    Pri.PRI_NONE,
                    Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_TS,
                    null,
                    arg -> Bounded.arrive(END),
                    null,
                    "ts");
            org.percpu.openbsd.Kthread.create(
                    kernel,
                    arg -> {
                        kernel.lock().unlock();
                        Bounded.arrive(END);
                        kernel.lock().lock();
                    },
                    null,
                    "okt");
            Softint.establish(kernel, Softint.SOFTINT_NET, arg -> {}, null);
            assertThat(kernel.interrupts(kernel.cpus().get(0))).isNotNull();
            List<String> names = new ArrayList<>();
            for (KernelThread lwp : kernel.lwps()) {
                names.add(lwp.name());
                assertThat(Proc.sched(lwp.tid())).as(lwp.name()).isEqualTo(Sched.DEFAULT);
                assertThat(lwp.state().denial()).as(lwp.name()).isNull();
            }
            assertThat(names).contains("rtwq", "tq", "systq", "owq", "kt", "ts", "okt", "softnet/0", "intr/0", "wq/0");
            END.countDown();
        }
        System.out.println("time-sharing, all of them");
    }
}
