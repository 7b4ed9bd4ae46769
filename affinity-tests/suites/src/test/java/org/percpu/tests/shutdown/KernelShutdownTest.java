// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.shutdown;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.ShutdownReport;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.openbsd.WorkqTask;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

/** Kernel.shutdown: drain then stop, or drop and report; nothing is lost silently and nothing hangs. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@SuppressWarnings("ReferenceEquality") // which work or queue it is, not what it equals
class KernelShutdownTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final int MPSAFE = Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_TS;

    private static @Nullable FutureTask<String> abandoned;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private Kernel kernel;

    /** A kernel whose interrupt thread gets no level, closed with a work that never ran. */
    static final class NoInterrupts {
        private NoInterrupts() {}

        public static void main(String[] args) {
            Kernel kernel = Kernel.builder("forked").build();
            for (int i = 0; i < 2; i++) {
                assertThatThrownBy(() -> kernel.interrupts(kernel.cpus().get(0)))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("eager or lazy");
            }
            CountDownLatch in = new CountDownLatch(1);
            CountDownLatch out = new CountDownLatch(1);
            Taskq tq = Taskq.create(kernel, "tq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            tq.add(Task.initializer(
                    arg -> {
                        in.countDown();
                        Bounded.arrive(out);
                    },
                    null));
            Bounded.arrive(in);
            Task never = Task.initializer(arg -> {}, null);
            tq.add(never);
            ShutdownReport report = kernel.shutdown(Duration.ZERO);
            assertThat(report.worksNeverRun()).isEqualTo(List.of(never));
            out.countDown();
            Bounded.until("no thread is left", () -> kernel.lwps().isEmpty());
            System.out.println("reported " + report.worksNeverRun().size());
        }
    }

    @Test
    @DisplayName("U13: an interrupt thread that could not be made does not take the report of the shutdown with it")
    void shutdownBehindInterruptsThatFailedStillReports() {
        assertThat(Fork.of(NoInterrupts.class).option("-Dpercpu.spl=hasty").run())
                .contains("reported 1");
    }

    /** Beside the other tests: its callbacks get five seconds to end. */
    @BeforeAll
    static void abandon() {
        abandoned = Bounded.start("abandoned", Fork.of(Abandoned.class)::run);
    }

    @BeforeEach
    void makeAKernel() {
        kernel = test.get();
    }

    private Taskq taskq(String name) {
        return Taskq.create(kernel, name, 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
    }

    private ShutdownReport shutdown(Duration atMost) {
        return Bounded.call("shuts down", () -> kernel.shutdown(atMost));
    }

    /** Keeps the only worker of a queue busy. */
    private static CountDownLatch plug(Taskq tq) {
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        tq.add(Task.initializer(
                arg -> {
                    inside.countDown();
                    Bounded.arrive(go);
                },
                null));
        Bounded.arrive(inside);
        return go;
    }

    @Test
    @Rule("G24")
    @DisplayName("G24: a kernel whose owners put everything away has a clean report, and closing it again is harmless")
    void aTidyKernelIsClean() {
        Taskq tq = taskq("tidy");
        tq.add(Task.initializer(arg -> {}, null));
        tq.destroy();
        Kthread thread = Kthread.create(
                kernel, -1, MPSAFE | Kthread.KTHREAD_MUSTJOIN, null, arg -> Kthread.exit(0), null, "tidy");
        thread.join();
        Taskq.systq(kernel).add(Task.initializer(arg -> {}, null));
        ShutdownReport report = shutdown(LONG);
        assertThat(report.lines()).isEmpty();
        assertThat(report.isClean()).isTrue();
        assertThat(kernel.isClosed()).isTrue();
        assertThat(shutdown(LONG).isClean()).isTrue();
        kernel.close();
    }

    @Test
    @Rule({"G24", "OTQ-27", "OWQ-12"})
    @DisplayName("G24: a draining shutdown runs what is queued on every kind of queue, and lists the queues by name")
    void drainingRunsEverything() {
        AtomicInteger runs = new AtomicInteger();
        Taskq tq = taskq("a-taskq");
        Workq wq = Workq.create(kernel, "b-workq", 2, Ipl.NONE);
        Workqueue<Work> nwq = Workqueue.create(
                kernel, "c-workqueue", (work, arg) -> runs.incrementAndGet(), null, Pri.PRI_NONE, Ipl.NONE, 0);
        for (int i = 0; i < 100; i++) {
            tq.add(Task.initializer(AtomicInteger::incrementAndGet, runs));
            wq.queueTask(new WorkqTask(), 0, (a, b) -> runs.incrementAndGet(), null, null);
            nwq.enqueue(new Work(), null);
            Taskq.systq(kernel).add(Task.initializer(AtomicInteger::incrementAndGet, runs));
            Workq.syswq(kernel).addTask(0, (a, b) -> runs.incrementAndGet(), null, null);
        }
        ShutdownReport report = shutdown(LONG);
        assertThat(runs.get()).isEqualTo(500);
        assertThat(report.worksNeverRun()).isEmpty();
        assertThat(report.queuesNeverDestroyed()).containsExactly("a-taskq", "b-workq", "c-workqueue");
        assertThat(report.threadsStillRunning()).isEmpty();
        assertThat(kernel.lwps()).isEmpty();
    }

    @Test
    @Rule({"G24", "U22"})
    @DisplayName(
            "G24: a dropping shutdown returns each never-run work exactly once, on every kind of queue, and they can be used again")
    void droppingReportsEachWorkOnce() {
        kernel = test.with(settings -> settings.interruptAtDeadline(false));
        Taskq tq = taskq("taskq");
        Workq wq = Workq.create(kernel, "workq", 1, Ipl.NONE);
        CountDownLatch go = plug(tq);
        CountDownLatch insideWorkq = new CountDownLatch(2);
        AtomicInteger runs = new AtomicInteger();
        Work first = new Work();
        Workqueue<Work> nwq = Workqueue.create(
                kernel,
                "workqueue",
                (work, arg) -> {
                    if (work == first) {
                        insideWorkq.countDown();
                        Bounded.arrive(go);
                    } else {
                        runs.incrementAndGet();
                    }
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE);
        wq.queueTask(
                new WorkqTask(),
                0,
                (a, b) -> kernel.sleeping("plug", () -> {
                    insideWorkq.countDown();
                    Bounded.arrive(go);
                    return true;
                }),
                null,
                null);
        nwq.enqueue(first, null);
        Bounded.arrive(insideWorkq);
        List<Object> pending = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            Task task = Task.initializer(AtomicInteger::incrementAndGet, runs);
            WorkqTask entry = new WorkqTask();
            Work work = new Work();
            tq.add(task);
            wq.queueTask(entry, 0, (a, b) -> runs.incrementAndGet(), null, null);
            nwq.enqueue(work, null);
            pending.addAll(List.of(task, entry, work));
        }
        ShutdownReport report = shutdown(Duration.ZERO);
        assertThat(report.worksNeverRun()).containsExactlyInAnyOrderElementsOf(pending);
        assertThat(report.queuesNeverDestroyed()).containsExactly("taskq", "workq", "workqueue");
        assertThat(report.threadsStillRunning()).hasSize(3);
        assertThat(report.lines()).hasSize(3 + 3 + 3);
        go.countDown();
        Bounded.until("the workers ended", () -> kernel.lwps().isEmpty());
        assertThat(runs.get()).isZero();
        reuse(pending, runs);
    }

    private void reuse(List<Object> dropped, AtomicInteger runs) {
        Kernel next = test.with(settings -> {});
        Taskq tq = Taskq.create(next, "next", 1, Ipl.NONE, 0);
        Workq wq = Workq.create(next, "next", 1, Ipl.NONE);
        Workqueue<Work> nwq =
                Workqueue.create(next, "next", (work, arg) -> runs.incrementAndGet(), null, Pri.PRI_NONE, Ipl.NONE, 0);
        for (Object work : dropped) {
            if (work instanceof Task task) {
                assertThat(tq.add(task)).isTrue();
            } else if (work instanceof WorkqTask entry) {
                wq.queueTask(entry, 0, (a, b) -> runs.incrementAndGet(), null, null);
            } else {
                nwq.enqueue((Work) work, null);
            }
        }
        tq.destroy();
        wq.destroy();
        nwq.drainAndDestroy();
        assertThat(runs.get()).isEqualTo(dropped.size());
    }

    @Test
    @Rule({"G24", "U16", "U15"})
    @DisplayName(
            "U16: threads never joined, never started and still running are listed, each once, and the shutdown does not hang")
    void threadsAreListed() {
        CountDownLatch go = new CountDownLatch(1);
        AtomicInteger ran = new AtomicInteger();
        Kthread.create(kernel, -1, MPSAFE | Kthread.KTHREAD_MUSTJOIN, null, arg -> Kthread.exit(0), null, "unjoined");
        Kthread idle = Kthread.create(
                kernel, -1, MPSAFE | Kthread.KTHREAD_IDLE, null, AtomicInteger::incrementAndGet, ran, "unstarted");
        org.percpu.openbsd.Kthread running = org.percpu.openbsd.Kthread.create(
                kernel,
                latch -> kernel.sleeping("runs", () -> {
                    Bounded.arrive(latch);
                    return true;
                }),
                go,
                "running");
        ShutdownReport report = shutdown(LONG);
        assertThat(report.threadsNeverJoined()).hasSize(1);
        assertThat(report.threadsNeverJoined().get(0)).startsWith("unjoined");
        assertThat(report.threadsNeverStarted()).hasSize(1);
        assertThat(report.threadsNeverStarted().get(0)).startsWith("unstarted");
        assertThat(report.threadsStillRunning()).hasSize(1);
        assertThat(report.threadsStillRunning().get(0))
                .startsWith("running")
                .contains(Integer.toString(running.state().tid()));
        assertThat(report.queuesNeverDestroyed()).isEmpty();
        Refusal.of(Errno.ESRCH, idle::start).contains("unstarted");
        go.countDown();
        Bounded.until("all threads ended", () -> kernel.lwps().isEmpty());
        assertThat(ran.get()).isZero();
    }

    @Test
    @Rule({"G24", "U7"})
    @DisplayName("after a shutdown nothing can be created, and queues of the kernel refuse works with ESHUTDOWN")
    void aClosedKernelRefusesEverything() {
        Taskq tq = taskq("gone");
        Taskq systq = Taskq.systq(kernel);
        shutdown(LONG);
        Task task = Task.initializer(arg -> {}, null);
        Refusal.of(Errno.ESHUTDOWN, () -> tq.add(task)).contains("gone");
        Refusal.of(Errno.ESHUTDOWN, () -> systq.add(task)).contains("systq");
        Refusal.of(Errno.ESHUTDOWN, () -> taskq("late")).contains("late");
        Refusal.of(Errno.ESHUTDOWN, () -> Taskq.systqmp(kernel)).contains("systqmp");
        Refusal.of(Errno.ESHUTDOWN, () -> Workq.create(kernel, "late", 1, Ipl.NONE))
                .contains("late");
        assertThat(task.pending()).isFalse();
        assertThat(kernel.lwps()).isEmpty();
    }

    @Test
    @Rule({"G24", "U5"})
    @DisplayName(
            "U5: shutdown in a task of one of its queues is EDEADLK and changes nothing: every queue of the kernel goes on")
    void shutdownInAnOwnTaskIsRefused() {
        Taskq before = taskq("a-before");
        Taskq own = taskq("own");
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        own.add(Task.initializer(arg -> thrown.set(catchThrowable(() -> kernel.shutdown(LONG))), null));
        own.barrier();
        assertThat(thrown.get()).isInstanceOf(ErrnoException.class);
        assertThat(((ErrnoException) thrown.get()).errno()).isEqualTo(Errno.EDEADLK);
        try {
            assertThat(kernel.isClosed()).isFalse();
            AtomicInteger runs = new AtomicInteger();
            before.add(Task.initializer(AtomicInteger::incrementAndGet, runs));
            before.destroy();
            assertThat(runs.get()).isEqualTo(1);
            own.add(Task.initializer(AtomicInteger::incrementAndGet, runs));
            own.destroy();
            assertThat(runs.get()).isEqualTo(2);
            taskq("still").destroy();
        } finally {
            own.drainAndDestroy();
            before.drainAndDestroy();
        }
    }

    @Test
    @Rule("G24")
    @DisplayName("G24: the system kernel can be closed, runs what it has, and is made again at the next use")
    void theSystemKernelIsMadeAgain() {
        Kernel before = Kernel.system();
        assertThat(Kernel.system()).isSameAs(before);
        AtomicInteger runs = new AtomicInteger();
        Taskq.systqmp(before).add(Task.initializer(AtomicInteger::incrementAndGet, runs));
        Bounded.run("closes", before::close);
        assertThat(runs.get()).isEqualTo(1);
        assertThat(before.isClosed()).isTrue();
        Kernel after = Kernel.system();
        assertThat(after).isNotSameAs(before);
        assertThat(after.isClosed()).isFalse();
        Taskq.systqmp(after).add(Task.initializer(AtomicInteger::incrementAndGet, runs));
        Bounded.call("shuts down", () -> after.shutdown(LONG));
        assertThat(runs.get()).isEqualTo(2);
        assertThat(Proc.named("pinwatch")).isZero();
    }

    @Test
    @Rule({"G24", "OTQ-26", "OWQ-11"})
    @DisplayName(
            "a kernel that is shut down before it was warm returns every task, and makes no thread when it becomes warm")
    void aColdKernelReturnsEverything() {
        Kernel cold = test.with(settings -> settings.cold(true));
        Taskq tq = Taskq.create(cold, "cold", 2, Ipl.NONE, 0);
        Task task = Task.initializer(arg -> {}, null);
        tq.add(task);
        ShutdownReport report = Bounded.call("shuts down", () -> cold.shutdown(LONG));
        assertThat(report.worksNeverRun()).containsExactly(task);
        assertThat(report.queuesNeverDestroyed()).containsExactly("cold");
        assertThat(task.pending()).isFalse();
        cold.warm();
        assertThat(cold.lwps()).isEmpty();
    }

    @Test
    @Rule({"G24"})
    @DisplayName("a shutdown by a thread that was interrupted finds the same, and leaves the interrupt for the caller")
    void anInterruptChangesNothing() {
        for (int i = 0; i < 16; i++) {
            taskq("queue" + i);
        }
        CountDownLatch go = new CountDownLatch(1);
        org.percpu.openbsd.Kthread.create(
                kernel,
                latch -> kernel.sleeping("runs", () -> {
                    Bounded.arrive(latch);
                    return true;
                }),
                go,
                "running");
        boolean interrupted = Bounded.call("shuts down", () -> {
            Thread.currentThread().interrupt();
            ShutdownReport report = kernel.shutdown(LONG);
            go.countDown();
            assertThat(report.threadsStillRunning()).singleElement().asString().startsWith("running");
            return Thread.currentThread().isInterrupted();
        });
        assertThat(interrupted).isTrue();
    }

    @Test
    @Rule({"G24", "U16"})
    @DisplayName("close of a strict kernel prints each finding once on the console")
    void closePrintsWhatItFinds() {
        List<String> console = test.expectConsole();
        kernel = test.with(settings -> settings.strict(true));
        taskq("forgotten");
        kernel.close();
        assertThat(console).hasSize(1);
        assertThat(console.get(0)).contains("forgotten", "never destroyed");
        kernel.close();
        assertThat(console).hasSize(1);
    }

    @Test
    @Rule("G24")
    @DisplayName("G24: close runs what is queued, ends the queues, and has nothing to print of them")
    void closeIsAWayToEndQueues() {
        List<String> console = test.expectConsole();
        Taskq tq = taskq("in use");
        CountDownLatch go = plug(tq);
        AtomicInteger ran = new AtomicInteger();
        for (int i = 0; i < 10; i++) {
            tq.add(Task.initializer(arg -> ran.incrementAndGet(), null));
        }
        go.countDown();
        kernel.close();
        assertThat(ran.get()).isEqualTo(10);
        assertThat(kernel.queues()).isEmpty();
        assertThat(console).isEmpty();
    }

    @Test
    @Rule("G24")
    @DisplayName("G24: callbacks that were interrupted when the time was over are in the report, once each")
    void interruptedCallbacksAreReported() {
        Taskq tq = taskq("net");
        CountDownLatch inside = new CountDownLatch(1);
        tq.add(Task.initializer(
                arg -> {
                    inside.countDown();
                    try {
                        new CountDownLatch(1).await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                },
                null));
        Bounded.arrive(inside);
        ShutdownReport report = shutdown(Duration.ZERO);
        assertThat(report.stuckThreads()).isEmpty();
        assertThat(report.callbacksInterrupted()).singleElement().asString().endsWith(" of queue net");
        assertThat(report.lines())
                .contains(report.callbacksInterrupted().get(0) + " was interrupted when the time was over");
    }

    @Test
    @Rule("G24")
    @DisplayName("G24: works with one name are one line of the report, with their number and their queue")
    void worksOfOneNameAreCounted() {
        kernel = test.with(settings -> settings.interruptAtDeadline(false));
        Taskq one = taskq("one");
        Taskq two = taskq("two");
        CountDownLatch goOne = plug(one);
        CountDownLatch goTwo = plug(two);
        for (int i = 0; i < 3; i++) {
            one.add(Task.initializer(arg -> {}, null));
        }
        two.add(Task.initializer(arg -> {}, null));
        ShutdownReport report = shutdown(Duration.ZERO);
        goOne.countDown();
        goTwo.countDown();
        assertThat(report.worksNeverRun()).hasSize(4);
        assertThat(report.lines())
                .contains(
                        "3 x task KernelShutdownTest lambda of queue one were never run",
                        "task KernelShutdownTest lambda of queue two was never run")
                .filteredOn(line -> line.contains("never run"))
                .hasSize(2);
    }

    @Test
    @Rule({"G24"})
    @DisplayName("G24: a process whose main ends with queued tasks and busy workers ends too: all threads are daemons")
    void theProcessEnds() {
        assertThat(Bounded.join(requireNonNull(abandoned), 130)).contains("main ends");
    }

    @Test
    @Rule("G24")
    @DisplayName("the watch over pins ends with its kernel")
    void thePinWatchEnds() {
        Kernel watched = test.with(settings -> settings.pinWatch(Duration.ofMillis(5)));
        long before = Proc.named("pinwatch");
        Taskq tq = Taskq.create(watched, "watched", 1, Ipl.NONE, 0);
        Bounded.until("a watch runs", () -> Proc.named("pinwatch") > before);
        tq.destroy();
        watched.close();
        Bounded.until("it has ended", () -> Proc.named("pinwatch") <= before);
    }
}
