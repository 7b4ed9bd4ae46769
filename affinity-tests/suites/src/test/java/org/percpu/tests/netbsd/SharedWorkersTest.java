// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.netbsd;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.intr.NativeWork;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;
import org.percpu.ipl.SplSupport;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.ShutdownReport;
import org.percpu.kernel.WorkerState;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.NamedWork;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Scale;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.KernelThread;
import org.percpu.thread.Pri;

/** Queues of a kernel with sharedWorkers: one thread on each CPU, and each queue its own. */
@Tag("once")
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SharedWorkersTest {
    private static final int PERCPU = Workqueue.WQ_PERCPU;
    private static final int BOTH = Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    /** A queue whose first work stays in its callback until the test lets it go. */
    private final class Stuck {
        final CountDownLatch entered = new CountDownLatch(1);
        final CountDownLatch go = new CountDownLatch(1);
        final Workqueue<Work> queue = queue("stuck", BOTH, work -> {
            entered.countDown();
            Bounded.arrive(go);
        });
        final Work work = new NamedWork("the stuck one");

        Stuck() {
            queue.enqueue(work, test.cpu(0));
            Bounded.arrive(entered);
        }

        void end() {
            go.countDown();
            queue.drainAndDestroy();
        }
    }

    @FunctionalInterface
    private interface Body {
        void run(Work work) throws Exception;
    }

    SharedWorkersTest() {
        test.shareWorkers();
    }

    private Workqueue<Work> queue(String name, int flags, Body body) {
        return queue(name, Pri.PRI_NONE, flags, body);
    }

    private Workqueue<Work> queue(String name, int pri, int flags, Body body) {
        return Workqueue.create(test.get(), name, (work, arg) -> body.run(work), null, pri, Ipl.NONE, flags);
    }

    private List<String> threads() {
        return test.get().lwps().stream().map(KernelThread::name).sorted().toList();
    }

    private List<String> poolNames(int pri) {
        return test.get().cpus().stream()
                .map(cpu -> "pool" + pri + "/" + cpu.index())
                .sorted()
                .toList();
    }

    @Test
    @DisplayName("a hundred queues of one priority are one thread for each CPU, pinned there, by the kernel's word")
    void oneThreadForEachCpu() {
        Kernel kernel = test.get();
        List<Workqueue<Work>> queues = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            // PRI_NONE is 63.
            queues.add(queue(
                    "q" + i, i % 2 == 0 ? Pri.PRI_NONE : Pri.MAXPRI_USER, i % 3 == 0 ? PERCPU : BOTH, work -> {}));
        }
        assertThat(threads()).isEqualTo(poolNames(Pri.MAXPRI_USER));
        for (Workqueue<Work> queue : queues) {
            List<WorkerState> workers = queue.workers();
            assertThat(workers).hasSameSizeAs(kernel.cpus());
            for (int i = 0; i < workers.size(); i++) {
                Cpu cpu = kernel.cpus().get(i);
                assertThat(workers.get(i).queue()).isEqualTo(queue.name() + "/" + cpu.index());
                assertThat(workers.get(i).thread().pinned()).isTrue();
                assertThat(Proc.allowed(workers.get(i).thread().tid())).isEqualTo(CpuSet.of(cpu.id()));
                assertThat(Proc.comm(workers.get(i).thread().tid())).isEqualTo("pool63/" + cpu.index());
            }
        }
        queues.forEach(Workqueue::destroy);
        assertThat(threads()).isEmpty();
    }

    @Test
    @DisplayName("each priority has threads of its own, and a queue without WQ_PERCPU has its own thread")
    void otherQueuesHaveTheirOwn() {
        Workqueue<Work> low = queue("low", 5, BOTH, work -> {});
        Workqueue<Work> usual = queue("usual", BOTH, work -> {});
        Workqueue<Work> single = queue("single", Workqueue.WQ_MPSAFE, work -> {});
        List<String> expected = new ArrayList<>(poolNames(5));
        expected.addAll(poolNames(63));
        expected.add("single");
        assertThat(threads()).containsExactlyInAnyOrderElementsOf(expected);
        assertThat(Proc.nice(low.workers().get(0).thread().tid())).isPositive();
        assertThat(Proc.nice(usual.workers().get(0).thread().tid())).isZero();
        low.destroy();
        assertThat(threads()).doesNotContainAnyElementsOf(poolNames(5));
        usual.destroy();
        single.destroy();
    }

    @Test
    @DisplayName("a thread stays until its last queue is destroyed; the next queue gets a new one")
    void theLastQueueEndsTheThread() {
        Workqueue<Work> first = queue("first", BOTH, work -> {});
        int tid = first.workers().get(0).thread().tid();
        Workqueue<Work> second = queue("second", BOTH, work -> {});
        first.destroy();
        assertThat(Proc.exists(tid)).isTrue();
        AtomicInteger runs = new AtomicInteger();
        Workqueue<Work> third = queue("third", BOTH, work -> runs.incrementAndGet());
        second.destroy();
        assertThat(third.workers().get(0).thread().tid()).isEqualTo(tid);
        third.enqueue(new Work(), test.cpu(0));
        third.drainAndDestroy();
        assertThat(runs.get()).isEqualTo(1);
        assertThat(Proc.exists(tid)).isFalse();
        Workqueue<Work> fourth = queue("fourth", BOTH, work -> runs.incrementAndGet());
        fourth.enqueue(new Work(), test.cpu(0));
        fourth.drainAndDestroy();
        assertThat(runs.get()).isEqualTo(2);
    }

    @Test
    @DisplayName("each queue keeps its order and its own counters, whatever the others do")
    void ownOrderAndCounters() {
        test.expectFaults();
        int queues = 10;
        int each = Scale.of(1000, 20_000);
        List<List<Work>> ran = new ArrayList<>();
        List<List<Work>> works = new ArrayList<>();
        List<Workqueue<Work>> all = new ArrayList<>();
        for (int q = 0; q < queues; q++) {
            List<Work> mine = new ArrayList<>();
            ran.add(mine);
            works.add(new ArrayList<>());
            boolean throwing = q == 3;
            all.add(queue("q" + q, q % 2 == 0 ? PERCPU : BOTH, work -> {
                mine.add(work);
                if (throwing) {
                    throw new IllegalStateException("fault");
                }
            }));
        }
        for (int i = 0; i < each; i++) {
            for (int q = 0; q < queues; q++) {
                works.get(q).add(new Work());
                all.get(q).enqueue(works.get(q).get(i), test.cpu(0));
            }
        }
        for (int q = 0; q < queues; q++) {
            all.get(q).waitFor(works.get(q).get(each - 1));
            assertThat(ran.get(q)).isEqualTo(works.get(q));
            WorkerState state = all.get(q).workers().get(0);
            assertThat(state.executed()).isEqualTo(each);
            assertThat(state.faults()).isEqualTo(q == 3 ? each : 0);
            assertThat(state.pending()).isZero();
            assertThat(state.waitsFor()).isEqualTo("\"q" + q + "/0\"");
        }
        all.forEach(Workqueue::destroy);
    }

    @Test
    @DisplayName("a busy queue does not keep its thread: another queue has its turn between two batches")
    void turns() {
        AtomicBoolean enough = new AtomicBoolean();
        AtomicReference<Workqueue<Work>> self = new AtomicReference<>();
        Workqueue<Work> busy = queue("busy", BOTH, work -> {
            if (!enough.get()) {
                self.get().enqueue(work, test.cpu(0));
            }
        });
        self.set(busy);
        busy.enqueue(new Work(), test.cpu(0));
        Workqueue<Work> other = queue("other", BOTH, work -> {});
        for (int i = 0; i < 100; i++) {
            Work work = new Work();
            other.enqueue(work, test.cpu(0));
            assertThat(other.waitFor(work, Duration.ofSeconds(Bounded.SECONDS))).isTrue();
        }
        enough.set(true);
        busy.drainAndDestroy();
        other.destroy();
    }

    @Test
    @DisplayName("while a callback stays, works of other queues of its CPU wait, and their state names it")
    void aCallbackDelaysOtherQueues() {
        Stuck stuck = new Stuck();
        AtomicInteger runs = new AtomicInteger();
        Workqueue<Work> behind = queue("behind", BOTH, work -> runs.incrementAndGet());
        Work work = new Work();
        behind.enqueue(work, test.cpu(0));
        assertThat(behind.waitFor(work, Duration.ofMillis(20))).isFalse();
        WorkerState state = behind.workers().get(0);
        assertThat(state.pending()).isEqualTo(1);
        assertThat(state.running()).isNull();
        assertThat(state.waitsFor()).isEqualTo("the thread, which is in the stuck one of \"stuck/0\"");
        assertThat(stuck.queue.workers().get(0).running()).isEqualTo("the stuck one");
        // Other CPUs go on.
        for (Cpu cpu : test.get().cpus().subList(1, test.get().cpus().size())) {
            Work there = new Work();
            behind.enqueue(there, cpu);
            behind.waitFor(there);
        }
        int before = runs.get();
        stuck.go.countDown();
        behind.waitFor(work);
        assertThat(runs.get()).isEqualTo(before + 1);
        behind.destroy();
        stuck.end();
    }

    @Test
    @DisplayName("while a callback stays, an idle queue of its CPU can be destroyed at once, and a new one made")
    void destroyBesideAStuckCallback() {
        Stuck stuck = new Stuck();
        Workqueue<Work> idle = queue("idle", BOTH, work -> {});
        Workqueue<Work> locked = queue("locked", PERCPU, work -> {});
        Bounded.run("destroys", idle::destroy);
        Bounded.run("destroys", locked::destroy);
        Refusal.of(Errno.ESHUTDOWN, () -> idle.enqueue(new Work(), test.cpu(0)));
        assertThat(test.get().queues()).containsExactly(stuck.queue);
        stuck.end();
    }

    @Test
    @DisplayName(
            "while a callback stays, destroy of a queue with a work behind it is EBUSY; a drain waits no longer than it"
                    + " may, and returns the work")
    void drainBesideAStuckCallback() {
        Stuck stuck = new Stuck();
        Workqueue<Work> behind = queue("behind", BOTH, work -> {
            throw new AssertionError("ran");
        });
        Work work = new Work();
        behind.enqueue(work, test.cpu(0));
        Refusal.of(Errno.EBUSY, behind::destroy).contains("behind/0");
        List<Work> dropped = Bounded.call("drains", () -> behind.drainAndDestroy(Duration.ofMillis(50)));
        assertThat(dropped).containsExactly(work);
        // The work is free, and the queue has no entry left.
        Workqueue<Work> next = queue("next", BOTH, w -> {});
        next.enqueue(work, test.cpu(0));
        assertThat(test.get().queues()).containsExactlyInAnyOrder(stuck.queue, next);
        FutureTask<Boolean> drain = Bounded.startCode("drains for ever", next::drainAndDestroy);
        assertThat(drain.isDone()).isFalse();
        stuck.go.countDown();
        Bounded.join(drain);
        stuck.end();
    }

    @Test
    @DisplayName(
            "a shutdown that finds a callback stuck reports it as stuck, and drops the works of each queue behind it")
    void shutdownBesideAStuckCallback() {
        Stuck stuck = new Stuck();
        Workqueue<Work> behind = queue("behind", BOTH, work -> {});
        Work work = new NamedWork("behind it");
        behind.enqueue(work, test.cpu(0));
        Work next = new NamedWork("next");
        stuck.queue.enqueue(next, test.cpu(0));
        ShutdownReport report = Bounded.call("shuts down", () -> test.get().shutdown(Duration.ofMillis(10)));
        assertThat(report.dropped())
                .containsExactlyInAnyOrder(
                        new ShutdownReport.Dropped("behind", work), new ShutdownReport.Dropped("stuck", next));
        test.expectFaults(); // the wait of the stuck callback was interrupted
        stuck.go.countDown();
        Bounded.until("the thread ends", () -> test.get().lwps().isEmpty());
    }

    @Test
    @DisplayName("a callback may destroy another queue of its thread, which has nothing left; the thread goes on")
    void destroyInACallbackOfAnotherQueue() {
        Workqueue<Work> victim = queue("victim", BOTH, work -> {});
        Work first = new Work();
        victim.enqueue(first, test.cpu(0));
        victim.waitFor(first);
        CountDownLatch done = new CountDownLatch(2);
        Workqueue<Work> killer = queue("killer", PERCPU, work -> {
            if (done.getCount() == 2) {
                victim.destroy();
            }
            done.countDown();
        });
        killer.enqueue(new Work(), test.cpu(0));
        killer.enqueue(new Work(), test.cpu(0));
        Bounded.arrive(done);
        assertThat(test.get().queues()).containsExactly(killer);
        Refusal.of(Errno.ESHUTDOWN, () -> victim.enqueue(new Work(), test.cpu(0)));
        killer.drainAndDestroy();
    }

    @Test
    @DisplayName(
            "what a callback's own thread would have to run cannot be waited for in it: EBUSY and EDEADLK, nothing changes")
    void waitsForItsOwnThread() {
        AtomicInteger runs = new AtomicInteger();
        Workqueue<Work> other = queue("other", BOTH, work -> runs.incrementAndGet());
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        CountDownLatch done = new CountDownLatch(1);
        Work work = new Work();
        Workqueue<Work> waiter = queue("waiter", BOTH, own -> {
            try {
                other.enqueue(work, test.cpu(0));
                Refusal.of(Errno.EBUSY, other::destroy).contains("other/0");
                Refusal.of(Errno.EDEADLK, () -> other.waitFor(work)).contains("other", "another thread");
                Refusal.of(Errno.EDEADLK, () -> other.waitFor(work, Duration.ofMillis(1)));
                Refusal.of(Errno.EDEADLK, other::drainAndDestroy)
                        .contains("other/0", "sharedWorkers", "another thread");
                Refusal.of(Errno.EDEADLK, () -> other.drainAndDestroy(Duration.ofMillis(1)));
                // A work that is nowhere is not waited for.
                other.waitFor(new Work());
            } catch (Throwable t) {
                thrown.set(t);
            } finally {
                done.countDown();
            }
        });
        waiter.enqueue(new Work(), test.cpu(0));
        Bounded.arrive(done);
        assertThat(thrown.get()).isNull();
        other.waitFor(work);
        assertThat(runs.get()).isEqualTo(1);
        // The remedy: another thread.
        other.enqueue(work, test.cpu(0));
        Bounded.run("drains", other::drainAndDestroy);
        assertThat(runs.get()).isEqualTo(2);
        waiter.destroy();
    }

    @Test
    @DisplayName("a callback may wait for a work on another CPU, and the same work may run on two CPUs at once")
    void theSameWorkOnTwoCpus() {
        Machine.needsCpus(2);
        Workqueue<Work> other = queue("other", BOTH, work -> {});
        CountDownLatch second = new CountDownLatch(1);
        AtomicInteger runs = new AtomicInteger();
        AtomicReference<Workqueue<Work>> self = new AtomicReference<>();
        Workqueue<Work> wq = queue("twice", BOTH, work -> {
            if (runs.incrementAndGet() == 1) {
                Work there = new Work();
                other.enqueue(there, test.cpu(1));
                other.waitFor(there);
                self.get().enqueue(work, test.cpu(1));
                // Only the other CPU can end this wait.
                Bounded.arrive(second);
            } else {
                second.countDown();
            }
        });
        self.set(wq);
        wq.enqueue(new Work(), test.cpu(0));
        Bounded.arrive(second);
        wq.drainAndDestroy();
        other.destroy();
        assertThat(runs.get()).isEqualTo(2);
    }

    @Test
    @DisplayName(
            "a callback starts with the kernel lock as its own queue says, at NONE and without an interrupt, whatever the"
                    + " callback of another queue before it has left")
    void nothingIsLeftToTheNextCallback() {
        test.expectConsole();
        Kernel kernel = test.get();
        Stuck stuck = new Stuck();
        Workqueue<Work> untidy = queue("untidy", BOTH, work -> {
            kernel.lock().lock();
            int unused = Spl.current().splraise(Ipl.VM);
            Thread.currentThread().interrupt();
        });
        List<String> seen = new CopyOnWriteArrayList<>();
        Body tidy = work -> seen.add(kernel.lock().holds() + " " + Spl.current().level() + " "
                + Thread.currentThread().isInterrupted());
        Workqueue<Work> locked = queue("locked", PERCPU, tidy);
        Workqueue<Work> free = queue("free", BOTH, tidy);
        for (int i = 0; i < 3; i++) {
            untidy.enqueue(new Work(), test.cpu(0));
            locked.enqueue(new Work(), test.cpu(0));
            free.enqueue(new Work(), test.cpu(0));
        }
        stuck.end();
        untidy.drainAndDestroy();
        locked.drainAndDestroy();
        free.drainAndDestroy();
        assertThat(seen).hasSize(6).containsOnly("1 NONE false", "0 NONE false");
        assertThat(test.expectConsole()).anySatisfy(line -> assertThat(line).contains("queue untidy/0"));
    }

    @Test
    @DisplayName("works that C code and Java post reach the right queue, also behind the callback of another one")
    void posts() {
        Workqueue<Work> first = queue("first", BOTH, work -> {});
        AtomicInteger sum = new AtomicInteger();
        AtomicReference<NativeWork> posted = new AtomicReference<>();
        Workqueue<Work> second = queue("second", BOTH, work -> posted.get().drain(value -> sum.addAndGet((int) value)));
        try (NativeWork handle = second.nativeWork(new Work(), test.cpu(0))) {
            posted.set(handle);
            assertThat(handle.post(1)).isZero();
            Bounded.until("it ran", () -> sum.get() == 1);
            int expected = 1;
            if (SplSupport.get().library() != null) {
                for (int i = 0; i < 1000; i++) {
                    Machine.linux().call(NativeWork.postFunction(), handle.handle(), 1, 0, 0, 0, 0);
                    expected++;
                    if (i % 100 == 0) {
                        int now = expected;
                        Bounded.until("it ran", () -> sum.get() == now);
                    }
                }
                int now = expected;
                Bounded.until("they ran", () -> sum.get() == now);
            }
            Stuck stuck = new Stuck();
            assertThat(handle.post(1)).isZero();
            assertThat(second.workers().get(0).executed()).isPositive();
            stuck.end();
            int now = expected + 1;
            Bounded.until("it ran", () -> sum.get() == now);
        }
        first.destroy();
        second.drainAndDestroy();
    }

    @Test
    @DisplayName("each work that an enqueue took runs, though a callback of another queue destroys the queue meanwhile")
    void destroyAgainstEnqueue() {
        int rounds = Scale.of(150, 3000);
        AtomicReference<Workqueue<Work>> victim = new AtomicReference<>();
        AtomicReference<CountDownLatch> destroyed = new AtomicReference<>();
        Workqueue<Work> killer = queue("killer", BOTH, work -> {
            try {
                victim.get().destroy();
            } catch (ErrnoException e) {
                assertThat(e.errno()).isEqualTo(Errno.EBUSY);
            } finally {
                destroyed.get().countDown();
            }
        });
        for (int round = 0; round < rounds; round++) {
            AtomicInteger ran = new AtomicInteger();
            Workqueue<Work> wq = queue("victim", round % 2 == 0 ? BOTH : PERCPU, work -> ran.incrementAndGet());
            victim.set(wq);
            destroyed.set(new CountDownLatch(1));
            CountDownLatch started = new CountDownLatch(1);
            FutureTask<Integer> enqueuer = Bounded.start("enqueuer", () -> {
                int accepted = 0;
                try {
                    for (; accepted < 2000; accepted++) {
                        wq.enqueue(new Work(), test.cpu(0));
                        started.countDown();
                    }
                } catch (ErrnoException e) {
                    assertThat(e.errno()).isEqualTo(Errno.ESHUTDOWN);
                }
                return accepted;
            });
            Bounded.arrive(started);
            killer.enqueue(new Work(), test.cpu(0));
            Bounded.arrive(destroyed.get());
            int accepted = Bounded.join(enqueuer);
            try {
                wq.drainAndDestroy();
            } catch (ErrnoException e) {
                throw new AssertionError(e);
            }
            assertThat(ran.get()).isEqualTo(accepted);
        }
        killer.destroy();
    }

    @Test
    @DisplayName("queues come and go on all CPUs while others work: nothing is lost, no thread is left over")
    void queuesComeAndGo() {
        int rounds = Scale.of(60, 1000);
        List<FutureTask<Boolean>> makers = new ArrayList<>();
        for (int m = 0; m < 4; m++) {
            String name = "maker" + m;
            int flags = m % 2 == 0 ? BOTH : PERCPU;
            makers.add(Bounded.startCode(name, () -> {
                for (int round = 0; round < rounds; round++) {
                    AtomicInteger ran = new AtomicInteger();
                    Workqueue<Work> wq = queue(name, flags, work -> ran.incrementAndGet());
                    int works = 0;
                    for (int i = 0; i < 50; i++) {
                        for (Cpu cpu : test.get().cpus()) {
                            wq.enqueue(new Work(), cpu);
                            works++;
                        }
                    }
                    wq.drainAndDestroy();
                    assertThat(ran.get()).isEqualTo(works);
                }
            }));
        }
        makers.forEach(Bounded::join);
        Bounded.until("no thread is left: " + threads(), () -> threads().isEmpty());
    }

    @Test
    @DisplayName(
            "in a cold kernel the threads run nothing; a queue may be destroyed there, and the others run when it is warm")
    void cold() {
        Kernel kernel = test.with(settings -> settings.cold(true).sharedWorkers(true));
        AtomicInteger runs = new AtomicInteger();
        Workqueue<Work> gone = Workqueue.create(kernel, "gone", (work, arg) -> {}, null, Pri.PRI_NONE, Ipl.NONE, BOTH);
        Workqueue<Work> stays = Workqueue.create(
                kernel, "stays", (work, arg) -> runs.incrementAndGet(), null, Pri.PRI_NONE, Ipl.NONE, BOTH);
        Work work = new Work();
        stays.enqueue(work, kernel.cpus().get(0));
        gone.destroy();
        assertThat(runs.get()).isZero();
        kernel.warm();
        stays.waitFor(work);
        assertThat(runs.get()).isEqualTo(1);
        stays.destroy();
    }
}
