// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.netbsd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WorkerState;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.Scale;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

/** workqueue_destroy: never drains, never loses, never hangs. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class WorkqueueDestroyTest {
    private static final int BOTH = Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    @Test
    @Rule("NWQ-21")
    @DisplayName("after destroy of an idle queue its workers are gone, by the kernel's word, and so is the queue")
    void destroyEndsTheWorkers() {
        Kernel kernel = test.get();
        Workqueue<Work> wq = test.workqueue("idle", BOTH, (work, arg) -> {});
        List<Integer> tids =
                wq.workers().stream().map(worker -> worker.thread().tid()).toList();
        assertThat(kernel.queues()).containsExactly(wq);
        wq.destroy();
        assertThat(kernel.queues()).isEmpty();
        Bounded.until("the threads are gone", () -> tids.stream().noneMatch(Proc::exists));
        Bounded.until("the kernel has no thread", () -> kernel.lwps().isEmpty());
    }

    @Test
    @Rule({"NWQ-20", "NWQ-22", "U4", "G3"})
    @DisplayName(
            "NWQ-20, NWQ-22, U4: destroy with a pending work is EBUSY, names the queue, and the queue goes on as before")
    void destroyWithPendingWorkIsBusy() {
        CountDownLatch entered = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        AtomicInteger runs = new AtomicInteger();
        Workqueue<Work> wq = test.workqueue("pending", 0, (work, arg) -> {
            entered.countDown();
            Bounded.arrive(go);
            runs.incrementAndGet();
        });
        wq.enqueue(new Work(), null);
        Bounded.arrive(entered);
        Work pending = new Work();
        wq.enqueue(pending, null);
        Refusal.of(Errno.EBUSY, wq::destroy).contains("pending", "drainAndDestroy");
        // Nothing has changed: still listed, still pending once, still taking works.
        assertThat(test.get().queues()).containsExactly(wq);
        assertThat(wq.workers().get(0).pending()).isEqualTo(1);
        Refusal.of(Errno.EBUSY, () -> wq.enqueue(pending, null));
        wq.enqueue(new Work(), null);
        go.countDown();
        Bounded.until("all ran", () -> wq.workers().get(0).executed() == 3);
        wq.destroy();
        assertThat(runs.get()).isEqualTo(3);
    }

    @Test
    @Rule({"NWQ-21", "U4", "G3"})
    @DisplayName(
            "NWQ-21: destroy while the first of a batch of two sleeps is EBUSY: the second is taken but not started")
    void destroyInTheMiddleOfABatchIsBusy() {
        Kernel kernel = test.get();
        CountDownLatch plugged = new CountDownLatch(1);
        CountDownLatch plug = new CountDownLatch(1);
        CountDownLatch first = new CountDownLatch(1);
        CountDownLatch second = new CountDownLatch(1);
        Object ident = new Object();
        AtomicInteger runs = new AtomicInteger();
        Workqueue<Work> wq = test.workqueue("batch", Workqueue.WQ_MPSAFE, (work, arg) -> {
            switch (runs.getAndIncrement()) {
                case 0 -> {
                    plugged.countDown();
                    Bounded.arrive(plug);
                }
                case 1 -> {
                    first.countDown();
                    while (second.getCount() > 0) {
                        kernel.sleepq().tsleep(ident, "batch", 1_000_000);
                    }
                }
                default -> {}
            }
        });
        wq.enqueue(new Work(), null);
        Bounded.arrive(plugged);
        wq.enqueue(new Work(), null);
        wq.enqueue(new Work(), null);
        plug.countDown();
        Bounded.arrive(first);
        // Both works were taken as one batch; the one that has not started is still pending.
        assertThat(wq.workers().get(0).pending()).isEqualTo(1);
        Refusal.of(Errno.EBUSY, wq::destroy).contains("batch");
        second.countDown();
        kernel.sleepq().wakeup(ident);
        Bounded.until("both ran", () -> wq.workers().get(0).executed() == 3);
        wq.destroy();
        assertThat(runs.get()).isEqualTo(3);
    }

    @Test
    @Rule("NWQ-21")
    @DisplayName("NWQ-21: destroy waits for the last callback of a batch and returns after it")
    void destroyWaitsForTheRunningCallback() {
        CountDownLatch entered = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        AtomicInteger returned = new AtomicInteger();
        Workqueue<Work> wq = test.workqueue("last", Workqueue.WQ_MPSAFE, (work, arg) -> {
            entered.countDown();
            Bounded.arrive(go);
            returned.incrementAndGet();
        });
        wq.enqueue(new Work(), null);
        Bounded.arrive(entered);
        AtomicInteger seen = new AtomicInteger(-1);
        FutureTask<Boolean> destroyer = new FutureTask<>(
                () -> {
                    wq.destroy();
                    seen.set(returned.get());
                },
                true);
        Thread thread = new Thread(destroyer, "destroyer");
        thread.setDaemon(true);
        thread.start();
        Bounded.until("destroy waits", () -> thread.getState() == Thread.State.WAITING);
        Refusal.of(Errno.ESHUTDOWN, () -> wq.enqueue(new Work(), null));
        assertThat(destroyer.isDone()).isFalse();
        go.countDown();
        Bounded.join(destroyer);
        assertThat(seen.get()).isEqualTo(returned.get()).isPositive();
    }

    @Test
    @Rule({"U5", "G3"})
    @DisplayName("U5: destroy from a callback of the queue is EDEADLK, and the queue goes on")
    void destroyFromItsOwnCallbackIsADeadlock() {
        AtomicReference<Workqueue<Work>> self = new AtomicReference<>();
        List<Throwable> thrown = new ArrayList<>();
        AtomicInteger runs = new AtomicInteger();
        Workqueue<Work> wq = test.workqueue("own", BOTH, (work, arg) -> {
            synchronized (thrown) {
                thrown.add(catchThrowable(() -> self.get().destroy()));
                thrown.add(catchThrowable(() -> self.get().drainAndDestroy()));
            }
            runs.incrementAndGet();
        });
        self.set(wq);
        int cpus = test.get().cpus().size();
        for (int i = 0; i < 2; i++) {
            int before = runs.get();
            test.get().cpus().forEach(cpu -> wq.enqueue(new Work(), cpu));
            Bounded.until("they ran", () -> runs.get() == before + cpus);
        }
        Bounded.until("idle", () -> executed(wq) == 2L * cpus);
        wq.destroy();
        assertThat(thrown).hasSize(4 * cpus).allMatch(t -> ((ErrnoException) t).errno() == Errno.EDEADLK);
        assertThat(thrown.get(0)).hasMessageContaining("own");
    }

    private static long executed(Workqueue<?> wq) {
        return wq.workers().stream().mapToLong(WorkerState::executed).sum();
    }

    @Test
    @Rule("U6")
    @DisplayName("U6: destroying twice is EINVAL; of two threads at once one succeeds")
    void destroyingTwiceIsAnError() {
        Workqueue<Work> wq = test.workqueue("twice", 0, (work, arg) -> {});
        wq.destroy();
        Refusal.of(Errno.EINVAL, wq::destroy).contains("twice");
        // It is as destroyed as before, and the kernel knows nothing of it.
        Refusal.of(Errno.ESHUTDOWN, () -> wq.enqueue(new Work(), null)).contains("twice");
        assertThat(test.get().queues()).isEmpty();
        Bounded.until("its worker is gone", () -> test.get().lwps().isEmpty());

        for (int round = 0; round < 100; round++) {
            Workqueue<Work> raced = test.workqueue("raced", 0, (work, arg) -> {});
            CyclicBarrier start = new CyclicBarrier(2);
            AtomicInteger succeeded = new AtomicInteger();
            AtomicInteger refused = new AtomicInteger();
            List<FutureTask<Boolean>> threads = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                threads.add(Bounded.startCode("destroyer", () -> {
                    Bounded.meet(start);
                    try {
                        raced.destroy();
                        succeeded.incrementAndGet();
                    } catch (ErrnoException e) {
                        assertThat(e.errno()).isEqualTo(Errno.EINVAL);
                        refused.incrementAndGet();
                    }
                }));
            }
            threads.forEach(Bounded::join);
            assertThat(succeeded.get()).isEqualTo(1);
            assertThat(refused.get()).isEqualTo(1);
            assertThat(test.get().queues()).isEmpty();
        }
    }

    @Test
    @Rule({"KL-3", "NWQ-21"})
    @DisplayName(
            "KL-3: destroy drops the kernel lock while it waits for a callback that needs it, and has it again after")
    void destroyDropsTheKernelLock() {
        Kernel kernel = test.get();
        CountDownLatch entered = new CountDownLatch(1);
        AtomicInteger inside = new AtomicInteger();
        Workqueue<Work> wq = test.workqueue("klock", Workqueue.WQ_MPSAFE, (work, arg) -> {
            entered.countDown();
            kernel.lock().lock();
            inside.incrementAndGet();
            kernel.lock().unlock();
        });
        Bounded.run("destroyer", () -> {
            kernel.lock().lock();
            kernel.lock().lock();
            wq.enqueue(new Work(), null);
            Bounded.arrive(entered);
            wq.destroy();
            assertThat(inside.get()).isEqualTo(1);
            assertThat(kernel.lock().holds()).isEqualTo(2);
            kernel.lock().unlock();
            kernel.lock().unlock();
        });
    }

    @Test
    @Rule("U12")
    @DisplayName("U12: destroy in a thread that must not sleep is EPERM and the queue stays in use")
    void destroyNeedsACallerThatMaySleep() {
        CountDownLatch ran = new CountDownLatch(1);
        Workqueue<Work> wq = test.workqueue("sleepable", 0, (work, arg) -> ran.countDown());
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        CountDownLatch done = new CountDownLatch(1);
        Kthread.create(
                test.get(),
                Pri.PRI_NONE,
                Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_INTR,
                null,
                arg -> {
                    thrown.set(catchThrowable(wq::destroy));
                    done.countDown();
                    throw Kthread.exit(0);
                },
                null,
                "intr");
        Bounded.arrive(done);
        assertThat(thrown.get()).isInstanceOf(ErrnoException.class).hasMessageContaining("EPERM");
        wq.enqueue(new Work(), null);
        Bounded.arrive(ran);
        wq.destroy();
    }

    @Test
    @Rule({"U4", "NWQ-20"})
    @DisplayName("U4: drainAndDestroy runs everything, what callbacks add meanwhile too, and refuses other threads")
    void drainAndDestroyRunsEverything() {
        AtomicInteger runs = new AtomicInteger();
        AtomicReference<Workqueue<Work>> self = new AtomicReference<>();
        CountDownLatch entered = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        Workqueue<Work> wq = test.workqueue("drain", Workqueue.WQ_MPSAFE, (work, arg) -> {
            entered.countDown();
            Bounded.arrive(go);
            if (runs.incrementAndGet() <= 100) {
                self.get().enqueue(new Work(), null);
            }
        });
        self.set(wq);
        for (int i = 0; i < 100; i++) {
            wq.enqueue(new Work(), null);
        }
        Bounded.arrive(entered);
        FutureTask<Boolean> drainer = Bounded.startCode("drainer", wq::drainAndDestroy);
        AtomicInteger taken = new AtomicInteger();
        Bounded.until("others are refused", () -> {
            try {
                wq.enqueue(new Work(), null);
                taken.incrementAndGet();
                return false;
            } catch (ErrnoException e) {
                assertThat(e.errno()).isEqualTo(Errno.ESHUTDOWN);
                return true;
            }
        });
        go.countDown();
        Bounded.join(drainer);
        assertThat(runs.get()).isEqualTo(200 + taken.get());
        Bounded.run("a second drain", wq::drainAndDestroy);
    }

    @Test
    @Rule({"U7", "NWQ-20", "NWQ-21"})
    @DisplayName("U7: of enqueues that race with destroy each either ran or got ESHUTDOWN, by exact count")
    void enqueuesRacingWithDestroyRunOrAreRefused() {
        int rounds = Scale.of(150, 5_000);
        long taken = 0;
        for (int round = 0; round < rounds; round++) {
            // The page's destroy wants a moment without works, which three hasty producers would never leave.
            taken += round % 2 == 0 ? raceWithDestroy(3, false) : raceWithDestroy(1, true);
        }
        assertThat(taken).isGreaterThan(rounds);
    }

    private static final class Seen extends Work {
        volatile boolean ran;
    }

    private long raceWithDestroy(int producers, boolean oneAtATime) {
        AtomicLong ran = new AtomicLong();
        AtomicLong taken = new AtomicLong();
        Workqueue<Seen> wq = Workqueue.create(
                test.get(),
                "race",
                (work, arg) -> {
                    ran.incrementAndGet();
                    work.ran = true;
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                BOTH);
        CyclicBarrier start = new CyclicBarrier(producers + 1);
        List<FutureTask<Boolean>> threads = new ArrayList<>();
        for (int p = 0; p < producers; p++) {
            threads.add(Bounded.startCode("producer", () -> {
                Bounded.meet(start);
                while (true) {
                    Seen work = new Seen();
                    try {
                        wq.enqueue(work, null);
                    } catch (ErrnoException e) {
                        assertThat(e.errno()).isEqualTo(Errno.ESHUTDOWN);
                        return;
                    }
                    taken.incrementAndGet();
                    while (oneAtATime && !work.ran) {
                        Thread.onSpinWait();
                    }
                }
            }));
        }
        Bounded.meet(start);
        Bounded.until("something ran", () -> ran.get() > 0);
        if (oneAtATime) {
            destroyWhenIdle(wq);
        } else {
            wq.drainAndDestroy();
        }
        long ranAtReturn = ran.get();
        threads.forEach(Bounded::join);
        assertThat(ranAtReturn).as("nothing runs after destroy").isEqualTo(ran.get());
        assertThat(ran.get()).as("taken and run").isEqualTo(taken.get());
        return taken.get();
    }

    private static void destroyWhenIdle(Workqueue<?> wq) {
        Bounded.until("destroy finds a moment without works", () -> {
            try {
                wq.destroy();
                return true;
            } catch (ErrnoException e) {
                assertThat(e.errno()).isEqualTo(Errno.EBUSY);
                return false;
            }
        });
    }
}
