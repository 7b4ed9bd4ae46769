// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.shutdown;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.Cpu;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;

/** workqueue_wait, which NetBSD added in version 8. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@SuppressWarnings("ReferenceEquality") // which work or queue it is, not what it equals
class WorkqueueWaitTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    /** A work that stays in its callback until it is let go. */
    private static final class Gate extends Work {
        private final CountDownLatch inside = new CountDownLatch(1);
        private final CountDownLatch go = new CountDownLatch(1);

        static void pass(Work work) {
            if (work instanceof Gate gate) {
                gate.inside.countDown();
                Bounded.arrive(gate.go);
            }
        }
    }

    private static void assertStillWaits(FutureTask<Boolean> waiter) {
        assertThatThrownBy(() -> waiter.get(100, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
    }

    @Test
    @Rule({"N2", "NWQ-23", "NWQ-10"})
    @DisplayName(
            "N2: 12435 times enqueue and wait: after the i-th wait the counter is i, and a work never enqueued is not waited for")
    void eachWaitIsForItsRun() {
        int[] counter = new int[1]; // the end of a callback is visible after the wait
        Workqueue<Work> wq = test.workqueue("n2", Workqueue.WQ_MPSAFE, (work, arg) -> counter[0]++);
        Work work = new Work();
        Bounded.run("waits", () -> {
            for (int i = 1; i <= 12_435; i++) {
                wq.enqueue(work, null);
                wq.waitFor(work);
                assertThat(counter[0]).isEqualTo(i);
            }
            wq.waitFor(new Work());
        });
        wq.destroy();
    }

    @Test
    @Rule({"N3", "NWQ-24", "NWQ-12"})
    @DisplayName(
            "N3: a wait while the callback overwrites its own work and sleeps neither returns early nor follows its link")
    void aWaitDoesNotWalkStartedWorks() {
        for (int round = 0; round < 200; round++) {
            Workqueue<Work> elsewhere = test.workqueue("elsewhere", Workqueue.WQ_MPSAFE, (work, arg) -> {});
            AtomicInteger ended = new AtomicInteger();
            Gate first = new Gate();
            Workqueue<Work> wq = test.workqueue("n3", Workqueue.WQ_MPSAFE, (work, arg) -> {
                if (work == first) {
                    elsewhere.enqueue(work, null); // its link has another meaning now
                }
                Gate.pass(work);
                ended.incrementAndGet();
            });
            Work second = new Work();
            wq.enqueue(first, null);
            wq.enqueue(second, null);
            Bounded.arrive(first.inside);
            FutureTask<Integer> waiter = Bounded.start("waits", () -> {
                wq.waitFor(second);
                return ended.get();
            });
            assertThat(waiter.isDone()).isFalse();
            first.go.countDown();
            assertThat(Bounded.join(waiter)).isEqualTo(2);
            wq.waitFor(first);
            wq.destroy();
            elsewhere.drainAndDestroy();
        }
    }

    @Test
    @Rule({"NWQ-23", "NWQ-25"})
    @DisplayName("NWQ-25: the wait ends with the run of that work, while the rest of its batch still waits")
    void theWaitIsNotForTheBatch() {
        Workqueue<Work> wq = test.workqueue("batch", Workqueue.WQ_MPSAFE, (work, arg) -> Gate.pass(work));
        Gate first = new Gate();
        Gate second = new Gate();
        Gate third = new Gate();
        for (Gate gate : List.of(first, second, third)) {
            wq.enqueue(gate, null);
        }
        Bounded.arrive(first.inside);
        FutureTask<Boolean> pending = Bounded.startCode("pending", () -> wq.waitFor(second));
        FutureTask<Boolean> running = Bounded.startCode("running", () -> wq.waitFor(first));
        assertStillWaits(running);
        first.go.countDown();
        Bounded.join(running);
        Bounded.arrive(second.inside);
        assertStillWaits(pending);
        second.go.countDown();
        Bounded.join(pending);
        third.go.countDown();
        wq.drainAndDestroy();
    }

    @Test
    @Rule({"NWQ-24", "NWQ-25", "NWQ-8"})
    @DisplayName("NWQ-24: any number of threads may wait, for one work and for several, and enqueues go on meanwhile")
    void manyMayWait() {
        AtomicInteger runs = new AtomicInteger();
        Workqueue<Work> wq = test.workqueue("many", Workqueue.WQ_MPSAFE, (work, arg) -> {
            Gate.pass(work);
            runs.incrementAndGet();
        });
        Gate gate = new Gate();
        wq.enqueue(gate, null);
        Bounded.arrive(gate.inside);
        List<FutureTask<Boolean>> waiters = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            Work mine = i % 2 == 0 ? gate : new Work();
            if (mine != gate) {
                wq.enqueue(mine, null);
            }
            waiters.add(Bounded.startCode("waits", () -> wq.waitFor(mine)));
        }
        wq.enqueue(new Work(), null);
        assertStillWaits(waiters.get(0));
        gate.go.countDown();
        waiters.forEach(Bounded::join);
        wq.drainAndDestroy();
        assertThat(runs.get()).isEqualTo(10);
    }

    @Test
    @Rule("NWQ-26")
    @DisplayName(
            "NWQ-26: on a per-CPU queue the work is found on whichever CPU it is, and an idle queue is not waited for")
    void aPerCpuQueueIsSearched() {
        int both = Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU;
        Workqueue<Work> wq = test.workqueue("percpu", both, (work, arg) -> Gate.pass(work));
        for (Cpu cpu : test.get().cpus()) {
            Gate gate = new Gate();
            wq.enqueue(gate, cpu);
            Bounded.arrive(gate.inside);
            FutureTask<Boolean> waiter = Bounded.startCode("waits", () -> wq.waitFor(gate));
            Bounded.run("not enqueued", () -> wq.waitFor(new Work()));
            assertStillWaits(waiter);
            gate.go.countDown();
            Bounded.join(waiter);
        }
        wq.destroy();
    }

    @Test
    @Rule({"NWQ-27", "U5"})
    @DisplayName(
            "NWQ-27, U5: in a callback, waiting for its own work or one pending behind it is EDEADLK; for an idle one it returns")
    void waitingInACallback() {
        AtomicReference<Throwable> own = new AtomicReference<>();
        AtomicReference<Throwable> behind = new AtomicReference<>();
        AtomicReference<Throwable> idle = new AtomicReference<>(new AssertionError("not called"));
        AtomicReference<Workqueue<Work>> self = new AtomicReference<>();
        Gate first = new Gate();
        Work second = new Work();
        Workqueue<Work> wq = test.workqueue("own", Workqueue.WQ_MPSAFE, (work, arg) -> {
            Gate.pass(work);
            if (work == first) {
                own.set(catchThrowable(() -> self.get().waitFor(work)));
                behind.set(catchThrowable(() -> self.get().waitFor(second)));
                idle.set(catchThrowable(() -> self.get().waitFor(new Work())));
            }
        });
        self.set(wq);
        wq.enqueue(first, null);
        Bounded.arrive(first.inside);
        wq.enqueue(second, null);
        first.go.countDown();
        wq.waitFor(second);
        for (Throwable thrown : List.of(own.get(), behind.get())) {
            assertThat(thrown).isInstanceOf(ErrnoException.class).hasMessageContaining("own");
            assertThat(((ErrnoException) thrown).errno()).isEqualTo(Errno.EDEADLK);
        }
        assertThat(idle.get()).isNull();
        assertThat(wq.workers().get(0).executed()).isEqualTo(2);
        assertThat(wq.workers().get(0).pending()).isZero();
        wq.destroy();
    }

    @Test
    @Rule({"NWQ-23", "KL-3"})
    @DisplayName("KL-3: the wait drops the kernel lock for a callback that needs it, and has it again after")
    void theWaitDropsTheKernelLock() {
        AtomicInteger runs = new AtomicInteger();
        Workqueue<Work> wq = test.workqueue("kl3", 0, (work, arg) -> runs.incrementAndGet());
        Work work = new Work();
        test.get().lock().lock();
        test.get().lock().lock();
        try {
            wq.enqueue(work, null);
            wq.waitFor(work);
            assertThat(runs.get()).isEqualTo(1);
            assertThat(test.get().lock().holds()).isEqualTo(2);
        } finally {
            test.get().lock().unlock();
            test.get().lock().unlock();
        }
        wq.destroy();
    }
}
