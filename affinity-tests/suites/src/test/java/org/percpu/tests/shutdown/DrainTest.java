// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.shutdown;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.Scale;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

/** drainAndDestroy with a deadline, on queues of both systems. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@SuppressWarnings("ReferenceEquality") // which work or queue it is, not what it equals
class DrainTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    @Rule({"U22", "OTQ-27", "G11"})
    @DisplayName(
            "U22: draining a queue with a task that always adds itself ends at the deadline, and the task is returned or refused")
    void aTaskThatAlwaysAddsItself(int nthreads) {
        Taskq tq = Taskq.create(test.get(), "u22", nthreads, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        AtomicInteger runs = new AtomicInteger();
        AtomicInteger refused = new AtomicInteger();
        Task task = new Task();
        task.set(
                self -> {
                    runs.incrementAndGet();
                    try {
                        tq.add(self);
                    } catch (ErrnoException e) {
                        assertThat(e.errno()).isEqualTo(Errno.ESHUTDOWN);
                        refused.incrementAndGet();
                    }
                },
                task);
        tq.add(task);
        long start = System.nanoTime();
        List<Task> dropped = Bounded.call("drains", () -> tq.drainAndDestroy(Duration.ofMillis(100)));
        assertThat(System.nanoTime() - start).isBetween(100_000_000L, 20_000_000_000L);
        Bounded.until("the threads ended", () -> test.get().lwps().isEmpty());
        assertThat(dropped.size() + refused.get())
                .as("dropped %s, refused %s", dropped, refused)
                .isEqualTo(1);
        assertThat(dropped).allSatisfy(it -> assertThat(it).isSameAs(task));
        assertThat(task.pending()).isFalse();
        assertThat(runs.get()).isPositive();
        assertThat(test.get().queues()).isEmpty();
    }

    @Test
    @Rule({"U22", "OTQ-27"})
    @DisplayName(
            "U22: a drain with time enough drops nothing and returns when the last task has ended, long before its deadline")
    void aDrainThatIsDoneEndsEarly() {
        Taskq tq = Taskq.create(test.get(), "early", 2, Ipl.NONE, 0);
        AtomicInteger runs = new AtomicInteger();
        for (int i = 0; i < 1_000; i++) {
            tq.add(Task.initializer(AtomicInteger::incrementAndGet, runs));
        }
        assertThat(Bounded.call("drains", () -> tq.drainAndDestroy(Duration.ofHours(1))))
                .isEmpty();
        assertThat(runs.get()).isEqualTo(1_000);
    }

    @Test
    @Rule({"U22", "OTQ-31", "G20"})
    @DisplayName(
            "U22: threads that wait in a barrier or for the queue's end are released when it is drained to a deadline")
    void aDropReleasesWaiters() {
        Taskq tq = Taskq.create(test.get(), "waiters", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        tq.add(Task.initializer(
                arg -> {
                    inside.countDown();
                    Bounded.arrive(go);
                },
                null));
        Bounded.arrive(inside);
        FutureTask<Boolean> barrier = Bounded.startCode("barrier", tq::barrier);
        Bounded.until("the barrier is queued", () -> tq.workers().get(0).pending() == 1);
        assertThat(tq.drainAndDestroy(Duration.ofMillis(10))).isEmpty();
        go.countDown();
        Bounded.join(barrier);
    }

    private static final class Counted extends Work {
        private final AtomicInteger runs = new AtomicInteger();
    }

    @ParameterizedTest
    @EnumSource(
            value = WaitStrategy.class,
            names = {"PARK", "SPIN_THEN_PARK"})
    @Rule({"U4", "U22", "G24", "NWQ-14"})
    @DisplayName("a workqueue dropped at any moment: each work ran once or is returned once, in 1000 rounds")
    void everyWorkRanOrIsReturned(WaitStrategy strategy) {
        Kernel kernel = test.with(settings -> settings.waitStrategy(strategy));
        for (int round = 0; round < Scale.of(1_000, 50_000); round++) {
            Workqueue<Counted> wq = Workqueue.create(
                    kernel,
                    "dropped",
                    (work, arg) -> work.runs.incrementAndGet(),
                    null,
                    Pri.PRI_NONE,
                    Ipl.NONE,
                    Workqueue.WQ_MPSAFE);
            List<Counted> works = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                works.add(new Counted());
                wq.enqueue(works.get(i), null);
            }
            for (int pause = round % 200; pause > 0; pause--) {
                Thread.onSpinWait();
            }
            List<Counted> dropped = wq.drainAndDestroy(Duration.ZERO);
            // A callback that had begun may still run.
            while (!kernel.lwps().isEmpty()) {
                LockSupport.parkNanos(10_000);
            }
            for (Counted work : works) {
                long returned = dropped.stream().filter(it -> it == work).count();
                assertThat(work.runs.get() + returned)
                        .as("round %d, work %d: ran %s, returned %d", round, works.indexOf(work), work.runs, returned)
                        .isEqualTo(1);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @Rule({"U22", "KL-3", "NWQ-22"})
    @DisplayName(
            "U22: a drain to a deadline returns when its worker, which has to wait for the kernel lock, has ended; the drainer may hold that lock")
    void aWorkerThatWaitsForTheKernelLock(boolean drainerHoldsIt) {
        Kernel kernel = test.get();
        Workqueue<Counted> wq = Workqueue.create(
                kernel, "locked", (work, arg) -> work.runs.incrementAndGet(), null, Pri.PRI_NONE, Ipl.NONE, 0);
        Counted work = new Counted();
        wq.enqueue(work, null);
        Bounded.until("the work ran", () -> work.runs.get() == 1);
        CountDownLatch held = new CountDownLatch(1);
        long begin = System.nanoTime();
        FutureTask<List<Counted>> drain = Bounded.start("drains", () -> {
            if (!drainerHoldsIt) {
                Bounded.arrive(held);
                return wq.drainAndDestroy(Duration.ofMillis(10));
            }
            kernel.lock().lock();
            try {
                held.countDown();
                return wq.drainAndDestroy(Duration.ofMillis(10));
            } finally {
                kernel.lock().unlock();
            }
        });
        if (drainerHoldsIt) {
            Bounded.arrive(held);
        }
        kernel.lock().lock();
        try {
            held.countDown();
            // Longer than a drain waits for a worker that is not in a callback.
            Bounded.until("the drain has lost patience", () -> System.nanoTime() - begin > 400_000_000);
        } finally {
            kernel.lock().unlock();
        }
        assertThat(Bounded.join(drain)).isEmpty();
        assertThat(kernel.lock().isHeld()).isFalse();
        Bounded.until("the worker ended", () -> kernel.lwps().isEmpty());
    }

    @Test
    @Rule({"U22", "OTQ-33", "G20"})
    @DisplayName("OTQ-33: a barrier in a task of a queue that was dropped meanwhile returns")
    void aBarrierInsideAQueueThatWasDropped() {
        Taskq tq = Taskq.create(test.get(), "inside", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch returned = new CountDownLatch(1);
        tq.add(Task.initializer(
                arg -> {
                    inside.countDown();
                    Bounded.arrive(go);
                    tq.barrier();
                    returned.countDown();
                },
                null));
        Bounded.arrive(inside);
        assertThat(tq.drainAndDestroy(Duration.ofMillis(10))).isEmpty();
        go.countDown();
        Bounded.arrive(returned);
    }

    @Test
    @Rule("U22")
    @DisplayName("U22: a time that is negative or null is EINVAL, and the queue stays in use")
    void timesThatAreNone() {
        Duration longAgo = Duration.ofSeconds(Long.MIN_VALUE);
        for (int flags : new int[] {0, Workqueue.WQ_PERCPU}) {
            Workqueue<Work> wq = test.workqueue("times", flags, (work, arg) -> {});
            Refusal.of(Errno.EINVAL, () -> wq.drainAndDestroy(nothing())).contains("times", "atMost");
            Refusal.of(Errno.EINVAL, () -> wq.drainAndDestroy(longAgo)).contains("times", "atMost is negative");
            wq.enqueue(new Work(), null);
            assertThat(wq.drainAndDestroy(Duration.ZERO)).hasSizeBetween(0, 1);
        }
        Taskq tq = Taskq.create(test.get(), "times", 1, Ipl.NONE, 0);
        Refusal.of(Errno.EINVAL, () -> tq.drainAndDestroy(nothing())).contains("times", "atMost");
        Refusal.of(Errno.EINVAL, () -> tq.drainAndDestroy(longAgo)).contains("times", "atMost is negative");
        tq.barrier();
        assertThat(tq.drainAndDestroy(Duration.ZERO)).isEmpty();
        assertThat(test.get().queues()).isEmpty();
    }

    @SuppressWarnings("NullAway") // what a caller without the checker can do
    private static Duration nothing() {
        return null;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    @Rule({"U22", "G24", "OTQ-27"})
    @DisplayName("a taskq dropped at any moment: each task ran once or is returned once, in 300 rounds")
    void everyTaskRanOrIsReturned(int nthreads) {
        Kernel kernel = test.get();
        for (int round = 0; round < Scale.of(300, 50_000); round++) {
            Taskq tq = Taskq.create(kernel, "dropped", nthreads, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            AtomicInteger runs = new AtomicInteger();
            List<Task> tasks = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                tasks.add(Task.initializer(AtomicInteger::incrementAndGet, runs));
                tq.add(tasks.get(i));
            }
            for (int pause = (round * 3) % 1_000; pause > 0; pause--) {
                Thread.onSpinWait();
            }
            List<Task> dropped = tq.drainAndDestroy(Duration.ZERO);
            while (!kernel.lwps().isEmpty()) {
                LockSupport.parkNanos(10_000);
            }
            assertThat(dropped).doesNotHaveDuplicates().isSubsetOf(tasks);
            assertThat(runs.get() + dropped.size()).as("round %d", round).isEqualTo(8);
            assertThat(tasks).noneMatch(Task::pending);
        }
    }
}
