// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.shutdown;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.cpu.Cpu;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;

/** When the time is over, no queue begins another callback while the end still waits for the stuck callback of a neighbour. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class StopTogetherTest {
    private static final int QUEUES = 3;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private final AtomicInteger inside = new AtomicInteger();
    private final AtomicInteger begun = new AtomicInteger();
    private volatile boolean released;

    @AfterEach
    void release() {
        released = true;
    }

    /** Keeps its worker until it is released, whoever interrupts it. */
    private static final class Stuck extends Work {}

    private void run(Work work) {
        if (!(work instanceof Stuck)) {
            begun.incrementAndGet();
            return;
        }
        inside.incrementAndGet();
        boolean interrupted = false;
        while (!released) {
            LockSupport.parkNanos(this, 100_000);
            interrupted |= Thread.interrupted();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private Work enqueueBehindAStuckOne(Workqueue<Work> wq, @Nullable Cpu cpu) {
        Work behind = new Work();
        wq.enqueue(new Stuck(), cpu);
        wq.enqueue(behind, cpu);
        return behind;
    }

    /** Lets the stuck callbacks go as soon as the end waits for them. A thread that ends queues without a time has nothing else to wait for. */
    private List<?> endAndReleaseMeanwhile(Callable<List<?>> end) {
        AtomicReference<Thread> ends = new AtomicReference<>();
        CountDownLatch started = new CountDownLatch(1);
        FutureTask<List<?>> neverRun = Bounded.start("ends", () -> {
            ends.set(Thread.currentThread());
            started.countDown();
            return end.call();
        });
        Bounded.arrive(started);
        Bounded.until("it waits", () -> ends.get().getState() == Thread.State.TIMED_WAITING);
        released = true;
        return Bounded.join(neverRun);
    }

    @Test
    @Rule({"U22", "NWQ-20"})
    @DisplayName("U22: a per-CPU queue that is dropped begins no callback on any of its CPUs any more")
    void theQueuesOfAllCpus() {
        Machine.needsCpus(2);
        Workqueue<Work> wq =
                test.workqueue("percpu", Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU, (work, arg) -> run(work));
        List<Work> behind = new ArrayList<>();
        for (Cpu cpu : test.get().cpus()) {
            behind.add(enqueueBehindAStuckOne(wq, cpu));
        }
        Bounded.until("all are stuck", () -> inside.get() == behind.size());
        List<?> dropped = endAndReleaseMeanwhile(() -> wq.drainAndDestroy(Duration.ZERO));
        assertThat(dropped).hasSize(behind.size());
        assertThat(behind).allSatisfy(work -> assertThat(dropped.contains(work)).isTrue());
        Bounded.until("the workers ended", () -> test.get().lwps().isEmpty());
        assertThat(begun).hasValue(0);
    }

    @Test
    @Rule("G24")
    @DisplayName("G24: a kernel that is shut down begins no callback on any of its queues any more")
    void theQueuesOfAKernel() {
        List<Work> behind = new ArrayList<>();
        for (int i = 0; i < QUEUES; i++) {
            Workqueue<Work> wq = test.workqueue("wq" + i, Workqueue.WQ_MPSAFE, (work, arg) -> run(work));
            behind.add(enqueueBehindAStuckOne(wq, null));
        }
        Bounded.until("all are stuck", () -> inside.get() == QUEUES);
        List<?> dropped =
                endAndReleaseMeanwhile(() -> test.get().shutdown(Duration.ZERO).worksNeverRun());
        assertThat(dropped).hasSize(QUEUES);
        assertThat(behind).allSatisfy(work -> assertThat(dropped.contains(work)).isTrue());
        Bounded.until("the workers ended", () -> test.get().lwps().isEmpty());
        assertThat(begun).hasValue(0);
    }
}
