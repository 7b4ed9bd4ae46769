// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import javax.management.JMException;
import javax.management.ObjectName;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.bindings.spi.PercpuException;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.kernel.WorkerState;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.NamedWork;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.KernelThread;
import org.percpu.thread.Pri;

@Timeout(120)
@DisplayName("The state of a worker")
class WorkerStateTest {
    private static final class Named extends NamedWork {
        private final Bounded.Code body;

        Named(String name, Bounded.Code body) {
            super(name);
            this.body = body;
        }
    }

    @RegisterExtension
    final TestKernel kernels = new TestKernel();

    private final CountDownLatch inside = new CountDownLatch(1);
    private final CountDownLatch go = new CountDownLatch(1);

    private void stuck() {
        inside.countDown();
        Bounded.arrive(go);
    }

    private Workqueue<Named> workqueue(int flags) {
        return Workqueue.create(
                kernels.get(), "wq", (work, none) -> work.body.run(), null, Pri.PRI_NONE, Ipl.NONE, flags);
    }

    private static WorkerState state(Workqueue<?> wq) {
        return wq.workers().get(0);
    }

    @Test
    @DisplayName("shows the work that is stuck, for how long, and counts those behind it, wherever in a batch it is")
    void showsWhatRuns() {
        for (int before = 0; before < 3; before++) {
            for (int behind = 0; behind < 3; behind++) {
                CountDownLatch plugged = new CountDownLatch(1);
                CountDownLatch plug = new CountDownLatch(1);
                CountDownLatch entered = new CountDownLatch(1);
                CountDownLatch leave = new CountDownLatch(1);
                Workqueue<Named> wq = workqueue(Workqueue.WQ_MPSAFE);
                wq.enqueue(
                        new Named("plug", () -> {
                            plugged.countDown();
                            Bounded.arrive(plug);
                        }),
                        null);
                Bounded.arrive(plugged);
                for (int i = 0; i < before; i++) {
                    wq.enqueue(new Named("before", () -> {}), null);
                }
                wq.enqueue(
                        new Named("the stuck one", () -> {
                            entered.countDown();
                            Bounded.arrive(leave);
                        }),
                        null);
                for (int i = 0; i < behind; i++) {
                    wq.enqueue(new Named("behind", () -> {}), null);
                }
                plug.countDown();
                Bounded.arrive(entered);
                long begin = System.nanoTime();
                WorkerState state = state(wq);
                assertThat(state.running()).isEqualTo("the stuck one");
                assertThat(state.pending()).isEqualTo(behind);
                assertThat(state.executed()).isEqualTo(before + 1);
                Bounded.until(
                        "it waits", () -> String.valueOf(state(wq).waitsFor()).contains("CountDownLatch"));
                Bounded.until("time goes on", () -> state(wq).runningNanos() >= TimeUnit.MILLISECONDS.toNanos(5));
                assertThat(state(wq).runningNanos())
                        .isLessThan(System.nanoTime() - begin + TimeUnit.SECONDS.toNanos(10));
                leave.countDown();
                wq.drainAndDestroy();
            }
        }
    }

    @Test
    @DisplayName("says of an idle worker that it runs nothing, counts nothing as pending, and waits for its queue")
    void showsAnIdleWorker() {
        Workqueue<Named> wq = workqueue(Workqueue.WQ_MPSAFE);
        wq.enqueue(new Named("first", () -> {}), null);
        Bounded.until(
                "it sleeps again",
                () -> state(wq).executed() == 1 && "\"wq\"".equals(state(wq).waitsFor()));
        WorkerState state = state(wq);
        assertThat(state.running()).isNull();
        assertThat(state.runningNanos()).isZero();
        assertThat(state.pending()).isZero();
        assertThat(state.executed()).isEqualTo(1);
        wq.drainAndDestroy();
    }

    @Test
    @DisplayName("says of an idle worker at each look that it waits for its queue, whether it parks or spins")
    void idleIsAlwaysTheSame() {
        for (WaitStrategy strategy : WaitStrategy.values()) {
            Kernel kernel = kernels.with(settings -> settings.waitStrategy(strategy));
            Workqueue<Work> wq = Workqueue.create(
                    kernel, "idle", (work, arg) -> {}, null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_MPSAFE);
            wq.enqueue(new Work(), null);
            Bounded.until(
                    "it has run the work",
                    () -> state(wq).executed() == 1 && state(wq).running() == null);
            for (int i = 0; i < 500; i++) {
                assertThat(state(wq).waitsFor()).as("%s, look %s", strategy, i).isEqualTo("\"idle\"");
            }
            wq.destroy();
        }
    }

