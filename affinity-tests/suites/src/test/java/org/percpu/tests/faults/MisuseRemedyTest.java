// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.cpu.CpuSet;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Affinity;

/** What a call that is not allowed is told: the call by its name, and what to do instead, which is then done. */
@Timeout(60)
class MisuseRemedyTest {
    private static final int MPSAFE = Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_TS | Kthread.KTHREAD_MUSTJOIN;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    @Test
    @DisplayName(
            "a handle that names a CPU on a queue without WQ_PERCPU is refused as a handle, and taken without the CPU")
    void handleWithCpu() {
        Workqueue<Work> wq = test.workqueue("wq", 0, (work, arg) -> {});
        Work work = new Work();
        Refusal.of(Errno.EINVAL, () -> wq.nativeWork(work, test.cpu(0)))
                .contains("a handle for a work on wq names", "give no CPU")
                .doesNotContain("workqueue_enqueue");
        wq.nativeWork(work, null).close();
        wq.destroy();
    }

    @Test
    @DisplayName("a drain in a callback of its own queue is refused as a drain, and works on another thread")
    void drainInCallback() {
        CompletableFuture<Workqueue<Work>> self = new CompletableFuture<>();
        CompletableFuture<Throwable> refusal = new CompletableFuture<>();
        Workqueue<Work> wq = test.workqueue("wq", Workqueue.WQ_MPSAFE, (work, arg) -> {
            try {
                self.join().drainAndDestroy(Duration.ZERO);
            } catch (RuntimeException e) {
                refusal.complete(e);
            }
        });
        self.complete(wq);
        wq.enqueue(new Work(), null);
        Throwable refused = Bounded.call("is refused", refusal::join);
        Refusal.of(Errno.EDEADLK, () -> {
                    throw refused;
                })
                .contains("drain of workqueue wq in its own callback: call it from another thread")
                .doesNotContain("workqueue_destroy");
        wq.drainAndDestroy();
    }

    @Test
    @DisplayName("waits in a cold kernel are told to call Kernel.warm first, and end after that")
    void waitsInAColdKernel() {
        Kernel cold = test.with(settings -> settings.cold(true));
        Workqueue<Work> wq = Workqueue.create(cold, "wq", (work, arg) -> {}, null, -1, Ipl.NONE, 0);
        Taskq tq = Taskq.create(cold, "tq", 1, Ipl.NONE, 0);
        Kthread thread = Kthread.create(cold, -1, MPSAFE, null, arg -> {}, null, "thread");
        Work work = new Work();
        wq.enqueue(work, null);
        Refusal.of(Errno.EINVAL, () -> wq.waitFor(work)).contains("call Kernel.warm first");
        Refusal.of(Errno.EINVAL, tq::barrier).contains("call Kernel.warm first");
        Refusal.of(Errno.EINVAL, thread::join).contains("call Kernel.warm first");
        cold.warm();
        Bounded.run("ends", () -> {
            wq.waitFor(work);
            tq.barrier();
            thread.join();
        });
        wq.destroy();
        tq.destroy();
    }

    @Test
    @DisplayName("a thread's name with a lone percent sign is told to write two")
    void percentInAName() {
        Refusal.of(Errno.EINVAL, () -> Kthread.create(test.get(), -1, MPSAFE, null, arg -> {}, null, "at 100%"))
                .contains("\"at 100%\" is no format", "write %% for a percent sign");
        Kthread thread = Kthread.create(test.get(), -1, MPSAFE, null, arg -> {}, null, "at 100%%");
        assertThat(thread.name()).isEqualTo("at 100%");
        thread.join();
    }

    @Test
    @DisplayName("unknown flags are told with the known ones")
    void flags() {
        Refusal.of(Errno.EINVAL, () -> test.workqueue("wq", 0x800, (work, arg) -> {}))
                .contains("unknown flag bits 0x800; the known ones are 0x");
        Refusal.of(Errno.EINVAL, () -> Taskq.create(test.get(), "tq", 1, Ipl.NONE, 0x80))
                .contains("unknown flag bits 0x80; the known ones are 0x");
    }

    @Test
    @DisplayName("a CPU that the machine does not have is told as that: no cpuset could be widened to it")
    void absentCpu() {
        int absent = 1 << 13;
        Refusal.byLinux(Errno.EINVAL, () -> Affinity.set(CpuSet.of(absent)))
                .contains("CPU " + absent + " is not present, and no cpuset can give it: the machine has ")
                .doesNotContain("widen");
    }
}
