// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.netbsd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.Cpu;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Affinity;
import org.percpu.thread.CpuThread;
import org.percpu.thread.Pri;

/** workqueue_enqueue. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class WorkqueueEnqueueTest {
    private static final int BOTH = Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private static final class Numbered extends Work {
        final int producer;
        final int number;

        Numbered(int producer, int number) {
            this.producer = producer;
            this.number = number;
        }
    }

    private static final class Plug extends Work {}

    /** A queue whose worker is held in its first work until told. */
    private static final class Plugged {
        final CountDownLatch plugged = new CountDownLatch(1);
        final CountDownLatch release = new CountDownLatch(1);
        final List<Work> ran = new CopyOnWriteArrayList<>();
        final Workqueue<Work> wq;

        Plugged(Kernel kernel, int flags) {
            wq = Workqueue.create(kernel, "plugged", this::run, null, Pri.PRI_NONE, Ipl.NONE, flags);
            wq.enqueue(
                    new Plug(),
                    (flags & Workqueue.WQ_PERCPU) == 0 ? null : kernel.cpus().get(0));
            Bounded.arrive(plugged);
        }

        private void run(Work work, Object arg) {
            if (work instanceof Plug) {
                plugged.countDown();
                Bounded.arrive(release);
            } else {
                ran.add(work);
            }
        }
    }

    @Test
    @Rule("NWQ-1")
    @DisplayName("NWQ-1: enqueue allocates nothing, whether the worker is busy or has to be woken")
    void enqueueAllocatesNothing() {
        Machine.needsLinux("the simulation's own calls allocate");
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        AtomicInteger ran = new AtomicInteger();
        Workqueue<Work> wq = Workqueue.create(
                test.get(), "alloc", (work, arg) -> ran.incrementAndGet(), null, Pri.PRI_NONE, Ipl.NONE, BOTH);
        Cpu cpu = test.cpu(0);
        int rounds = 20_000;
        List<Work> works = new ArrayList<>();
        for (int i = 0; i < rounds; i++) {
            works.add(new Work());
        }
        // Method handles allocate until they are compiled, so the first rounds do not count.
        long fewest = Bounded.call("producer", () -> {
            long least = Long.MAX_VALUE;
            for (int window = 0; window < 40 && least > 0; window++) {
                long before =
                        threads.getThreadAllocatedBytes(Thread.currentThread().getId());
                for (int i = 0; i < rounds; i++) {
                    wq.enqueue(works.get(i), cpu);
                    if (i % 16 == 0 || i == rounds - 1) {
                        spinUntil(ran, window * rounds + i + 1);
                    }
                }
                least = Math.min(
                        least,
                        threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - before);
            }
            return least;
        });
        assertThat(fewest).as("bytes for %d enqueues", rounds).isZero();
        wq.destroy();
    }

    private static void spinUntil(AtomicInteger counter, int least) {
        while (counter.get() < least) {
            Thread.onSpinWait();
        }
    }

    @Test
    @Rule("NWQ-1")
    @DisplayName("NWQ-1: the queue keeps nothing in a work that has run: the same object goes to another queue")
    void aWorkBelongsToTheCaller() {
        CountDownLatch first = new CountDownLatch(1);
        CountDownLatch second = new CountDownLatch(1);
        Workqueue<Work> one = queue("one", first);
        Workqueue<Work> two = queue("two", second);
        Work work = new Work();
        one.enqueue(work, null);
        Bounded.arrive(first);
        two.enqueue(work, null);
        Bounded.arrive(second);
        one.destroy();
        two.destroy();
    }

    private Workqueue<Work> queue(String name, CountDownLatch ran) {
        return Workqueue.create(
                test.get(), name, (work, arg) -> ran.countDown(), null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_MPSAFE);
    }

    @Test
    @Rule("NWQ-3")
    @DisplayName("with no CPU given, the work runs on the CPU the caller is on")
    void noCpuMeansTheCallersCpu() {
        Machine.needsCpus(2);
        List<Integer> ranOn = new CopyOnWriteArrayList<>();
        Workqueue<Work> wq = Workqueue.create(
                test.get(),
                "here",
                (work, arg) -> ranOn.add(Affinity.currentCpu()),
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                BOTH);
        for (Cpu cpu : test.get().cpus()) {
            ranOn.clear();
            CpuThread.builder("caller").cpu(cpu).start(() -> {
                for (int i = 0; i < 100; i++) {
                    wq.enqueue(new Work(), null);
                }
            });
            Bounded.until("100 works ran", () -> ranOn.size() == 100);
            assertThat(ranOn).containsOnly(cpu.id());
        }
        wq.destroy();
    }

    @Test
    @Rule("NWQ-10")
    @DisplayName("NWQ-10: what the caller wrote before enqueue is visible to the callback")
    void writesBeforeEnqueueAreVisible() {
        int rounds = 100_000;
        int[] data = new int[1];
        int[] wrong = new int[1];
        AtomicInteger ran = new AtomicInteger();
        Workqueue<Numbered> wq = Workqueue.create(
                test.get(),
                "visible",
                (work, arg) -> {
                    if (data[0] != work.number) {
                        wrong[0]++;
                    }
                    ran.incrementAndGet();
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                BOTH);
        for (int i = 0; i < rounds; i++) {
            data[0] = i;
            wq.enqueue(new Numbered(0, i), test.cpu(i % test.get().cpus().size()));
            while (ran.get() <= i) {
                Thread.onSpinWait();
            }
        }
        assertThat(wrong[0]).isZero();
        wq.destroy();
    }

    @Test
    @Rule({"NWQ-11", "NWQ-15"})
    @DisplayName("NWQ-11: works of one producer run in the order of their enqueues, with eight producers at once")
    void eachProducersWorksRunInOrder() {
        int producers = 8;
        int each = 10_000;
        int[] next = new int[producers];
        AtomicInteger disorder = new AtomicInteger();
        AtomicInteger ran = new AtomicInteger();
        Workqueue<Numbered> wq = Workqueue.create(
                test.get(),
                "order",
                (work, arg) -> {
                    if (next[work.producer]++ != work.number) {
                        disorder.incrementAndGet();
                    }
                    ran.incrementAndGet();
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE);
        List<FutureTask<Boolean>> threads = new ArrayList<>();
        CyclicBarrier start = new CyclicBarrier(producers);
        for (int p = 0; p < producers; p++) {
            int producer = p;
            threads.add(Bounded.startCode("producer", () -> {
                Bounded.meet(start);
                for (int i = 0; i < each; i++) {
                    wq.enqueue(new Numbered(producer, i), null);
                }
            }));
        }
        threads.forEach(Bounded::join);
        Bounded.until("all works ran", () -> ran.get() == producers * each);
        assertThat(disorder.get()).isZero();
        wq.destroy();
    }

    @Test
    @Rule({"NWQ-11", "NWQ-14"})
    @DisplayName("NWQ-11: works that waited while the worker was busy run first in, first out")
    void aBatchRunsFirstInFirstOut() {
        Plugged queue = new Plugged(test.get(), Workqueue.WQ_MPSAFE);
        List<Work> works = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            works.add(new Work());
        }
        works.forEach(work -> queue.wq.enqueue(work, null));
        assertThat(queue.wq.workers().get(0).pending()).isEqualTo(1000);
        queue.release.countDown();
        Bounded.until("all works ran", () -> queue.ran.size() == 1000);
        assertThat(queue.ran).containsExactlyElementsOf(works);
        queue.wq.destroy();
    }

    @Test
    @Rule({"NWQ-12", "NWQ-15"})
    @DisplayName("NWQ-12, NWQ-15: a work enqueued by its own callback runs again, behind the works that wait already")
    void aCallbackMayEnqueueItsOwnWork() {
        List<String> order = new CopyOnWriteArrayList<>();
        CountDownLatch entered = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        AtomicReference<Workqueue<Numbered>> self = new AtomicReference<>();
        Workqueue<Numbered> wq = Workqueue.create(
                test.get(),
                "again",
                (work, arg) -> {
                    order.add("work " + work.number);
                    if (work.number == 1 && order.size() == 1) {
                        entered.countDown();
                        Bounded.arrive(go);
                        self.get().enqueue(work, null);
                        assertThat(catchThrowable(() -> self.get().enqueue(work, null)))
                                .isInstanceOf(ErrnoException.class);
                    }
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE);
        self.set(wq);
        wq.enqueue(new Numbered(0, 1), null);
        Bounded.arrive(entered);
        wq.enqueue(new Numbered(0, 2), null);
        wq.enqueue(new Numbered(0, 3), null);
        go.countDown();
        Bounded.until("all ran", () -> order.size() == 4);
        assertThat(order).containsExactly("work 1", "work 2", "work 3", "work 1");
        wq.destroy();
    }

    @Test
    @Rule("NWQ-12")
    @DisplayName("NWQ-12: another thread may enqueue a work again once its callback has started, not before")
    void aWorkMayBeEnqueuedAgainOnceItsCallbackHasStarted() {
        CountDownLatch started = new CountDownLatch(1);
        CountDownLatch release = new CountDownLatch(1);
        AtomicInteger runs = new AtomicInteger();
        Workqueue<Work> wq = Workqueue.create(
                test.get(),
                "started",
                (work, arg) -> {
                    if (runs.incrementAndGet() == 1) {
                        started.countDown();
                        Bounded.arrive(release);
                    }
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE);
        Work work = new Work();
        wq.enqueue(work, null);
        Bounded.arrive(started);
        wq.enqueue(work, null);
        Refusal.of(Errno.EBUSY, () -> wq.enqueue(work, null));
        release.countDown();
        Bounded.until("it ran twice", () -> runs.get() == 2);
        wq.destroy();
        assertThat(runs.get()).isEqualTo(2);
    }

    @Test
    @Rule({"NWQ-13", "NWQ-19"})
    @DisplayName(
            "NWQ-13: with WQ_PERCPU a callback may send its own work to another CPU, which runs it while it is inside")
    void theSameWorkMayRunOnTwoCpusAtOnce() {
        Machine.needsCpus(2);
        CountDownLatch second = new CountDownLatch(1);
        AtomicInteger runs = new AtomicInteger();
        AtomicReference<Workqueue<Work>> self = new AtomicReference<>();
        Workqueue<Work> wq = Workqueue.create(
                test.get(),
                "twice",
                (work, arg) -> {
                    if (runs.incrementAndGet() == 1) {
                        self.get().enqueue(work, test.cpu(1));
                        // Only the other worker can end this wait.
                        Bounded.arrive(second);
                    } else {
                        second.countDown();
                    }
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                BOTH);
        self.set(wq);
        wq.enqueue(new Work(), test.cpu(0));
        Bounded.arrive(second);
        assertThat(runs.get()).isEqualTo(2);
        Bounded.until("both returned", () -> wq.workers().stream().limit(2).allMatch(w -> w.executed() == 1));
        wq.destroy();
    }

    @Test
    @Rule("U1")
    @DisplayName("U1: enqueueing a pending work is EBUSY on whichever queue, names work and queue, and it runs once")
    void aPendingWorkIsBusy() {
        Plugged queue = new Plugged(test.get(), Workqueue.WQ_MPSAFE);
        AtomicInteger elsewhere = new AtomicInteger();
        Workqueue<Work> other = Workqueue.create(
                test.get(), "other", (work, arg) -> elsewhere.incrementAndGet(), null, Pri.PRI_NONE, Ipl.NONE, 0);
        Work work = new Work();
        queue.wq.enqueue(work, null);
        Refusal.of(Errno.EBUSY, () -> queue.wq.enqueue(work, null)).contains("plugged", work.toString());
        Refusal.of(Errno.EBUSY, () -> other.enqueue(work, null)).contains("plugged", "other", work.toString());
        assertThat(queue.wq.workers().get(0).pending()).isEqualTo(1);
        assertThat(other.workers().get(0).pending()).isZero();
        queue.release.countDown();
        Bounded.until("it ran", () -> queue.wq.workers().get(0).executed() == 2);
        queue.wq.destroy();
        other.destroy();
        assertThat(queue.ran).containsExactly(work);
        assertThat(elsewhere.get()).isZero();
    }

    @Test
    @Rule({"U1", "G6"})
    @DisplayName("U1: of two threads that enqueue one work on two queues at once exactly one succeeds")
    void ofTwoRacingEnqueuesOneWins() {
        int rounds = 2_000;
        AtomicInteger accepted = new AtomicInteger();
        AtomicInteger refused = new AtomicInteger();
        Plugged one = new Plugged(test.get(), Workqueue.WQ_MPSAFE);
        Plugged two = new Plugged(test.get(), Workqueue.WQ_MPSAFE);
        List<Work> works = new ArrayList<>();
        for (int i = 0; i < rounds; i++) {
            works.add(new Work());
        }
        CyclicBarrier start = new CyclicBarrier(2);
        List<FutureTask<Boolean>> threads = new ArrayList<>();
        for (Plugged queue : List.of(one, two)) {
            threads.add(Bounded.startCode("racer", () -> {
                Bounded.meet(start);
                for (Work work : works) {
                    try {
                        queue.wq.enqueue(work, null);
                        accepted.incrementAndGet();
                    } catch (ErrnoException e) {
                        assertThat(e.errno()).isEqualTo(Errno.EBUSY);
                        refused.incrementAndGet();
                    }
                }
            }));
        }
        threads.forEach(Bounded::join);
        one.release.countDown();
        two.release.countDown();
        Bounded.until("all ran", () -> one.ran.size() + two.ran.size() == rounds);
        one.wq.destroy();
        two.wq.destroy();
        assertThat(accepted.get()).isEqualTo(rounds);
        assertThat(refused.get()).isEqualTo(rounds);
        List<Work> ran = new ArrayList<>(one.ran);
        ran.addAll(two.ran);
        assertThat(ran).containsExactlyInAnyOrderElementsOf(works);
    }

    @Test
    @Rule("U2")
    @DisplayName("U2: a CPU given without WQ_PERCPU is EINVAL, names the CPU and the flag, and the work is not pending")
    void aCpuNeedsAPerCpuQueue() {
        AtomicInteger runs = new AtomicInteger();
        Workqueue<Work> wq = Workqueue.create(
                test.get(), "nocpu", (work, arg) -> runs.incrementAndGet(), null, Pri.PRI_NONE, Ipl.NONE, 0);
        Work work = new Work();
        Refusal.of(Errno.EINVAL, () -> wq.enqueue(work, test.cpu(0)))
                .contains("nocpu", test.cpu(0).toString(), "WQ_PERCPU");
        Refusal.of(Errno.EINVAL, () -> wq.nativeWork(work, test.cpu(0)))
                .contains("nocpu", test.cpu(0).toString(), "WQ_PERCPU");
        assertThat(wq.workers().get(0).pending()).isZero();
        wq.enqueue(work, null);
        Bounded.until("it ran", () -> runs.get() == 1);
        wq.destroy();
        assertThat(runs.get()).isEqualTo(1);
    }

    @Test
    @Rule("U7")
    @DisplayName("U7: enqueue on a destroyed queue is ESHUTDOWN, and the work may go elsewhere")
    void aDestroyedQueueTakesNothing() {
        CountDownLatch notHere = new CountDownLatch(1);
        CountDownLatch ran = new CountDownLatch(1);
        Workqueue<Work> gone = queue("gone", notHere);
        Workqueue<Work> other = queue("other", ran);
        gone.destroy();
        Work work = new Work();
        Refusal.of(Errno.ESHUTDOWN, () -> gone.enqueue(work, null)).contains("gone", work.toString());
        Refusal.of(Errno.ESHUTDOWN, () -> gone.nativeWork(work, null)).contains("gone", work.toString());
        other.enqueue(work, null);
        Bounded.arrive(ran);
        other.waitFor(work);
        assertThat(other.workers().get(0).executed()).isEqualTo(1);
        assertThat(notHere.getCount()).isEqualTo(1);
        other.destroy();
    }

    @Test
    @Rule("U17")
    @DisplayName("U17: a null work is refused and does not disturb the queue")
    void aNullWorkIsRefused() {
        Plugged queue = new Plugged(test.get(), Workqueue.WQ_MPSAFE);
        Work before = new Work();
        Work after = new Work();
        queue.wq.enqueue(before, null);
        assertThat(catchThrowable(() -> queue.wq.enqueue(null, null)))
                .isInstanceOfAny(NullPointerException.class, ErrnoException.class);
        queue.wq.enqueue(after, null);
        queue.release.countDown();
        Bounded.until("both ran", () -> queue.ran.size() == 2);
        assertThat(queue.ran).containsExactly(before, after);
        queue.wq.destroy();
    }

    @Test
    @Rule({"NWQ-3", "NWQ-11"})
    @DisplayName("enqueue does not wait for the kernel lock, and a sleeping worker is woken by the first work")
    void enqueueDoesNotWaitForTheKernelLock() {
        CountDownLatch ran = new CountDownLatch(1);
        Workqueue<Work> wq = queue("nolock", ran);
        int tid = wq.workers().get(0).thread().tid();
        Bounded.until("the worker sleeps", () -> Proc.state(tid) == 'S');
        Kernel kernel = test.get();
        kernel.lock().lock();
        try {
            Bounded.run("producer", () -> wq.enqueue(new Work(), null));
            Bounded.arrive(ran);
        } finally {
            kernel.lock().unlock();
        }
        wq.destroy();
    }

    @Test
    @Rule("NWQ-3")
    @DisplayName("the state counts what is pending, what ran and what threw")
    void theStateCounts() {
        test.expectFaults();
        CountDownLatch entered = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        Workqueue<Numbered> wq = Workqueue.create(
                test.get(),
                "counts",
                (work, arg) -> {
                    entered.countDown();
                    Bounded.arrive(go);
                    if (work.number % 2 == 1) {
                        throw new IllegalStateException("odd");
                    }
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                0);
        List<Integer> numbers = new ArrayList<>(List.of(0, 1, 2, 3, 4));
        Collections.sort(numbers);
        numbers.forEach(n -> wq.enqueue(new Numbered(0, n), null));
        Bounded.arrive(entered);
        wq.enqueue(new Numbered(0, 5), null);
        assertThat(wq.workers().get(0).pending()).isPositive();
        assertThat(wq.workers().get(0).executed()).isZero();
        go.countDown();
        Bounded.until("all ran", () -> wq.workers().get(0).executed() == 6);
        assertThat(wq.workers().get(0).faults()).isEqualTo(3);
        assertThat(wq.workers().get(0).pending()).isZero();
        wq.destroy();
    }
}
