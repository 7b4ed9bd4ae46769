// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
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
import org.percpu.kernel.Condvar;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.lwp.Lwp;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Kthread;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.KernelThread;
import org.percpu.thread.Pri;

/** What the threads of a taskq do with tasks, the kernel lock, sleeps and errors. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TaskqWorkerTest {
    private static final Duration LONG_ENOUGH_TO_SHOW = Duration.ofMillis(100);

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private Taskq create(String name, int nthreads, int flags) {
        return Taskq.create(test.get(), name, nthreads, Ipl.NONE, flags);
    }

    @Test
    @Rule({"OTQ-19", "OTQ-20"})
    @DisplayName("OTQ-20: a task may be set, added elsewhere or given away inside its own function")
    void theTaskIsItsOwnersInsideItsFunction() {
        Taskq tq = create("copy", 1, Taskq.TASKQ_MPSAFE);
        List<String> ran = new CopyOnWriteArrayList<>();
        Task task = new Task();
        task.set(
                self -> {
                    ran.add("first");
                    self.set(ran::add, "second");
                    tq.add(self);
                },
                task);
        tq.add(task);
        Bounded.until("both ran", () -> ran.size() == 2);
        assertThat(ran).containsExactly("first", "second");
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-21", "G9"})
    @DisplayName("OTQ-21, G9: with one thread a task that is added while it runs never overlaps itself, in 20000 runs")
    void oneThreadNeverOverlaps() {
        Taskq tq = create("g9/1", 1, Taskq.TASKQ_MPSAFE);
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger overlaps = new AtomicInteger();
        AtomicInteger runs = new AtomicInteger();
        Task task = Task.initializer(
                arg -> {
                    if (inside.getAndIncrement() != 0) {
                        overlaps.incrementAndGet();
                    }
                    runs.incrementAndGet();
                    inside.decrementAndGet();
                },
                null);
        List<FutureTask<Boolean>> adders = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            adders.add(Bounded.startCode("adder", () -> {
                while (runs.get() < 20_000) {
                    tq.add(task);
                }
            }));
        }
        adders.forEach(Bounded::join);
        tq.destroy();
        assertThat(overlaps.get()).isZero();
    }

    @Test
    @Rule({"OTQ-21", "G9"})
    @DisplayName("OTQ-21, G9: with two threads a task that is added while it runs meets itself inside")
    void twoThreadsOverlap() {
        Taskq tq = create("g9/2", 2, Taskq.TASKQ_MPSAFE);
        CyclicBarrier meeting = new CyclicBarrier(2);
        AtomicInteger runs = new AtomicInteger();
        Task task = Task.initializer(
                arg -> {
                    runs.incrementAndGet();
                    Bounded.meet(meeting);
                },
                null);
        for (int round = 1; round <= 200; round++) {
            int runsBefore = runs.get();
            assertThat(tq.add(task)).isTrue();
            while (task.pending()) {
                Thread.onSpinWait();
            }
            assertThat(tq.add(task)).isTrue();
            tq.barrier();
            assertThat(runs.get()).isEqualTo(runsBefore + 2);
        }
        tq.destroy();
    }

    @ParameterizedTest
    @EnumSource(WaitStrategy.class)
    @Rule({"OTQ-22", "S12"})
    @DisplayName(
            "OTQ-22: a burst of tasks wakes as many threads as it needs: two that wait for each other meet, 500 times")
    void aBurstWakesAllThreads(WaitStrategy strategy) {
        Kernel kernel = test.with(settings -> settings.waitStrategy(strategy));
        Taskq tq = Taskq.create(kernel, "burst", 2, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        // A lost wake-up must end the test soon, and must let its threads go.
        CyclicBarrier meeting = new CyclicBarrier(2);
        AtomicInteger met = new AtomicInteger();
        AtomicInteger missed = new AtomicInteger();
        Task.Function<Object> meet = arg -> {
            try {
                meeting.await(5, TimeUnit.SECONDS);
                met.incrementAndGet();
            } catch (TimeoutException | BrokenBarrierException e) {
                missed.incrementAndGet();
            }
        };
        Task one = Task.initializer(meet, null);
        Task two = Task.initializer(meet, null);
        for (int round = 1; round <= 500 && missed.get() == 0; round++) {
            tq.add(one);
            tq.add(two);
            int least = 2 * round;
            Bounded.until("they met", () -> met.get() == least || missed.get() > 0);
        }
        assertThat(missed.get()).as("tasks that waited in vain for the other").isZero();
        Bounded.run("destroys", tq::destroy);
    }

    @ParameterizedTest
    @EnumSource(WaitStrategy.class)
    @Rule({"OTQ-27", "OTQ-22"})
    @DisplayName("OTQ-27: destroy while one of two threads runs a task ends both, whatever they do while they wait")
    void everyWaitStrategyEnds(WaitStrategy strategy) {
        Kernel kernel = test.with(settings -> settings.waitStrategy(strategy));
        Taskq tq = Taskq.create(kernel, "ends", 2, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        Plug plug = Plug.in(kernel, tq);
        FutureTask<Boolean> destroyer = Bounded.startCode("destroyer", tq::destroy);
        Task probe = Task.initializer(arg -> {}, null);
        Bounded.until("destroy has begun", () -> isShut(tq, probe));
        plug.pull();
        Bounded.join(destroyer, 10);
        assertThat(kernel.queues()).isEmpty();
    }

    private static boolean isShut(Taskq tq, Task probe) {
        try {
            tq.add(probe);
            return false;
        } catch (ErrnoException e) {
            return e.errno() == Errno.ESHUTDOWN;
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    @Rule({"OTQ-23", "Z17", "KL-2"})
    @DisplayName("OTQ-23, Z17: between two tasks under the kernel lock a thread that waits for the lock gets it")
    void theKernelLockIsOfferedBetweenTasks(int nthreads) {
        Taskq tq = create("z17", nthreads, 0);
        Kernel kernel = test.get();
        List<String> order = new CopyOnWriteArrayList<>();
        CountDownLatch inside = new CountDownLatch(1);
        AtomicReference<Thread> waiter = new AtomicReference<>();
        tq.add(Task.initializer(
                arg -> {
                    order.add("first");
                    inside.countDown();
                    Bounded.until(
                            "somebody waits for the kernel lock",
                            () -> waiter.get() != null && waiter.get().getState() == Thread.State.WAITING);
                },
                null));
        tq.add(Task.initializer(order::add, "second"));
        Bounded.arrive(inside);
        Bounded.run("waiter", () -> {
            waiter.set(Thread.currentThread());
            kernel.lock().lock();
            order.add("between");
            kernel.lock().unlock();
        });
        tq.destroy();
        if (nthreads == 1) {
            assertThat(order).containsExactly("first", "between", "second");
        } else {
            // Another thread of the queue may have stood in line before the waiter.
            assertThat(order).hasSize(3).startsWith("first").contains("between", "second");
        }
    }

    @Test
    @Rule({"OTQ-24", "KL-1", "KL-2", "KL-5"})
    @DisplayName("OTQ-24: without TASKQ_MPSAFE tasks of 4 threads hold the kernel lock once and exclude each other")
    void tasksHoldTheKernelLock() {
        Taskq tq = create("locked", 4, 0);
        int[] counter = new int[1]; // under the kernel lock
        AtomicInteger wrong = new AtomicInteger();
        for (int i = 0; i < 2_000; i++) {
            tq.add(Task.initializer(
                    lock -> {
                        if (lock.holds() != 1) {
                            wrong.incrementAndGet();
                        }
                        counter[0]++;
                    },
                    test.get().lock()));
        }
        tq.destroy();
        assertThat(counter[0]).isEqualTo(2_000);
        assertThat(wrong.get()).isZero();
    }

    @Test
    @Rule({"OTQ-24", "KL-2"})
    @DisplayName("OTQ-24: with TASKQ_MPSAFE tasks run without the kernel lock, while another thread has it")
    void mpsafeTasksDoNotHoldTheKernelLock() {
        Taskq tq = create("mpsafe", 2, Taskq.TASKQ_MPSAFE);
        AtomicInteger holds = new AtomicInteger(-1);
        test.get().lock().lock();
        try {
            tq.add(Task.initializer(lock -> holds.set(lock.holds()), test.get().lock()));
            Bounded.until("it ran", () -> holds.get() >= 0);
        } finally {
            test.get().lock().unlock();
        }
        assertThat(holds.get()).isZero();
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-24", "KL-3", "KL-5", "G14"})
    @DisplayName("KL-3, G14: a task that sleeps with three holds lets others have the kernel lock, and has three again")
    void aSleepingTaskDropsTheKernelLock() {
        Taskq tq = create("sleeps", 1, 0);
        Taskq other = create("other", 1, 0);
        Kernel kernel = test.get();
        Object channel = new Object();
        AtomicInteger before = new AtomicInteger();
        AtomicInteger after = new AtomicInteger();
        CountDownLatch inside = new CountDownLatch(1);
        tq.add(Task.initializer(
                arg -> {
                    kernel.lock().lock();
                    kernel.lock().lock();
                    before.set(kernel.lock().holds());
                    inside.countDown();
                    kernel.sleepq().tsleep(channel, "g14", 0);
                    after.set(kernel.lock().holds());
                    kernel.lock().unlock();
                    kernel.lock().unlock();
                },
                null));
        Bounded.arrive(inside);
        // Runs under the kernel lock, so only while the first task sleeps.
        other.add(Task.initializer(arg -> kernel.sleepq().wakeup(channel), null));
        tq.barrier();
        assertThat(before.get()).isEqualTo(3);
        assertThat(after.get()).isEqualTo(3);
        tq.destroy();
        other.destroy();
    }

    @Test
    @Rule({"U20", "OTQ-19"})
    @DisplayName("U20: tasks that throw are reported with queue, task and cause, on the worker, and later tasks run")
    void throwingTasksDoNotEndTheWorker() {
        List<TestKernel.Fault> faults = test.expectFaults();
        Taskq tq = create("throws", 1, 0);
        List<Throwable> thrown =
                List.of(new IllegalStateException("unchecked"), new IOException("checked"), new StackOverflowError());
        List<Task> tasks = new ArrayList<>();
        AtomicInteger holds = new AtomicInteger(-1);
        for (Throwable t : thrown) {
            Task task = Task.initializer(
                    cause -> {
                        test.get().lock().lock(); // left behind
                        if (cause instanceof Error error) {
                            throw error;
                        }
                        throw (Exception) cause;
                    },
                    t);
            tasks.add(task);
            tq.add(task);
        }
        List<String> console = test.expectConsole();
        tq.add(Task.initializer(lock -> holds.set(lock.holds()), test.get().lock()));
        tq.barrier();
        assertThat(holds.get()).isEqualTo(1);
        assertThat(faults).extracting(TestKernel.Fault::thrown).isEqualTo(thrown);
        assertThat(faults).extracting(TestKernel.Fault::item).isEqualTo(tasks);
        assertThat(faults).allMatch(fault -> "throws".equals(fault.queue()));
        assertThat(faults.get(0).thread()).isNotSameAs(Thread.currentThread());
        assertThat(console).hasSize(3).allMatch(line -> line.contains("throws") && line.contains("kernel lock"));
        assertThat(tq.workers().get(0).faults()).isEqualTo(3);
        tq.destroy();
    }

    @Test
    @Rule("U18")
    @DisplayName("U18: kthread_exit in a task is EPERM, of either system, and the worker goes on")
    void aTaskCannotExitTheWorker() {
        List<TestKernel.Fault> faults = test.expectFaults();
        Taskq tq = create("exits", 1, 0);
        tq.add(Task.initializer(code -> Kthread.exit(code), 1));
        tq.add(Task.initializer(code -> org.percpu.netbsd.Kthread.exit(code), 0));
        AtomicInteger ran = new AtomicInteger();
        tq.add(Task.initializer(AtomicInteger::incrementAndGet, ran));
        tq.barrier();
        assertThat(ran.get()).isEqualTo(1);
        assertThat(faults).hasSize(2).allSatisfy(fault -> {
            assertThat(fault.thrown()).isInstanceOf(ErrnoException.class).hasMessageContaining("exits");
            assertThat(((ErrnoException) fault.thrown()).errno()).isEqualTo(Errno.EPERM);
        });
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-25", "U12", "U5", "G19"})
    @DisplayName(
            "OTQ-25, G19: in a task of a TASKQ_CANTSLEEP queue every sleep of the library is refused and changes nothing")
    void cantsleepTasksAreRefusedEverySleep() {
        Kernel kernel = test.get();
        Taskq other = create("other", 1, Taskq.TASKQ_MPSAFE);
        Workq pool = Workq.create(kernel, "pool", 1, Ipl.NONE, 1);
        Workqueue<Work> wq =
                Workqueue.create(kernel, "wq", (work, arg) -> {}, null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_MPSAFE);
        CountDownLatch finish = new CountDownLatch(1);
        org.percpu.netbsd.Kthread joinable = org.percpu.netbsd.Kthread.create(
                kernel,
                Pri.PRI_NONE,
                org.percpu.netbsd.Kthread.KTHREAD_TS
                        | org.percpu.netbsd.Kthread.KTHREAD_MPSAFE
                        | org.percpu.netbsd.Kthread.KTHREAD_MUSTJOIN,
                null,
                arg -> {
                    Bounded.arrive(finish);
                    throw org.percpu.netbsd.Kthread.exit(0);
                },
                null,
                "joinable");
        Condvar condvar = new Condvar(kernel, "cv");
        ReentrantLock mutex = new ReentrantLock();
        Taskq tq = create("insomnia", 1, Taskq.TASKQ_MPSAFE | Taskq.TASKQ_CANTSLEEP);
        Map<String, Bounded.Code> sleeps = new LinkedHashMap<>();
        sleeps.put("condvar", () -> condvar.await(mutex));
        sleeps.put("condvar with timeout", () -> condvar.await(mutex, 1, TimeUnit.MILLISECONDS));
        sleeps.put("tsleep", () -> kernel.sleepq().tsleep(condvar, "tsleep", 1));
        sleeps.put("mtsleep", () -> kernel.sleepq().mtsleep(condvar, "mtsleep", 1, mutex, true));
        sleeps.put("sleeping", () -> kernel.sleeping("sleeping", () -> true));
        sleeps.put("barrier", tq::barrier);
        sleeps.put("barrier of another", other::barrier);
        sleeps.put("del_barrier", () -> tq.delBarrier(new Task()));
        sleeps.put("own destroy", tq::destroy);
        sleeps.put("destroy of another", other::destroy);
        sleeps.put("drain of another", other::drainAndDestroy);
        sleeps.put("workq_destroy", pool::destroy);
        sleeps.put("WQ_WAITOK", () -> pool.addTask(Workq.WQ_WAITOK, (a, b) -> {}, null, null));
        sleeps.put("join", joinable::join);
        sleeps.put("workqueue_wait", () -> wq.waitFor(new Work()));
        sleeps.put("workqueue_destroy", wq::destroy);
        Map<String, Object> outcomes = outcomes(tq, mutex, sleeps);
        assertThat(outcomes.keySet()).isEqualTo(sleeps.keySet());
        outcomes.forEach((what, outcome) -> assertThat(outcome).as(what).isIn(Errno.EPERM, Errno.EDEADLK));
        assertThat(mutex.isLocked()).isFalse();
        // Nothing was destroyed, and the worker's own sleep between tasks is allowed.
        assertThat(kernel.queues()).containsExactlyInAnyOrder(tq, other, pool, wq);
        AtomicInteger ran = new AtomicInteger();
        for (int i = 0; i < 3; i++) {
            tq.add(Task.initializer(AtomicInteger::incrementAndGet, ran));
            tq.barrier();
        }
        assertThat(ran.get()).isEqualTo(3);
        finish.countDown();
        joinable.join();
        tq.destroy();
        other.destroy();
        pool.destroy();
        wq.destroy();
    }

    @Test
    @Rule({"OTQ-25", "U12", "G19"})
    @DisplayName(
            "OTQ-25: creating a queue or a thread waits for threads, so a TASKQ_CANTSLEEP task is refused that too")
    void cantsleepTasksCreateNothing() {
        Kernel kernel = test.get();
        Taskq tq = create("insomnia", 1, Taskq.TASKQ_MPSAFE | Taskq.TASKQ_CANTSLEEP);
        Map<String, Bounded.Code> sleeps = new LinkedHashMap<>();
        sleeps.put("taskq_create", () -> create("inside", 1, 0));
        sleeps.put("workq_create", () -> Workq.create(kernel, "inside", 1, Ipl.NONE));
        sleeps.put("kthread_create", () -> Kthread.create(kernel, arg -> {}, null, "inside"));
        Map<String, Object> outcomes = outcomes(tq, new ReentrantLock(), sleeps);
        assertThat(outcomes).allSatisfy((what, outcome) -> assertThat(outcome).isEqualTo(Errno.EPERM));
        assertThat(kernel.queues()).containsExactly(tq);
        assertThat(kernel.lwps()).extracting(KernelThread::name).containsExactly("insomnia");
        tq.destroy();
    }

    private static Map<String, Object> outcomes(Taskq tq, ReentrantLock mutex, Map<String, Bounded.Code> sleeps) {
        Map<String, Object> outcomes = new LinkedHashMap<>();
        CountDownLatch done = new CountDownLatch(1);
        tq.add(Task.initializer(
                arg -> {
                    sleeps.forEach((what, sleep) -> outcomes.put(what, outcome(mutex, sleep)));
                    done.countDown();
                },
                null));
        Bounded.arrive(done);
        return outcomes;
    }

    private static Object outcome(ReentrantLock mutex, Bounded.Code sleep) {
        mutex.lock();
        try {
            sleep.run();
            return "not refused";
        } catch (ErrnoException e) {
            return e.errno();
        } catch (Exception e) {
            return e;
        } finally {
            mutex.unlock();
        }
    }

    @Test
    @Rule({"OTQ-25", "OTQ-24"})
    @DisplayName(
            "OTQ-25: a TASKQ_CANTSLEEP queue without TASKQ_MPSAFE runs its tasks under the kernel lock, many times over")
    void cantsleepUnderTheKernelLock() {
        Taskq tq = create("both", 2, Taskq.TASKQ_CANTSLEEP);
        int[] counter = new int[1]; // under the kernel lock
        for (int i = 0; i < 1_000; i++) {
            tq.add(Task.initializer(arg -> counter[0]++, null));
        }
        tq.destroy();
        assertThat(counter[0]).isEqualTo(1_000);
    }

    @Test
    @Rule("OTQ-19")
    @DisplayName("a task knows the thread that runs it, which belongs to the kernel and is a daemon")
    void workersAreKernelThreads() {
        Taskq tq = create("curlwp", 1, 0);
        AtomicReference<Lwp> lwp = new AtomicReference<>();
        AtomicReference<Thread> thread = new AtomicReference<>();
        tq.add(Task.initializer(
                arg -> {
                    lwp.set(Lwp.current());
                    thread.set(Thread.currentThread());
                },
                null));
        tq.barrier();
        assertThat(test.get().lwps()).containsExactly(lwp.get());
        assertThat(lwp.get().tid()).isEqualTo(tq.workers().get(0).thread().tid());
        assertThat(thread.get().isDaemon()).isTrue();
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-21", "OWQ-8"})
    @DisplayName("with two threads a long task does not hold up the ones behind it")
    void aLongTaskHoldsUpOneThread() {
        Taskq tq = create("long", 2, Taskq.TASKQ_MPSAFE);
        Plug plug = Plug.in(test.get(), tq);
        AtomicInteger ran = new AtomicInteger();
        for (int i = 0; i < 50; i++) {
            tq.add(Task.initializer(AtomicInteger::incrementAndGet, ran));
        }
        Bounded.until("all behind it ran", () -> ran.get() == 50);
        FutureTask<Boolean> barrier = Bounded.startCode("barrier", tq::barrier);
        assertThatThrownBy(() -> barrier.get(LONG_ENOUGH_TO_SHOW.toMillis(), TimeUnit.MILLISECONDS))
                .isInstanceOf(TimeoutException.class);
        plug.pull();
        Bounded.join(barrier);
        tq.destroy();
    }
}