    private static String inThreadDump(String thread) throws JMException {
        String dump = (String) ManagementFactory.getPlatformMBeanServer()
                .invoke(
                        new ObjectName("com.sun.management:type=DiagnosticCommand"),
                        "threadPrint",
                        new Object[] {new String[0]},
                        new String[] {String[].class.getName()});
        return Arrays.stream(dump.split("\n\n", -1))
                .filter(text -> text.startsWith('"' + thread + '"'))
                .findFirst()
                .orElse("no " + thread);
    }

    @Test
    @DisplayName("is seen in a thread dump: an idle worker waits for its queue there, a busy one does not")
    void inThreadDumps() throws JMException {
        Machine.needsLinux("a simulated futex shows itself in thread dumps");
        Workqueue<Named> idle = Workqueue.create(
                kernels.get(), "dumped idle", (work, arg) -> {}, null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_MPSAFE);
        Taskq idleToo = Taskq.create(kernels.get(), "dumped tasks", 1, Ipl.NONE, 0);
        Workqueue<Named> busy = Workqueue.create(
                kernels.get(),
                "dumped busy",
                (work, arg) -> stuck(),
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE);
        busy.enqueue(new Named("stuck", () -> {}), null);
        Bounded.arrive(inside);
        Bounded.until("it is idle", () -> inThreadDump("dumped idle").contains("(a org.percpu.queue.SerialQueue)"));
        Bounded.until("it is idle", () -> inThreadDump("dumped tasks").contains("(a org.percpu.queue.SharedQueue)"));
        assertThat(inThreadDump("dumped idle")).contains("parking to wait for", "RUNNABLE", "Doorbell.await");
        assertThat(inThreadDump("dumped busy"))
                .contains("stuck")
                .doesNotContain("(a org.percpu.queue", "Doorbell.await");
        go.countDown();
        busy.drainAndDestroy();
        idle.destroy();
        idleToo.destroy();
    }

    @Test
    @DisplayName("names the sleep, the mutex and the kernel lock that the stuck work waits for")
    @SuppressWarnings("LockNotBeforeTry") // held while the works want them
    void showsWaits() {
        Kernel kernel = kernels.get();
        Mutex mutex = Mutex.netbsd("table", Ipl.NONE);
        Object ident = new Object();
        mutex.lock();
        kernel.lock().lock();
        try {
            Workqueue<Named> wq = workqueue(Workqueue.WQ_MPSAFE);
            wq.enqueue(new Named("sleeps", () -> kernel.sleepq().tsleep(ident, "biowait", 0)), null);
            wq.enqueue(
                    new Named("locks", () -> {
                        mutex.lock();
                        mutex.unlock();
                    }),
                    null);
            wq.enqueue(
                    new Named("big", () -> {
                        kernel.lock().lock();
                        kernel.lock().unlock();
                    }),
                    null);
            Bounded.until("sleeps", () -> "\"biowait\"".equals(state(wq).waitsFor()));
            assertThat(state(wq).running()).isEqualTo("sleeps");
            kernel.sleepq().wakeup(ident);
            Bounded.until("waits for the mutex", () -> String.valueOf(state(wq).waitsFor())
                    .contains("mutex table"));
            assertThat(state(wq).waitsFor())
                    .contains("held by " + Thread.currentThread().getName());
            assertThat(state(wq).running()).isEqualTo("locks");
            mutex.unlock();
            Bounded.until(
                    "waits for the kernel lock",
                    () -> String.valueOf(state(wq).waitsFor()).contains("kernel lock"));
            assertThat(state(wq).running()).isEqualTo("big");
            kernel.lock().unlock();
            wq.drainAndDestroy();
        } finally {
            if (kernel.lock().isHeld()) {
                kernel.lock().unlock();
            }
        }
    }

