// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.Scale;
import org.percpu.tests.support.TestKernel;

/** taskq_destroy: drains, refuses others meanwhile, and happens once. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TaskqDestroyTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    private Taskq create(String name, int nthreads) {
        return Taskq.create(test.get(), name, nthreads, Ipl.NONE, Taskq.TASKQ_MPSAFE);
    }

    /** Adds itself a number of times. */
    private static Task chain(Taskq tq, int more, AtomicInteger runs) {
        AtomicInteger left = new AtomicInteger(more);
        Task task = new Task();
        task.set(
                self -> {
                    runs.incrementAndGet();
                    if (left.getAndDecrement() > 0) {
                        tq.add(self);
                    }
                },
                task);
        return task;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 10, 64})
    @Rule({"OTQ-27", "H7", "KL-7"})
    @DisplayName("H7: destroy of a queue that was never used ends its threads, by the kernel's word")
    void destroyOfAnUnusedQueue(int nthreads) {
        for (int flags : new int[] {0, Taskq.TASKQ_MPSAFE}) {
            Taskq tq = Taskq.create(test.get(), "h7", nthreads, Ipl.NONE, flags);
            List<Integer> tids =
                    tq.workers().stream().map(worker -> worker.thread().tid()).toList();
            tq.destroy();
            assertThat(test.get().queues()).isEmpty();
            Bounded.until("the threads are gone", () -> tids.stream().noneMatch(Proc::exists));
        }
    }

    @Test
    @Rule({"OTQ-27", "H8"})
    @DisplayName("H8: destroy of a queue with 4 pending tasks returns only after all four have ended")
    void destroyWaitsForPendingTasks() {
        Taskq tq = create("h8", 1);
        Plug plug = Plug.in(test.get(), tq);
        int[] ended = new int[1]; // the end of a task is visible after destroy
        for (int i = 0; i < 4; i++) {
            tq.add(Task.initializer(arg -> ended[0]++, null));
        }
        FutureTask<Boolean> destroyer = Bounded.startCode("destroyer", tq::destroy);
        assertThatThrownBy(() -> destroyer.get(100, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
        plug.pull();
        Bounded.join(destroyer);
        assertThat(ended[0]).isEqualTo(4);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5, 16, 32})
    @Rule({"OTQ-27", "H11", "Z13"})
    @DisplayName("H11: jobs that add themselves twice, two flushes and a destroy: three runs of each job on return")
    void destroyDrainsChains(int nthreads) {
        for (int jobs : new int[] {1, nthreads, 3 * nthreads}) {
            Taskq tq = create("h11", nthreads);
            AtomicInteger runs = new AtomicInteger();
            for (int i = 0; i < jobs; i++) {
                tq.add(chain(tq, 2, runs));
            }
            tq.barrier();
            tq.barrier();
            tq.destroy();
            assertThat(runs.get()).isEqualTo(3 * jobs);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    @Rule({"OTQ-27", "OTQ-12", "Z13", "Z14", "U7"})
    @DisplayName("Z13: while destroy drains, the queue's own tasks may add and are run, and others get ESHUTDOWN")
    void onlyOwnTasksAddDuringTheDrain(int nthreads) {
        Taskq tq = create("z13", nthreads);
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        AtomicInteger runs = new AtomicInteger();
        Task chained = chain(tq, 9, runs);
        tq.add(Task.initializer(
                arg -> {
                    inside.countDown();
                    Bounded.arrive(go);
                    assertThat(tq.add(chained)).isTrue();
                },
                null));
        Bounded.arrive(inside);
        FutureTask<Boolean> destroyer = Bounded.startCode("destroyer", tq::destroy);
        AtomicInteger probes = new AtomicInteger();
        AtomicInteger probesRan = new AtomicInteger();
        AtomicReference<Throwable> refusal = new AtomicReference<>();
        Bounded.until("outsiders are refused", () -> {
            Task probe = Task.initializer(AtomicInteger::incrementAndGet, probesRan);
            refusal.set(catchThrowable(() -> {
                tq.add(probe);
                probes.incrementAndGet();
            }));
            return refusal.get() != null && !probe.pending();
        });
        assertThat(refusal.get()).isInstanceOf(ErrnoException.class).hasMessageContaining("z13");
        assertThat(((ErrnoException) refusal.get()).errno()).isEqualTo(Errno.ESHUTDOWN);
        assertThat(destroyer.isDone()).isFalse();
        go.countDown();
        Bounded.join(destroyer);
        assertThat(runs.get()).isEqualTo(10);
        assertThat(probesRan.get()).isEqualTo(probes.get());
    }

    @Test
    @Rule({"OTQ-27", "OTQ-15"})
    @DisplayName("OTQ-15: while destroy drains, a queued task can still be deleted and does not run")
    void tasksCanBeDeletedDuringTheDrain() {
        Taskq tq = create("deldrain", 1);
        Plug plug = Plug.in(test.get(), tq);
        AtomicInteger runs = new AtomicInteger();
        Task task = Task.initializer(AtomicInteger::incrementAndGet, runs);
        tq.add(task);
        FutureTask<Boolean> destroyer = Bounded.startCode("destroyer", tq::destroy);
        Task probe = Task.initializer(arg -> {}, null);
        Bounded.until("destroy has begun", () -> catchThrowable(() -> tq.add(probe)) != null);
        assertThat(tq.del(task)).isTrue();
        plug.pull();
        Bounded.join(destroyer);
        assertThat(runs.get()).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    @Rule({"OTQ-28", "U5", "G11"})
    @DisplayName("OTQ-28, U5: destroy in a task of the queue is EDEADLK, by either call, and the queue goes on")
    void destroyInAnOwnTaskIsRefused(int nthreads) {
        Taskq tq = create("own", nthreads);
        List<Throwable> thrown = new ArrayList<>();
        tq.add(Task.initializer(
                arg -> {
                    thrown.add(catchThrowable(tq::destroy));
                    thrown.add(catchThrowable(tq::drainAndDestroy));
                },
                null));
        tq.barrier();
        assertThat(thrown).hasSize(2).allSatisfy(t -> {
            assertThat(t).isInstanceOf(ErrnoException.class).hasMessageContaining("own");
            assertThat(((ErrnoException) t).errno()).isEqualTo(Errno.EDEADLK);
        });
        AtomicInteger runs = new AtomicInteger();
        assertThat(tq.add(Task.initializer(AtomicInteger::incrementAndGet, runs)))
                .isTrue();
        tq.destroy();
        assertThat(runs.get()).isEqualTo(1);
    }

    @Test
    @Rule({"OTQ-28", "U6", "G11"})
    @DisplayName("OTQ-28, U6: destroying twice is EINVAL and names the queue; draining one that is gone drops nothing")
    void destroyingTwiceIsRefused() {
        Taskq tq = create("twice", 2);
        tq.destroy();
        Refusal.of(Errno.EINVAL, tq::destroy).contains("twice", "destroyed");
        assertThat(tq.drainAndDestroy(Duration.ZERO)).isEmpty();
        // It is as destroyed as before, and the kernel knows nothing of it.
        Task task = Task.initializer(arg -> {}, null);
        Refusal.of(Errno.ESHUTDOWN, () -> tq.add(task)).contains("twice");
        assertThat(task.pending()).isFalse();
        assertThat(test.get().queues()).isEmpty();
        Bounded.until("its threads are gone", () -> test.get().lwps().isEmpty());
    }

    @Test
    @Rule({"OTQ-28", "U6"})
    @DisplayName(
            "U6: of two threads that destroy a queue at once exactly one succeeds, the other gets EINVAL, every time")
    void twoThreadsDestroyAtOnce() {
        int rounds = Scale.of(1_500, 50_000);
        AtomicReference<Taskq> current = new AtomicReference<>();
        CyclicBarrier start = new CyclicBarrier(2);
        AtomicInteger wins = new AtomicInteger();
        FutureTask<Boolean> rival = Bounded.startCode("rival", () -> {
            for (int i = 0; i < rounds; i++) {
                Bounded.meet(start);
                destroy(current.get(), wins);
                Bounded.meet(start);
            }
        });
        int[] winners = new int[3];
        for (int i = 0; i < rounds; i++) {
            current.set(create("race", 1));
            Bounded.meet(start);
            for (int pause = i & 127; pause > 0; pause--) {
                Thread.onSpinWait();
            }
            destroy(current.get(), wins);
            Bounded.meet(start);
            winners[wins.getAndSet(0)]++;
        }
        Bounded.join(rival);
        assertThat(winners).as("rounds with 0, 1 and 2 winners").containsExactly(0, rounds, 0);
    }

    private static void destroy(Taskq tq, AtomicInteger wins) {
        try {
            tq.destroy();
            wins.incrementAndGet();
        } catch (ErrnoException e) {
            assertThat(e.errno()).isEqualTo(Errno.EINVAL);
        }
    }

    @Test
    @Rule({"OTQ-27", "KL-3"})
    @DisplayName("KL-3: destroy drops the kernel lock while it waits for a task that needs it, and has it again after")
    void destroyDropsTheKernelLock() {
        Kernel kernel = test.get();
        Taskq tq = Taskq.create(kernel, "kl3", 2, Ipl.NONE, 0);
        AtomicInteger runs = new AtomicInteger();
        kernel.lock().lock();
        kernel.lock().lock();
        try {
            tq.add(chain(tq, 5, runs));
            tq.destroy();
            assertThat(kernel.lock().holds()).isEqualTo(2);
        } finally {
            kernel.lock().unlock();
            kernel.lock().unlock();
        }
        assertThat(runs.get()).isEqualTo(6);
    }
}
