// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.shutdown;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.ShutdownReport;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Alone;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.NamedWork;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.Scale;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.KernelThread;
import org.percpu.thread.Pri;

/** One limit for the whole shutdown, whatever is stuck; and closes beside drains, creates and each other. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Alone
class ShutdownDeadlineTest {
    private static final int STUCK = 16;
    private static final Duration ASKED = Duration.ofMillis(100);
    private static final Duration LIMIT = Duration.ofMillis(400);
    private static final Duration LONG = Duration.ofSeconds(30);

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private final CountDownLatch inside = new CountDownLatch(STUCK);
    private Kernel kernel;
    private volatile boolean released;

    @BeforeEach
    void makeAKernel() {
        kernel = test.get();
    }

    @AfterEach
    void release() {
        released = true;
    }

    /** Hears no interrupt. */
    private void hang(Work work, Object none) {
        inside.countDown();
        while (!released) {
            LockSupport.parkNanos(this, 1_000_000);
            boolean interrupted = Thread.interrupted();
            assert interrupted || !Thread.currentThread().isInterrupted();
        }
    }

    private Workqueue<Work> workqueue(String name, int flags) {
        return Workqueue.create(kernel, name, this::hang, null, Pri.PRI_NONE, Ipl.NONE, flags);
    }

    private void stickOn(int queues) {
        for (int i = 0; i < queues; i++) {
            workqueue("rx" + i, Workqueue.WQ_MPSAFE).enqueue(new NamedWork("packet" + i), null);
        }
    }

    private ShutdownReport shutdownWithin(Duration asked, Duration limit) {
        return Bounded.call("shuts down", () -> {
            long start = System.nanoTime();
            ShutdownReport report = kernel.shutdown(asked);
            assertThat(Duration.ofNanos(System.nanoTime() - start))
                    .as("the time of a shutdown that was to take " + asked)
                    .isLessThan(limit);
            return report;
        });
    }

    private static void assertNames(ShutdownReport report, int count) {
        for (int i = 0; i < count; i++) {
            String queue = "rx" + i;
            String item = "packet" + i;
            assertThat(report.stuckThreads()).anySatisfy(thread -> {
                assertThat(thread.name()).isEqualTo(queue);
                assertThat(thread.queue()).isEqualTo(queue);
                assertThat(thread.item()).isEqualTo(item);
                assertThat(Proc.exists(thread.tid())).isTrue();
                assertThat(thread.stack())
                        .anySatisfy(frame -> assertThat(frame.getMethodName()).isEqualTo("hang"));
                assertThat(thread.text()).contains(item + " of queue " + queue, "tid " + thread.tid(), "hang");
            });
        }
    }

    @Test
    @Rule("G24")
    @DisplayName(
            "G24: a shutdown of 100 ms with 16 stuck callbacks returns within 400 ms and names queue, item, thread and stack of each")
    void stuckCallbacksDoNotAddUp() {
        stickOn(STUCK);
        Bounded.arrive(inside);
        ShutdownReport report = shutdownWithin(ASKED, LIMIT);
        assertThat(report.stuckThreads()).hasSize(STUCK);
        assertNames(report, STUCK);
    }

    @Test
    @Rule({"G24", "KL-3"})
    @DisplayName(
            "G24: the same while one of the 16 holds the kernel lock and the idle workers of other queues wait for it")
    void aHeldKernelLockDoesNotHoldTheShutdown() {
        stickOn(STUCK - 1);
        Workqueue<Work> idle = workqueue("idle", 0);
        Taskq idleToo = Taskq.create(kernel, "idle too", 1, Ipl.NONE, 0);
        AtomicInteger ran = new AtomicInteger();
        idleToo.add(Task.initializer(AtomicInteger::incrementAndGet, ran));
        Bounded.until("the task ran", () -> ran.get() == 1);
        workqueue("rx" + (STUCK - 1), 0).enqueue(new NamedWork("packet" + (STUCK - 1)), null);
        Bounded.arrive(inside);
        Work waiting = new NamedWork("waiting");
        idle.enqueue(waiting, null);
        ShutdownReport report = shutdownWithin(ASKED, LIMIT);
        assertThat(report.worksNeverRun()).containsExactly(waiting);
        assertNames(report, STUCK);
        released = true;
    }

    @Test
    @Rule("G24")
    @DisplayName(
            "a drain of 100 ms returns in time beside a stuck callback of another queue that holds the kernel lock")
    void aHeldKernelLockDoesNotHoldADrain() {
        CountDownLatch in = new CountDownLatch(1);
        Workqueue<Work> holder = Workqueue.create(
                kernel,
                "holder",
                (work, arg) -> {
                    in.countDown();
                    hang(work, null);
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                0);
        Workqueue<Work> idle = workqueue("idle", 0);
        holder.enqueue(new Work(), null);
        Bounded.arrive(in);
        Work never = new Work();
        idle.enqueue(never, null);
        List<Work> dropped = Bounded.call("drains", () -> {
            long start = System.nanoTime();
            List<Work> works = idle.drainAndDestroy(ASKED);
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(LIMIT);
            return works;
        });
        assertThat(dropped).containsExactly(never);
        released = true;
        holder.drainAndDestroy();
    }

    @Test
    @Rule("G24")
    @DisplayName(
            "G24: callbacks that run at the end of the time are interrupted, and those that end then are not reported")
    void callbacksAreInterrupted() {
        AtomicInteger interrupted = new AtomicInteger();
        Taskq tq = Taskq.create(kernel, "sleepers", 4, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        CountDownLatch in = new CountDownLatch(4);
        CountDownLatch never = new CountDownLatch(1);
        for (int i = 0; i < 4; i++) {
            tq.add(Task.initializer(
                    arg -> {
                        in.countDown();
                        try {
                            never.await();
                        } catch (InterruptedException e) {
                            interrupted.incrementAndGet();
                        }
                    },
                    null));
        }
        Bounded.arrive(in);
        ShutdownReport report = shutdownWithin(ASKED, LIMIT);
        assertThat(interrupted.get()).isEqualTo(4);
        assertThat(report.stuckThreads()).isEmpty();
        assertThat(kernel.lwps()).isEmpty();
    }

    @Test
    @Rule("G24")
    @DisplayName(
            "G24: a callback that has ended because of the interrupt is told as interrupted, not as running, though the fault handler still tells what it threw")
    void aCallbackThatHasThrownDoesNotRun() {
        CountDownLatch reported = new CountDownLatch(1);
        kernel = test.with(settings -> settings.faultHandler((queue, item, thrown) -> Bounded.arrive(reported)));
        Workqueue<Work> wq = Workqueue.create(
                kernel,
                "throws",
                (work, arg) -> {
                    inside.countDown();
                    new CountDownLatch(1).await();
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE);
        wq.enqueue(new NamedWork("packet"), null);
        Bounded.until("it runs", () -> inside.getCount() < STUCK);
        ShutdownReport report = Bounded.call("shuts down", () -> kernel.shutdown(ASKED));
        reported.countDown();
        assertThat(report.callbacksInterrupted()).containsExactly("packet of queue throws");
        assertThat(report.stuckThreads()).singleElement().satisfies(thread -> {
            assertThat(thread.item()).isNull();
            assertThat(thread.text()).contains("throws").doesNotContain("packet");
        });
    }

    @Test
    @Rule("G24")
    @DisplayName(
            "G24: when the time is over no further callback begins, though the interrupted one ends: all others are returned")
    void noFurtherCallbackBegins() {
        int rounds = Scale.of(50, 1000);
        for (int round = 0; round < rounds; round++) {
            Kernel stopped = test.with(settings -> {});
            CountDownLatch in = new CountDownLatch(2);
            AtomicInteger ran = new AtomicInteger();
            Taskq tq = Taskq.create(stopped, "tasks", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            tq.add(Task.initializer(arg -> sleepUntilInterrupted(in), null));
            Work sleeper = new Work();
            Workqueue<Work> wq = Workqueue.create(
                    stopped,
                    "works",
                    (work, arg) -> {
                        if (work.equals(sleeper)) {
                            sleepUntilInterrupted(in);
                        } else {
                            ran.incrementAndGet();
                        }
                    },
                    null,
                    Pri.PRI_NONE,
                    Ipl.NONE,
                    Workqueue.WQ_MPSAFE);
            wq.enqueue(sleeper, null);
            Bounded.arrive(in);
            for (int i = 0; i < 9; i++) {
                tq.add(Task.initializer(AtomicInteger::incrementAndGet, ran));
                wq.enqueue(new Work(), null);
            }
            ShutdownReport report = Bounded.call("shuts down", () -> stopped.shutdown(Duration.ZERO));
            assertThat(report.worksNeverRun()).hasSize(18);
            assertThat(report.stuckThreads()).isEmpty();
            assertThat(ran.get()).isZero();
        }
    }

    private static void sleepUntilInterrupted(CountDownLatch in) {
        in.countDown();
        try {
            new CountDownLatch(1).await();
        } catch (InterruptedException e) {
            // As asked.
        }
    }

    @Test
    @Rule("G24")
    @DisplayName("a kernel that was built without interrupts at the deadline leaves its callbacks alone")
    void callbacksAreLeftAlone() {
        kernel = test.with(settings -> settings.interruptAtDeadline(false));
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        AtomicInteger ended = new AtomicInteger();
        Taskq tq = Taskq.create(kernel, "sleeper", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        tq.add(Task.initializer(
                arg -> {
                    in.countDown();
                    go.await();
                    ended.incrementAndGet();
                },
                null));
        Bounded.arrive(in);
        ShutdownReport report = shutdownWithin(Duration.ZERO, LIMIT);
        assertThat(report.threadsStillRunning()).hasSize(1);
        go.countDown();
        Bounded.until("it ended", () -> ended.get() == 1);
    }

    @Test
    @Rule("G24")
    @DisplayName("G24: fifty endless kernel threads make a shutdown that drops everything take no longer than one does")
    void endlessThreadsDoNotAddUp() {
        for (int i = 0; i < 50; i++) {
            Kthread thread = Kthread.create(
                    kernel,
                    -1,
                    Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_TS,
                    null,
                    arg -> {
                        while (!released) {
                            LockSupport.parkNanos(this, 1_000_000);
                        }
                    },
                    null,
                    "endless");
            assertThat(thread.state().alive()).isTrue();
        }
        ShutdownReport report = shutdownWithin(Duration.ZERO, LIMIT);
        assertThat(report.threadsStillRunning()).hasSize(50);
    }

    @Test
    @Rule({"G24", "NWQ-20"})
    @DisplayName("G24: a close beside somebody's drain, and a second close, return only after the works ran")
    void closesWaitForEachOther() {
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch in = new CountDownLatch(1);
        AtomicInteger ran = new AtomicInteger();
        List<String> console = test.expectConsole();
        Workqueue<Work> wq = Workqueue.create(
                kernel,
                "slow",
                (work, arg) -> {
                    in.countDown();
                    Bounded.arrive(go);
                    ran.incrementAndGet();
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE);
        Work last = new Work();
        for (int i = 0; i < 10; i++) {
            wq.enqueue(i < 9 ? new Work() : last, null);
        }
        Bounded.arrive(in);
        FutureTask<Integer> drain = Bounded.start("drains", () -> {
            wq.drainAndDestroy();
            return ran.get();
        });
        Bounded.until(
                "it is being destroyed",
                () -> catchThrowable(() -> wq.enqueue(last, null)) instanceof ErrnoException refused
                        && refused.errno() == Errno.ESHUTDOWN);
        List<FutureTask<Integer>> closes = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            closes.add(Bounded.start("closes " + i, () -> {
                kernel.close();
                return ran.get();
            }));
        }
        Bounded.until("the kernel is closed", kernel::isClosed);
        assertThat(closes).noneMatch(FutureTask::isDone);
        go.countDown();
        assertThat(Bounded.join(drain)).isEqualTo(10);
        closes.forEach(close -> assertThat(Bounded.join(close)).isEqualTo(10));
        // The drain belongs to its owner, who had not got round to its end.
        assertThat(console).hasSizeLessThanOrEqualTo(1);
    }

    @Test
    @Rule({"G24", "U12"})
    @DisplayName("U12: close at a raised level is EPERM and leaves the kernel open; at NONE it then closes")
    void closeAtARaisedLevelChangesNothing() {
        Taskq tq = Taskq.create(kernel, "open", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        Bounded.run("closes at a level", () -> {
            Spl spl = Spl.current();
            int s = spl.splraise(Ipl.SOFTNET);
            Refusal.of(Errno.EPERM, kernel::close).contains("SOFTNET", "lower the level");
            Refusal.of(Errno.EPERM, () -> kernel.shutdown(Duration.ZERO)).contains("SOFTNET");
            spl.splx(s);
        });
        assertThat(kernel.isClosed()).isFalse();
        AtomicInteger ran = new AtomicInteger();
        tq.add(Task.initializer(AtomicInteger::incrementAndGet, ran));
        tq.destroy();
        assertThat(ran.get()).isEqualTo(1);
        Bounded.run("closes", kernel::close);
        assertThat(kernel.isClosed()).isTrue();
    }

    @Test
    @Rule({"G24", "U7"})
    @DisplayName(
            "G24: of a create that races with a shutdown either is refused or its queue is ended: none goes on taking works")
    void createAndShutdownRace() {
        int rounds = Scale.of(60, 1000);
        List<String> console = test.expectConsole();
        for (int round = 0; round < rounds; round++) {
            Kernel raced = test.with(settings -> {});
            CyclicBarrier go = new CyclicBarrier(3);
            FutureTask<Workqueue<Work>> wq = Bounded.start("creates a workqueue", () -> {
                Bounded.meet(go);
                return Workqueue.create(
                        raced, "wq", (work, arg) -> {}, null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_PERCPU);
            });
            FutureTask<Taskq> tq = Bounded.start("creates a taskq", () -> {
                Bounded.meet(go);
                return Taskq.create(raced, "tq", 2, Ipl.NONE, 0);
            });
            Bounded.run("shuts down", () -> {
                Bounded.meet(go);
                assertThat(raced.shutdown(LONG).stuckThreads()).isEmpty();
            });
            Workqueue<Work> queue = orRefused(wq);
            if (queue != null) {
                Refusal.of(Errno.ESHUTDOWN, () -> queue.enqueue(new Work(), null));
            }
            Taskq tasks = orRefused(tq);
            if (tasks != null) {
                Refusal.of(Errno.ESHUTDOWN, () -> tasks.add(Task.initializer(arg -> {}, null)));
            }
            assertThat(raced.queues()).isEmpty();
            Bounded.until(
                    "threads are left: " + raced.lwps(), () -> raced.lwps().isEmpty());
        }
        assertThat(console).isEmpty();
    }

    private static <T> T orRefused(FutureTask<T> create) {
        List<T> made = new ArrayList<>();
        Throwable thrown = catchThrowable(() -> made.add(Bounded.join(create)));
        if (thrown == null) {
            return made.get(0);
        }
        Refusal.of(Errno.ESHUTDOWN, () -> {
            throw thrown;
        });
        return null;
    }

    @Test
    @Rule("G24")
    @DisplayName("G24: when a drain or a close returns, Linux has none of the threads any more")
    void threadsAreGone() {
        int rounds = Scale.of(100, 1000);
        for (int round = 0; round < rounds; round++) {
            Kernel closed = test.with(settings -> settings.pinWatch(Duration.ofSeconds(1)));
            Workqueue<Work> drained = Workqueue.create(
                    closed, "drained", (work, arg) -> {}, null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_PERCPU);
            Taskq tq = Taskq.systqmp(closed);
            drained.enqueue(new Work(), null);
            tq.add(Task.initializer(arg -> {}, null));
            List<Integer> ofQueue = drained.workers().stream()
                    .map(worker -> worker.thread().tid())
                    .toList();
            Bounded.run("drains", () -> {
                drained.drainAndDestroy();
                assertThat(ofQueue).noneMatch(Proc::exists);
            });
            List<Integer> all = closed.lwps().stream().map(KernelThread::tid).toList();
            Bounded.run("closes", () -> {
                closed.close();
                assertThat(all).noneMatch(Proc::exists);
                assertThat(Proc.named("pinwatch")).isZero();
            });
        }
    }
}