    @Test
    @DisplayName("shows the task that a thread of a taskq is stuck in")
    void ofATaskq() {
        Taskq tq = Taskq.create(kernels.get(), "tq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        Task task = Task.initializer(WorkerStateTest::stuck, this);
        Task other = Task.initializer(none -> {}, null);
        assertThat(tq.add(task)).isTrue();
        Bounded.arrive(inside);
        assertThat(tq.add(other)).isTrue();
        WorkerState state = tq.workers().get(0);
        assertThat(state.running()).isEqualTo(task.toString());
        assertThat(state.pending()).isEqualTo(1);
        go.countDown();
        tq.destroy();
    }

    /** How often the calling thread has waited for a monitor. */
    private static long blocked() {
        return ManagementFactory.getThreadMXBean()
                .getThreadInfo(Thread.currentThread().getId())
                .getBlockedCount();
    }

    @Test
    @DisplayName("is had while a million tasks are pending without holding up those who take them off")
    void withoutTheLock() {
        Taskq tq = Taskq.create(kernels.get(), "tq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        assertThat(tq.add(Task.initializer(WorkerStateTest::stuck, this))).isTrue();
        Bounded.arrive(inside);
        int count = 1_000_000;
        Task last = Task.initializer(none -> {}, null);
        for (int i = 1; i < count; i++) {
            Task task = Task.initializer(none -> {}, null);
            if (!tq.add(task)) {
                throw new AssertionError("pending");
            }
        }
        assertThat(tq.add(last)).isTrue();
        // Moves them to the list that the lock guards.
        assertThat(tq.del(last)).isTrue();
        assertThat(tq.workers().get(0).pending()).isEqualTo(count - 1);
        FutureTask<Boolean> looks = Bounded.startCode("looks", () -> {
            for (int i = 0; i < 20; i++) {
                assertThat(tq.workers()).hasSize(1);
            }
        });
        long before = blocked();
        while (!looks.isDone()) {
            assertThat(tq.add(last)).isTrue();
            assertThat(tq.del(last)).isTrue();
        }
        assertThat(blocked() - before)
                .as("how often an add or a del found the lock held beside a look")
                .isZero();
        boolean looked = Bounded.join(looks);
        assertThat(looked).isTrue();
        go.countDown();
        assertThat(tq.drainAndDestroy(Duration.ZERO)).isNotNull();
    }

    @Test
    @DisplayName("of a kthread made idle is LSIDL, then LSRUN or LSSLEEP")
    void idleKthread() {
        Kthread thread = Kthread.create(
                kernels.get(),
                Pri.PRI_NONE,
                Kthread.KTHREAD_IDLE | Kthread.KTHREAD_MPSAFE,
                null,
                none -> stuck(),
                null,
                "kt");
        KernelThread lwp = kernels.get().lwps().get(0);
        assertThat(lwp.stat()).isEqualTo("LSIDL");
        assertThat(lwp.toString()).startsWith("LSIDL ");
        thread.start();
        Bounded.arrive(inside);
        Bounded.until("it waits", () -> lwp.stat().equals("LSSLEEP"));
        go.countDown();
        kernels.expectConsole();
    }

    @Test
    @Rule("NWQ-23")
    @DisplayName("NWQ-23: waits for a work and for a taskq have a form with a time")
    void waitsWithATime() {
        Workqueue<Named> wq = workqueue(Workqueue.WQ_MPSAFE);
        Named work = new Named("stuck", this::stuck);
        wq.enqueue(work, null);
        Bounded.arrive(inside);
        assertThat(wq.waitFor(work, Duration.ZERO)).isFalse();
        assertThat(wq.waitFor(work, Duration.ofMillis(5))).isFalse();
        Taskq tq = Taskq.create(kernels.get(), "tq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        assertThat(tq.add(Task.initializer(WorkerStateTest::stuck, this))).isTrue();
        Bounded.until("runs", () -> tq.workers().get(0).running() != null);
        assertThat(tq.barrier(Duration.ofMillis(5))).isFalse();
        go.countDown();
        assertThat(wq.waitFor(work, Duration.ofSeconds(Bounded.SECONDS))).isTrue();
        assertThat(tq.barrier(Duration.ofSeconds(Bounded.SECONDS))).isTrue();
        assertThat(wq.waitFor(work, Duration.ZERO)).isTrue();
        Refusal.of(Errno.EINVAL, () -> wq.waitFor(work, null)).contains("atMost");
        wq.destroy();
        tq.destroy();
    }

    @Test
    @DisplayName("and both kinds of exceptions that carry an errno share a type")
    void oneTypeOfExceptions() {
        PercpuException page = new ErrnoException(Errno.EBUSY, "a work");
        PercpuException linux = new LinuxException("futex(2)", Errno.EBUSY.number(), "busy", null);
        assertThat(page.errnoNumber()).isEqualTo(linux.errnoNumber());
        assertThat(page.errnoName()).isEqualTo("EBUSY").isEqualTo(linux.errnoName());
    }
}
