// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.openbsd.Autoconf;
import org.percpu.openbsd.Kthread;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;

/** Queues and threads before the kernel is warm, and what happens when it becomes so. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ColdKernelTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    private Kernel kernel;

    @BeforeEach
    void makeAColdKernel() {
        kernel = test.with(settings -> settings.cold(true));
    }

    private Taskq taskq(String name, int nthreads) {
        return Taskq.create(kernel, name, nthreads, Ipl.NONE, Taskq.TASKQ_MPSAFE);
    }

    @Test
    @Rule({"OKT-9", "OKT-12", "G12"})
    @DisplayName("OKT-12, G12: a deferral from inside a deferred function runs at once: a, a's nested one, b")
    void aNestedDeferralComesFirst() {
        List<String> order = new CopyOnWriteArrayList<>();
        Kthread.createDeferred(
                kernel,
                name -> {
                    order.add(name);
                    Kthread.createDeferred(kernel, order::add, "nested in a");
                    order.add("end of a");
                },
                "a");
        Kthread.createDeferred(kernel, order::add, "b");
        assertThat(order).isEmpty();
        kernel.warm();
        assertThat(order).containsExactly("a", "nested in a", "end of a", "b");
    }

    @Test
    @Rule({"OKT-9", "OKT-10", "G12"})
    @DisplayName(
            "OKT-10: in a warm kernel the deferred function runs in the caller's thread, with its locks, before the return")
    void deferredCallsAreSynchronousWhenWarm() {
        kernel.warm();
        AtomicReference<Thread> ranOn = new AtomicReference<>();
        AtomicInteger holds = new AtomicInteger();
        kernel.lock().lock();
        try {
            Kthread.createDeferred(
                    kernel,
                    arg -> {
                        ranOn.set(Thread.currentThread());
                        holds.set(kernel.lock().holds());
                    },
                    null);
        } finally {
            kernel.lock().unlock();
        }
        assertThat(ranOn.get()).isSameAs(Thread.currentThread());
        assertThat(holds.get()).isEqualTo(1);
        assertThat(kernel.lwps()).isEmpty();
    }

    @Test
    @Rule({"OKT-11", "OKT-12"})
    @DisplayName(
            "OKT-11, OKT-12: 1000 deferred functions run first in, first out, once, by the thread that makes the kernel warm")
    void deferredCallsAreFifo() {
        List<Integer> order = new ArrayList<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 1_000; i++) {
            Kthread.createDeferred(
                    kernel,
                    number -> {
                        order.add(number);
                        threads.add(Thread.currentThread());
                    },
                    i);
        }
        kernel.warm();
        assertThat(order).hasSize(1_000).isSorted();
        assertThat(threads).containsOnly(Thread.currentThread());
        Refusal.of(Errno.EINVAL, kernel::warm).contains("warm");
        assertThat(order).hasSize(1_000);
    }

    @Test
    @Rule({"OKT-11", "U20"})
    @DisplayName("a deferred function that throws is reported and the next one is called; a null one is EINVAL")
    void aThrowingDeferredFunctionDoesNotStopTheBoot() {
        List<TestKernel.Fault> faults = test.expectFaults();
        AtomicInteger ran = new AtomicInteger();
        Refusal.of(Errno.EINVAL, () -> Kthread.createDeferred(kernel, null, null))
                .contains("func");
        Kthread.createDeferred(
                kernel,
                arg -> {
                    throw new IOException("no device");
                },
                null);
        Kthread.createDeferred(kernel, AtomicInteger::incrementAndGet, ran);
        kernel.warm();
        assertThat(ran.get()).isEqualTo(1);
        assertThat(faults).hasSize(1);
        assertThat(faults.get(0).thrown()).hasRootCauseMessage("no device");
    }

    @Test
    @Rule({"OKT-13"})
    @DisplayName("OKT-13: while a deferred function runs, other threads can defer and ask: nothing is locked")
    void deferredFunctionsRunOutsideOfLocks() {
        AtomicInteger ran = new AtomicInteger();
        Kthread.createDeferred(
                kernel,
                arg -> Bounded.run("other", () -> {
                    assertThat(kernel.isCold()).isFalse();
                    Kthread.createDeferred(kernel, AtomicInteger::incrementAndGet, ran);
                }),
                null);
        Bounded.run("boots", kernel::warm);
        assertThat(ran.get()).isEqualTo(1);
    }

    @Test
    @Rule({"OKT-6", "OKT-9"})
    @DisplayName(
            "OKT-6: kthread_create in a cold kernel is EINVAL and points to the deferred call, which then makes the thread")
    void kthreadCreateNeedsAWarmKernel() {
        AtomicInteger ran = new AtomicInteger();
        Refusal.of(Errno.EINVAL, () -> Kthread.create(kernel, AtomicInteger::incrementAndGet, ran, "early"))
                .contains("early", "deferred");
        assertThat(kernel.lwps()).isEmpty();
        Kthread.createDeferred(
                kernel,
                counter -> Kthread.create(
                        kernel,
                        it -> {
                            it.incrementAndGet();
                            throw Kthread.exit(0);
                        },
                        counter,
                        "late"),
                ran);
        assertThat(ran.get()).isZero();
        kernel.warm();
        Bounded.until("the thread ran", () -> ran.get() == 1);
    }

    @Test
    @Rule({"OTQ-6", "OWQ-3", "OWQ-8", "OTQ-8"})
    @DisplayName(
            "OTQ-6, OWQ-3: tasks added to taskq and workq while cold run first in, first out when the kernel is warm")
    void tasksAddedWhileColdRunWhenWarm() {
        Taskq tq = taskq("coldtq", 1);
        Workq wq = Workq.create(kernel, "coldwq", 1, Ipl.NONE);
        Taskq systqmp = Taskq.systqmp(kernel);
        Workq syswq = Workq.syswq(kernel);
        assertThat(tq.workers()).isEmpty();
        assertThat(kernel.lwps()).isEmpty();
        List<List<Integer>> orders = List.of(
                new CopyOnWriteArrayList<>(), new CopyOnWriteArrayList<>(),
                new CopyOnWriteArrayList<>(), new CopyOnWriteArrayList<>());
        for (int i = 0; i < 100; i++) {
            assertThat(tq.add(Task.initializer(orders.get(0)::add, i))).isTrue();
            assertThat(wq.addTask(0, List<Integer>::add, orders.get(1), i)).isTrue();
            assertThat(systqmp.add(Task.initializer(orders.get(2)::add, i))).isTrue();
            assertThat(syswq.addTask(0, List<Integer>::add, orders.get(3), i)).isTrue();
        }
        assertThat(orders).allMatch(List::isEmpty);
        kernel.warm();
        for (List<Integer> order : orders) {
            Bounded.until("all ran", () -> order.size() == 100);
            assertThat(order).isSorted();
        }
        assertThat(tq.workers()).hasSize(1);
        tq.destroy();
        wq.destroy();
    }

    @Test
    @Rule({"OTQ-8", "OTQ-15", "OTQ-30"})
    @DisplayName(
            "in a cold kernel add, del and pending answer as ever, and a deleted task does not run when it is warm")
    void addAndDelWorkWhileCold() {
        Taskq tq = taskq("adddel", 1);
        AtomicInteger runs = new AtomicInteger();
        Task task = Task.initializer(AtomicInteger::incrementAndGet, runs);
        Task other = Task.initializer(AtomicInteger::incrementAndGet, runs);
        assertThat(tq.add(task)).isTrue();
        assertThat(tq.add(task)).isFalse();
        assertThat(tq.add(other)).isTrue();
        assertThat(tq.del(task)).isTrue();
        assertThat(tq.del(task)).isFalse();
        assertThat(task.pending()).isFalse();
        assertThat(other.pending()).isTrue();
        kernel.warm();
        tq.barrier();
        assertThat(runs.get()).isEqualTo(1);
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-35", "U23"})
    @DisplayName(
            "U23: a barrier in a cold kernel is EINVAL and says why; when it is warm it waits for what was added before")
    void aBarrierWhileColdIsRefused() {
        Taskq tq = taskq("early", 1);
        AtomicInteger runs = new AtomicInteger();
        Task task = Task.initializer(AtomicInteger::incrementAndGet, runs);
        tq.add(task);
        Refusal.of(Errno.EINVAL, () -> Bounded.run("barrier", tq::barrier)).contains("early", "warm");
        assertThat(runs.get()).isZero();
        assertThat(task.pending()).isTrue();
        assertThat(kernel.queues()).containsExactly(tq);
        kernel.warm();
        tq.barrier();
        assertThat(runs.get()).isEqualTo(1);
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-26", "OTQ-34", "G11"})
    @DisplayName(
            "OTQ-26, G11: destroy while cold returns at once, prints each task that never runs, and they can go elsewhere")
    void destroyWhileColdLosesNothingSilently() {
        List<String> console = test.expectConsole();
        Taskq tq = taskq("lost", 2);
        AtomicInteger runs = new AtomicInteger();
        List<Task> tasks = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            tasks.add(Task.initializer(AtomicInteger::incrementAndGet, runs));
            tq.add(tasks.get(i));
        }
        Bounded.run("destroys", tq::destroy);
        assertThat(console).hasSize(3).allMatch(line -> line.contains("lost") && line.contains("never run"));
        assertThat(tasks).noneMatch(Task::pending);
        assertThat(kernel.queues()).isEmpty();
        Refusal.of(Errno.EINVAL, tq::destroy).contains("lost");
        Refusal.of(Errno.ESHUTDOWN, () -> tq.add(tasks.get(0))).contains("lost");
        Taskq other = taskq("found", 1);
        tasks.forEach(task -> assertThat(other.add(task)).isTrue());
        kernel.warm();
        other.destroy();
        assertThat(runs.get()).isEqualTo(3);
        assertThat(tq.workers()).isEmpty();
    }

    @Test
    @Rule({"OWQ-11", "G11"})
    @DisplayName("OWQ-11, G11: a workq destroyed while cold prints what never runs and makes no thread later")
    void aWorkqDestroyedWhileCold() {
        List<String> console = test.expectConsole();
        Workq wq = Workq.create(kernel, "lost", 2, Ipl.NONE);
        AtomicInteger runs = new AtomicInteger();
        assertThat(wq.addTask(0, (a, b) -> runs.incrementAndGet(), null, null)).isTrue();
        Bounded.run("destroys", wq::destroy);
        assertThat(console).hasSize(1).allMatch(line -> line.contains("lost") && line.contains("never run"));
        kernel.warm();
        assertThat(kernel.lwps()).isEmpty();
        assertThat(runs.get()).isZero();
    }

    @Test
    @Rule({"OTQ-26", "U22"})
    @DisplayName("OTQ-26: draining while cold hands every task back, each once, and none stays pending")
    void drainWhileColdHandsBack() {
        Taskq tq = taskq("handed", 1);
        List<Task> tasks = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            tasks.add(Task.initializer(arg -> {}, null));
            tq.add(tasks.get(i));
        }
        List<Task> dropped = Bounded.call("drains", () -> tq.drainAndDestroy(Duration.ofHours(1)));
        assertThat(dropped).containsExactlyInAnyOrderElementsOf(tasks);
        assertThat(tasks).noneMatch(Task::pending);
    }

    @Test
    @Rule({"OTQ-35", "U23", "OTQ-26"})
    @DisplayName(
            "U23: a barrier on a queue that was destroyed while cold ends, in a return or an error, and does not hang")
    void aBarrierAfterAColdDestroyEnds() {
        Taskq tq = taskq("never", 1);
        tq.destroy();
        FutureTask<Boolean> barrier = Bounded.startCode("barrier", () -> {
            try {
                tq.barrier();
            } catch (ErrnoException e) {
                assertThat(e.errno()).isIn(Errno.EINVAL, Errno.ESHUTDOWN);
            }
        });
        Bounded.join(barrier, 5);
    }

    @Test
    @Rule({"OWQ-1", "U23"})
    @DisplayName(
            "a WQ_WAITOK dispatcher that finds all entries queued while cold proceeds when the kernel is warm, or is refused")
    void waitokWhileCold() {
        Workq wq = Workq.create(kernel, "waitok", 1, Ipl.NONE, 1);
        AtomicInteger runs = new AtomicInteger();
        assertThat(wq.addTask(Workq.WQ_WAITOK, (a, b) -> runs.incrementAndGet(), null, null))
                .isTrue();
        FutureTask<Boolean> waiter = Bounded.start(
                "dispatcher", () -> wq.addTask(Workq.WQ_WAITOK, (a, b) -> runs.incrementAndGet(), null, null));
        assertThatThrownBy(() -> waiter.get(50, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
        kernel.warm();
        assertThat(Bounded.join(waiter)).isTrue();
        wq.destroy();
        assertThat(runs.get()).isEqualTo(2);
    }

    @Test
    @Rule({"OWQ-1", "OWQ-11", "U7"})
    @DisplayName("OWQ-11: a WQ_WAITOK dispatcher that waits when the queue is destroyed while cold gets ESHUTDOWN")
    void waitokWhenDestroyedWhileCold() {
        test.expectConsole();
        Workq wq = Workq.create(kernel, "waitok", 1, Ipl.NONE, 1);
        assertThat(wq.addTask(0, (a, b) -> {}, null, null)).isTrue();
        FutureTask<Boolean> waiter =
                Bounded.start("dispatcher", () -> wq.addTask(Workq.WQ_WAITOK, (a, b) -> {}, null, null));
        assertThatThrownBy(() -> waiter.get(50, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
        wq.destroy();
        Refusal.of(Errno.ESHUTDOWN, () -> Bounded.join(waiter, 5)).contains("waitok");
    }

    @Test
    @Rule({"OTQ-28", "U5"})
    @DisplayName(
            "U5: a task added while cold knows at its very first run that it is in a task of its queue, in 300 boots")
    void theFirstTaskIsAnOwnTask() {
        for (int i = 0; i < 300; i++) {
            Kernel boot = test.with(settings -> settings.cold(true));
            Taskq tq = Taskq.create(boot, "first", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            AtomicReference<Throwable> thrown = new AtomicReference<>();
            tq.add(Task.initializer(arg -> thrown.set(catchThrowable(tq::destroy)), null));
            boot.warm();
            Bounded.until("it returned", () -> thrown.get() != null);
            assertThat(thrown.get()).isInstanceOf(ErrnoException.class);
            assertThat(((ErrnoException) thrown.get()).errno()).isEqualTo(Errno.EDEADLK);
            tq.destroy();
        }
    }

    @Test
    @Rule({"OKT-12", "OTQ-6"})
    @DisplayName("autoconf attaches devices in order in a cold kernel, then makes it warm and runs what they deferred")
    void autoconfMakesTheKernelWarm() {
        List<String> order = new CopyOnWriteArrayList<>();
        AtomicReference<Taskq> softnet = new AtomicReference<>();
        Autoconf.configure(
                kernel,
                List.of(
                        () -> {
                            order.add("cpu0 " + kernel.isCold());
                            Kthread.createDeferred(kernel, order::add, "cpu0 deferred");
                        },
                        () -> {
                            order.add("em0 " + kernel.isCold());
                            softnet.set(taskq("softnet", 1));
                            softnet.get().add(Task.initializer(order::add, "em0 task"));
                        }));
        assertThat(kernel.isCold()).isFalse();
        softnet.get().barrier();
        assertThat(order).containsExactly("cpu0 true", "em0 true", "cpu0 deferred", "em0 task");
        Refusal.of(Errno.EINVAL, () -> Autoconf.configure(kernel, List.of())).contains("warm");
        softnet.get().destroy();
    }

    @Test
    @Rule("OKT-13")
    @DisplayName(
            "if a device cannot attach, the error reaches the caller, the kernel stays cold and can be tried again")
    void aDeviceThatThrowsLeavesTheKernelCold() {
        AtomicInteger deferred = new AtomicInteger();
        Kthread.createDeferred(kernel, AtomicInteger::incrementAndGet, deferred);
        assertThatThrownBy(() -> Autoconf.configure(kernel, List.of(() -> {
                    throw new IllegalStateException("no such device");
                })))
                .hasMessage("no such device");
        assertThat(kernel.isCold()).isTrue();
        assertThat(deferred.get()).isZero();
        Autoconf.configure(kernel, List.of());
        assertThat(deferred.get()).isEqualTo(1);
    }
}
