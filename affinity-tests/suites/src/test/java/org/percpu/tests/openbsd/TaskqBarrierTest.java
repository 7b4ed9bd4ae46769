// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.Scale;
import org.percpu.tests.support.TestKernel;

/** taskq_barrier and taskq_del_barrier. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TaskqBarrierTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    private Taskq create(String name, int nthreads) {
        return Taskq.create(test.get(), name, nthreads, Ipl.NONE, Taskq.TASKQ_MPSAFE);
    }

    private static void assertStillWaits(FutureTask<Boolean> waiter, String why) {
        assertThatThrownBy(() -> waiter.get(100, TimeUnit.MILLISECONDS)).as(why).isInstanceOf(TimeoutException.class);
    }

    /** A barrier raised by a thread of its own, in the queue when this returns. */
    private static FutureTask<Boolean> raise(Taskq tq, Bounded.Code after) {
        int pending = tq.workers().get(0).pending();
        FutureTask<Boolean> barrier = Bounded.startCode("barrier", () -> {
            tq.barrier();
            after.run();
        });
        Bounded.until("the barrier is in the queue", () -> tq.workers().get(0).pending() == pending + 1);
        return barrier;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 8})
    @Rule({"OTQ-31", "Z12"})
    @DisplayName("Z12: the barrier of an idle queue returns at once, also twice, and leaves nothing queued")
    void anIdleQueueHasNothingToWaitFor(int nthreads) {
        Taskq tq = create("z12", nthreads);
        tq.barrier();
        tq.barrier();
        assertThat(tq.workers()).allMatch(worker -> worker.pending() == 0);
        tq.destroy();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8})
    @Rule({"OTQ-31", "S4"})
    @DisplayName("OTQ-31, S4: for n = 1, 2, 4 ... 1024 tasks, all have ended when the barrier returns")
    void allBeforeTheBarrierHaveEnded(int nthreads) {
        Taskq tq = create("s4", nthreads);
        for (int n = 1; n <= 1024; n *= 2) {
            AtomicInteger ended = new AtomicInteger();
            int[] plain = new int[n]; // the end of a task is visible after the barrier
            for (int i = 0; i < n; i++) {
                tq.add(Task.initializer(
                        index -> {
                            plain[index] = 1;
                            ended.incrementAndGet();
                        },
                        i));
            }
            tq.barrier();
            assertThat(ended.get()).isEqualTo(n);
            assertThat(plain).containsOnly(1);
        }
        tq.destroy();
    }

    private static boolean sleepsInKernel(String thread) {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(t -> t.getName().equals(thread))
                .map(LockSupport::getBlocker)
                .anyMatch(blocker ->
                        blocker != null && blocker.getClass().getName().equals("org.percpu.lwp.WaitChannel"));
    }

    @Test
    @Rule({"OTQ-31", "S5"})
    @DisplayName("S5: with three threads and uneven tasks the barrier waits for exactly the tasks added before it")
    void theBarrierDoesNotWaitForLaterTasks() {
        Taskq tq = create("s5", 3);
        Plug first = Plug.in(test.get(), tq);
        Plug second = Plug.in(test.get(), tq);
        AtomicInteger overtook = new AtomicInteger();
        tq.add(Task.initializer(AtomicInteger::incrementAndGet, overtook));
        FutureTask<Boolean> barrier = Bounded.startCode("barrier", tq::barrier);
        Bounded.until("the third ran, later ids may overtake", () -> overtook.get() == 1);
        // It is in the queue before it sleeps; without this, a late barrier would stand behind the later task.
        Bounded.until("the barrier sleeps", () -> sleepsInKernel("barrier"));
        Bounded.until("the barrier is at the front", () -> tq.workers().get(0).pending() == 0);
        first.pull();
        // Stands behind the barrier, and keeps a thread busy while the barrier ends.
        Plug later = Plug.in(test.get(), tq);
        assertStillWaits(barrier, "the second task was added before it and still runs");
        second.pull();
        Bounded.join(barrier);
        later.pull();
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-33", "G20"})
    @DisplayName(
            "OTQ-33: a barrier in a task of the only thread returns at once, and of several when the others are done")
    void aBarrierInsideCountsItselfAsPassed() {
        for (int nthreads : new int[] {1, 2, 5}) {
            Taskq tq = create("g20", nthreads);
            List<Plug> plugs = new ArrayList<>();
            for (int i = 1; i < nthreads; i++) {
                plugs.add(Plug.in(test.get(), tq));
            }
            AtomicInteger behind = new AtomicInteger();
            CountDownLatch inside = new CountDownLatch(1);
            FutureTask<Integer> outcome = new FutureTask<>(() -> {
                inside.countDown();
                tq.barrier();
                return behind.get();
            });
            tq.add(Task.initializer(arg -> outcome.run(), null));
            Bounded.arrive(inside);
            if (nthreads > 1) {
                assertThatThrownBy(() -> outcome.get(50, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
            }
            plugs.forEach(Plug::pull);
            Bounded.join(outcome);
            tq.destroy();
        }
    }

    @Test
    @Rule({"OTQ-33", "OTQ-32", "G20"})
    @DisplayName("G20: barriers in a task of each of four threads at once all return")
    void barriersInsideOfAllThreadsReturn() {
        Taskq tq = create("all", 4);
        for (int round = 0; round < 100; round++) {
            CyclicBarrier meeting = new CyclicBarrier(4);
            AtomicInteger returned = new AtomicInteger();
            for (int i = 0; i < 4; i++) {
                tq.add(Task.initializer(
                        arg -> {
                            Bounded.meet(meeting);
                            tq.barrier();
                            returned.incrementAndGet();
                        },
                        null));
            }
            Bounded.until("all returned", () -> returned.get() == 4);
        }
        tq.destroy();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    @Rule({"OTQ-31", "OTQ-32", "OTQ-33", "G20"})
    @DisplayName("G20: barriers inside of all threads do not let an outside barrier pass what is queued before it")
    void aBarrierInsideDoesNotFreeOneOutside(int nthreads) {
        Taskq tq = create("outside", nthreads);
        CountDownLatch inside = new CountDownLatch(nthreads);
        CountDownLatch raised = new CountDownLatch(1);
        CountDownLatch returned = new CountDownLatch(nthreads);
        CountDownLatch end = new CountDownLatch(1);
        for (int i = 0; i < nthreads; i++) {
            tq.add(Task.initializer(
                    arg -> {
                        inside.countDown();
                        Bounded.arrive(raised);
                        tq.barrier();
                        returned.countDown();
                        Bounded.arrive(end);
                    },
                    null));
        }
        Bounded.arrive(inside);
        AtomicBoolean queuedRan = new AtomicBoolean();
        AtomicBoolean seenOutside = new AtomicBoolean();
        tq.add(Task.initializer(flag -> flag.set(true), queuedRan));
        FutureTask<Boolean> outside = raise(tq, () -> seenOutside.set(queuedRan.get()));
        raised.countDown();
        Bounded.arrive(returned);
        try {
            assertStillWaits(outside, "a task queued before the outside barrier has not run");
        } finally {
            end.countDown();
            Bounded.join(outside);
            tq.destroy();
        }
        assertThat(seenOutside.get()).isTrue();
    }

    @Test
    @Rule({"OTQ-32", "G20"})
    @DisplayName("OTQ-32: of two barriers at once each waits for what was queued before it, and not for more")
    void twoBarriersAtOnce() {
        Taskq tq = create("two", 1);
        Plug plug = Plug.in(test.get(), tq);
        FutureTask<Boolean> first = raise(tq, () -> {});
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        tq.add(Task.initializer(
                arg -> {
                    inside.countDown();
                    Bounded.arrive(go);
                },
                null));
        FutureTask<Boolean> second = raise(tq, () -> {});
        assertStillWaits(first, "the plug runs");
        plug.pull();
        Bounded.join(first);
        Bounded.arrive(inside);
        assertStillWaits(second, "a task before it runs");
        go.countDown();
        Bounded.join(second);
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-31", "KL-3"})
    @DisplayName("KL-3: barrier and del_barrier drop the kernel lock while they wait for a task that needs it")
    void theBarrierDropsTheKernelLock() {
        Kernel kernel = test.get();
        Taskq tq = Taskq.create(kernel, "kl3", 1, Ipl.NONE, 0);
        AtomicInteger ran = new AtomicInteger();
        Task task = Task.initializer(AtomicInteger::incrementAndGet, ran);
        kernel.lock().lock();
        kernel.lock().lock();
        try {
            tq.add(task);
            tq.barrier();
            assertThat(ran.get()).isEqualTo(1);
            tq.add(task);
            while (task.pending()) {
                Thread.onSpinWait();
                kernel.lock().offer();
            }
            tq.delBarrier(task);
            assertThat(ran.get()).isEqualTo(2);
            assertThat(kernel.lock().holds()).isEqualTo(2);
        } finally {
            kernel.lock().unlock();
            kernel.lock().unlock();
        }
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-34", "OTQ-18", "Z11", "N10"})
    @DisplayName("OTQ-34, Z11: del_barrier of a queued task returns true at once, and of an idle one false at once")
    void delBarrierOfAQueuedTask() {
        Taskq tq = create("z11", 1);
        AtomicInteger runs = new AtomicInteger();
        Task task = Task.initializer(AtomicInteger::incrementAndGet, runs);
        assertThat(tq.delBarrier(task)).isFalse();
        Plug plug = Plug.in(test.get(), tq);
        tq.add(task);
        assertThat(tq.delBarrier(task)).isTrue();
        assertThat(task.pending()).isFalse();
        plug.pull();
        tq.barrier();
        assertThat(runs.get()).isZero();
        tq.destroy();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    @Rule({"OTQ-34", "Z8", "Z10", "Z11", "N10"})
    @DisplayName("OTQ-34, N10: del_barrier of a running task returns when it has ended, whatever else is queued")
    void delBarrierOfARunningTask(int nthreads) {
        Taskq tq = create("n10", nthreads);
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        AtomicBoolean ended = new AtomicBoolean();
        Task task = Task.initializer(
                arg -> {
                    inside.countDown();
                    Bounded.arrive(go);
                    ended.set(true);
                },
                null);
        tq.add(task);
        Bounded.arrive(inside);
        tq.add(task); // also queued once more
        FutureTask<Boolean> waiter = Bounded.start("del_barrier", () -> tq.delBarrier(task) && ended.get());
        if (nthreads == 1) {
            assertStillWaits(waiter, "the task runs");
            go.countDown();
            assertThat(Bounded.join(waiter)).isTrue();
        } else {
            // The second run may have begun before it was deleted.
            assertStillWaits(waiter, "the task runs");
            go.countDown();
            Bounded.join(waiter);
            assertThat(ended.get()).isTrue();
        }
        assertThat(task.pending()).isFalse();
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-34", "OTQ-33"})
    @DisplayName("OTQ-34: del_barrier in the task itself takes its next run back and does not wait for the caller")
    void delBarrierInTheTaskItself() {
        Taskq tq = create("itself", 1);
        AtomicInteger runs = new AtomicInteger();
        AtomicBoolean deleted = new AtomicBoolean();
        Task task = new Task();
        task.set(
                self -> {
                    runs.incrementAndGet();
                    tq.add(self);
                    deleted.set(tq.delBarrier(self));
                },
                task);
        tq.add(task);
        Bounded.until("it returned", () -> deleted.get());
        tq.barrier();
        assertThat(runs.get()).isEqualTo(1);
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-34", "OTQ-16"})
    @DisplayName("OTQ-34: after del_barrier the task is neither queued nor running, in 20000 races with its run")
    void afterDelBarrierTheTaskIsAtRest() {
        int rounds = Scale.of(20_000, 1_000_000);
        Taskq tq = create("rest", 2);
        int[] plain = new int[1]; // no two runs and no look overlap
        Task task = Task.initializer(arg -> plain[0]++, null);
        int expected = 0;
        for (int i = 0; i < rounds; i++) {
            assertThat(tq.add(task)).isTrue();
            for (int pause = i & 255; pause > 0; pause--) {
                Thread.onSpinWait();
            }
            expected += tq.delBarrier(task) ? 0 : 1;
            assertThat(plain[0]).isEqualTo(expected);
        }
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-31", "H10"})
    @DisplayName("H10: 32 tasks on 32 threads that are all inside at once have all ended when the barrier returns")
    void thirtyTwoThreads() {
        Taskq tq = create("h10", 32);
        CyclicBarrier allInside = new CyclicBarrier(32);
        AtomicInteger ended = new AtomicInteger();
        for (int i = 0; i < 32; i++) {
            tq.add(Task.initializer(
                    arg -> {
                        Bounded.meet(allInside);
                        ended.incrementAndGet();
                    },
                    null));
        }
        tq.barrier();
        assertThat(ended.get()).isEqualTo(32);
        tq.destroy();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 8, 17})
    @Rule({"OTQ-31", "OTQ-27", "H12", "G20"})
    @DisplayName(
            "H12: 17 threads add a task each and wait in barriers while the queue is destroyed: each task ran once")
    void barriersRaceWithDestroy(int nthreads) {
        for (int round = 0; round < Scale.of(10, 500); round++) {
            Taskq tq = create("h12", nthreads);
            CyclicBarrier added = new CyclicBarrier(18);
            List<FutureTask<Boolean>> flushers = new ArrayList<>();
            AtomicInteger wrong = new AtomicInteger();
            for (int i = 0; i < 17; i++) {
                flushers.add(Bounded.startCode("flusher", () -> {
                    AtomicInteger mine = new AtomicInteger();
                    tq.add(Task.initializer(AtomicInteger::incrementAndGet, mine));
                    Bounded.meet(added);
                    tq.barrier();
                    wrong.addAndGet(mine.get() == 1 ? 0 : 1);
                }));
            }
            Bounded.meet(added);
            tq.destroy();
            flushers.forEach(Bounded::join);
            assertThat(wrong.get()).isZero();
        }
    }

    @Test
    @Rule({"OTQ-31", "OTQ-32", "H13"})
    @DisplayName(
            "H13: 13 threads flush in a loop while 1000 tasks come in small batches, with 1 to 30 threads: none is stuck")
    void theFlushParty() {
        for (int nthreads = 1; nthreads <= 30; nthreads++) {
            Taskq tq = create("h13", nthreads);
            AtomicBoolean stop = new AtomicBoolean();
            AtomicInteger added = new AtomicInteger();
            AtomicInteger ran = new AtomicInteger();
            AtomicInteger early = new AtomicInteger();
            List<FutureTask<Boolean>> flushers = new ArrayList<>();
            for (int i = 0; i < 13; i++) {
                flushers.add(Bounded.startCode("flusher", () -> {
                    while (!stop.get()) {
                        int before = added.get();
                        tq.barrier();
                        if (ran.get() < before) {
                            early.incrementAndGet();
                        }
                    }
                }));
            }
            for (int i = 0; i < Scale.of(200, 1000); i++) {
                for (int k = 0; k < 5; k++) {
                    tq.add(Task.initializer(AtomicInteger::incrementAndGet, ran));
                    added.incrementAndGet();
                }
                Thread.onSpinWait();
            }
            stop.set(true);
            flushers.forEach(Bounded::join);
            tq.destroy();
            assertThat(ran.get()).isEqualTo(added.get());
            assertThat(early.get()).as("barriers that returned early").isZero();
        }
    }

    @Test
    @Rule({"OTQ-31", "OTQ-27"})
    @DisplayName("a barrier on a destroyed queue returns at once: everything before it has ended")
    void aBarrierAfterDestroy() {
        Taskq tq = create("after", 2);
        tq.destroy();
        Bounded.run("barrier", tq::barrier);
        assertThat(Bounded.call("del_barrier", () -> tq.delBarrier(new Task()))).isFalse();
    }
}
