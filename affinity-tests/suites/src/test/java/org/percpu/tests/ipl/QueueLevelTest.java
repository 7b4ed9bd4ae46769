// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.NativeWork;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.ipl.Spl;
import org.percpu.ipl.SplMode;
import org.percpu.ipl.SplSupport;
import org.percpu.kernel.Sleepq;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.openbsd.WorkqTask;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

/** Queues and levels: who may enqueue, and posts from C. */
@Timeout(60)
class QueueLevelTest {
    private static final class Packet extends Work {}

    @RegisterExtension
    final TestKernel kernels = new TestKernel();

    private Workqueue<Packet> workqueue(Ipl ipl, Runnable body) {
        return Workqueue.create(
                kernels.get(), "wq", (work, arg) -> body.run(), null, Pri.PRI_NONE, ipl, Workqueue.WQ_MPSAFE);
    }

    private static void refused(ThrowingCallable call, String level, String queue) {
        assertThatThrownBy(call)
                .isInstanceOf(ErrnoException.class)
                .hasMessageContaining("EPERM")
                .hasMessageContaining(level)
                .hasMessageContaining(queue);
    }

    @ParameterizedTest
    @EnumSource
    @Rule("U11")
    @DisplayName("Scenario 6, U11: enqueueing above the queue's level is an error that names both, and changes nothing")
    void enqueueAboveTheQueuesLevelIsRefused(SplMode mode) {
        AtomicLong ran = new AtomicLong();
        Workqueue<Packet> wq = workqueue(Ipl.VM, ran::incrementAndGet);
        Taskq tq = Taskq.create(kernels.get(), "tq", 1, Ipl.VM, Taskq.TASKQ_MPSAFE);
        Workq owq = Workq.create(kernels.get(), "owq", 1, Ipl.VM);
        Packet packet = new Packet();
        Task task = Task.initializer(arg -> ran.incrementAndGet(), null);
        WorkqTask entry = new WorkqTask();
        CountDownLatch plug = new CountDownLatch(1);
        tq.add(Task.initializer(Bounded::arrive, plug));
        Task queued = Task.initializer(arg -> ran.incrementAndGet(), null);
        tq.add(queued);
        Levels.on(mode, spl -> {
            int s = spl.splhigh();
            refused(() -> tq.del(queued), "HIGH", "VM");
            refused(() -> wq.enqueue(packet, null), "HIGH", "VM");
            refused(() -> tq.add(task), "HIGH", "VM");
            refused(() -> tq.del(task), "HIGH", "VM");
            refused(() -> owq.addTask(0, (a, b) -> ran.incrementAndGet(), null, null), "HIGH", "VM");
            refused(() -> owq.queueTask(entry, 0, (a, b) -> ran.incrementAndGet(), null, null), "HIGH", "VM");
            spl.splx(s);
            assertThat(task.pending()).isFalse();
            assertThat(queued.pending()).isTrue();
            plug.countDown();
            int vm = spl.splvm();
            wq.enqueue(packet, null);
            assertThat(tq.add(task)).isTrue();
            assertThat(owq.addTask(0, (a, b) -> ran.incrementAndGet(), null, null))
                    .isTrue();
            owq.queueTask(entry, 0, (a, b) -> ran.incrementAndGet(), null, null);
            spl.splx(vm);
        });
        tq.destroy();
        owq.destroy();
        wq.waitFor(packet);
        assertThat(ran).hasValue(5);
        wq.destroy();
    }

    @ParameterizedTest
    @EnumSource
    @Rule({"OTQ-34", "U12"})
    @DisplayName("U12, OTQ-34: del_barrier where the caller must not sleep is refused before it deletes anything")
    void delBarrierThatMustNotSleepDeletesNothing(SplMode mode) {
        Taskq tq = Taskq.create(kernels.get(), "tq", 1, Ipl.VM, Taskq.TASKQ_MPSAFE);
        CountDownLatch plug = new CountDownLatch(1);
        AtomicLong ran = new AtomicLong();
        Task queued = Task.initializer(arg -> ran.incrementAndGet(), null);
        tq.add(Task.initializer(Bounded::arrive, plug));
        tq.add(queued);
        Levels.on(mode, spl -> {
            int s = spl.splsoftclock();
            refused(() -> tq.delBarrier(queued), "SOFTCLOCK", "tq");
            spl.splx(s);
            InterruptLine line = InterruptLine.establish(
                    Receiver.current(),
                    "intr",
                    Ipl.VM,
                    value -> refused(() -> tq.delBarrier(queued), "in an interrupt", "tq"));
            assertThat(line.trigger()).isTrue();
            assertThat(spl.poll()).isEqualTo(1);
            line.close();
        });
        Softint soft = Softint.establish(
                kernels.get(),
                Softint.SOFTINT_NET | Softint.SOFTINT_MPSAFE,
                arg -> refused(() -> tq.delBarrier(queued), "interrupt thread", "tq"),
                null);
        soft.schedule();
        soft.disestablish();
        assertThat(queued.pending()).isTrue();
        plug.countDown();
        tq.destroy();
        assertThat(ran).hasValue(1);
    }

    @ParameterizedTest
    @EnumSource
    @Rule({"U11", "U12"})
    @DisplayName(
            "U12: a hard interrupt may use workqueues of VM and above only, and creating or destroying from one is refused")
    void hardInterruptsNeedAQueueWithASpinMutex(SplMode mode) {
        Workqueue<Packet> net = workqueue(Ipl.NET, () -> {});
        Workqueue<Packet> vm = workqueue(Ipl.VM, () -> {});
        Packet refused = new Packet();
        Levels.on(mode, spl -> {
            InterruptLine line = InterruptLine.establish(Receiver.current(), "net", Ipl.NET, value -> {
                refused(() -> net.enqueue(refused, null), "NET", "VM");
                vm.enqueue(new Packet(), null);
                refused(() -> workqueue(Ipl.NONE, () -> {}), "interrupt", "wq");
                refused(vm::destroy, "interrupt", "wq");
            });
            assertThat(line.trigger()).isTrue();
            assertThat(spl.poll()).isEqualTo(1);
            line.close();
        });
        Bounded.until("the work has run", () -> vm.workers().get(0).executed() == 1);
        assertThat(kernels.get().queues()).containsExactlyInAnyOrder(net, vm);
        net.enqueue(refused, null);
        net.waitFor(refused);
        assertThat(net.workers().get(0).executed()).isEqualTo(1);
        net.destroy();
        vm.destroy();
    }

    @Test
    void callbackThatReturnsAtARaisedLevelIsPutRight() {
        var console = kernels.expectConsole();
        Workqueue<Packet> wq = workqueue(Ipl.VM, () -> {
            int forgotten = Spl.current().splhigh();
            assertThat(forgotten).isNotNegative();
        });
        Packet packet = new Packet();
        wq.enqueue(packet, null);
        wq.waitFor(packet);
        Bounded.until(
                "the worker reports it", () -> console.stream().anyMatch(line -> line.contains("returned at HIGH")));
        wq.destroy();
    }

    @Test
    @DisplayName(
            "U12: a callback that returns with spin mutexes held is reported with their names, and the next may sleep")
    void callbackThatReturnsWithSpinMutexesHeldIsPutRight() {
        var console = kernels.expectConsole();
        List<String> results = new CopyOnWriteArrayList<>();
        Object nobody = new Object();
        for (List<Mutex> left : List.of(
                List.of(Mutex.netbsd("net-vm", Ipl.VM)),
                List.of(Mutex.openbsd("open-none", Ipl.NONE, null)),
                List.of(Mutex.openbsd("open-vm", Ipl.VM, null), Mutex.netbsd("net-high", Ipl.HIGH)))) {
            boolean[] second = {false};
            Workqueue<Packet> wq = workqueue(Ipl.HIGH, () -> {
                if (!second[0]) {
                    second[0] = true;
                    left.forEach(Mutex::lock);
                    return;
                }
                int slept = kernels.get().sleepq().tsleep(nobody, "nap", 1);
                results.add(slept + " at " + Spl.current().level() + " free "
                        + left.stream().allMatch(Mutex::tryLock));
                for (int i = left.size() - 1; i >= 0; i--) {
                    left.get(i).unlock();
                }
            });
            for (int i = 0; i < 2; i++) {
                Packet packet = new Packet();
                wq.enqueue(packet, null);
                wq.waitFor(packet);
            }
            wq.destroy();
            for (Mutex mutex : left) {
                assertThat(console)
                        .as("%s", mutex)
                        .anyMatch(line ->
                                line.startsWith("queue wq: a callback returned at") && line.contains(mutex.toString()));
            }
        }
        assertThat(console).hasSize(3);
        assertThat(results).hasSize(3).containsOnly(Sleepq.EWOULDBLOCK + " at NONE free true");
    }

    @Test
    void valuesPostedFromJavaAndFromCReachTheCallback() {
        Levels.needLibrary();
        LinuxCalls linux = Machine.linux();
        AtomicLong sum = new AtomicLong();
        NativeWork[] handle = new NativeWork[1];
        Workqueue<Packet> wq = workqueue(Ipl.VM, () -> {
            int drained = handle[0].drain(sum::addAndGet);
            assertThat(drained).isNotNegative();
        });
        NativeWork work = wq.nativeWork(new Packet(), null);
        handle[0] = work;
        long post = NativeWork.postFunction();
        long expected = 0;
        for (int i = 1; i <= 20_000; i++) {
            long result;
            do {
                result = i % 2 == 0 ? work.post(i) : linux.call(post, work.handle(), i, 0, 0, 0, 0);
            } while (result == -Errno.EAGAIN.number());
            assertThat(result).isBetween(0L, 1L);
            expected += i;
        }
        long all = expected;
        Bounded.until("all values are there", () -> sum.get() == all);
        long closed = work.handle();
        work.close();
        assertThat(linux.call(post, closed, 1, 0, 0, 0, 0)).isEqualTo(-Errno.EINVAL.number());
        assertThat(work.post(1)).isEqualTo(-Errno.EINVAL.number());
        NativeWork late = wq.nativeWork(new Packet(), null);
        wq.destroy();
        assertThat(linux.call(post, late.handle(), 1, 0, 0, 0, 0)).isEqualTo(-Errno.ESHUTDOWN.number());
        assertThat(late.post(1)).isEqualTo(-Errno.ESHUTDOWN.number());
        late.close();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a line on a worker runs while the worker has nothing to do, whoever triggers it")
    void lineOnAWorkerThatSleeps(SplMode mode) {
        if (mode == SplMode.LAZY) {
            Levels.needLibrary();
        }
        List<Long> values = new CopyOnWriteArrayList<>();
        AtomicReference<InterruptLine> line = new AtomicReference<>();
        Workqueue<Packet> wq = workqueue(Ipl.VM, () -> establish(mode, line, values));
        Packet first = new Packet();
        wq.enqueue(first, null);
        wq.waitFor(first);
        onSleepingWorker(line.get(), values);

        values.clear();
        Taskq tq = Taskq.create(kernels.get(), "tq", 1, Ipl.VM, Taskq.TASKQ_MPSAFE);
        assertThat(tq.add(Task.initializer(arg -> establish(mode, line, values), null)))
                .isTrue();
        tq.barrier();
        onSleepingWorker(line.get(), values);
        wq.destroy();
        tq.destroy();
    }

    private static void establish(SplMode mode, AtomicReference<InterruptLine> line, List<Long> values) {
        Spl spl = Spl.current();
        spl.setMode(mode);
        line.set(InterruptLine.establish(Receiver.current(), "idle", Ipl.VM, values::add));
    }

    private static void onSleepingWorker(InterruptLine line, List<Long> values) {
        for (long i = 1; i <= 3; i++) {
            long value = i;
            assertThat(line.trigger(value)).isTrue();
            Bounded.until("value " + i, () -> values.size() == value);
        }
        if (SplSupport.get().library() != null) {
            long result = Machine.linux().call(InterruptLine.triggerFunction(), line.handle(), 4, 0, 0, 0, 0);
            assertThat(result).isZero();
            Bounded.until("the value from C", () -> values.size() == 4);
        }
        line.close();
    }

    @Test
    void postOfAPendingWorkIsOneRunWithAllValuesAndAFullRingSaysSo() {
        AtomicLong runs = new AtomicLong();
        AtomicLong values = new AtomicLong();
        CountDownLatch in = new CountDownLatch(1);
        Semaphore gate = new Semaphore(0);
        NativeWork[] handle = new NativeWork[1];
        Taskq tq = Taskq.create(kernels.get(), "native", 2, Ipl.VM, Taskq.TASKQ_MPSAFE);
        Taskq one = Taskq.create(kernels.get(), "blocked", 1, Ipl.VM, Taskq.TASKQ_MPSAFE);
        Task task = Task.initializer(
                arg -> {
                    runs.incrementAndGet();
                    int drained = handle[0].drain(value -> values.incrementAndGet());
                    assertThat(drained).isPositive();
                },
                null);
        NativeWork work = one.nativeTask(task);
        handle[0] = work;
        Task blocker = Task.initializer(
                arg -> {
                    in.countDown();
                    Bounded.acquire(gate, 1);
                },
                null);
        assertThat(one.add(blocker)).isTrue();
        Bounded.arrive(in);
        assertThat(work.post(1)).isZero();
        for (int i = 1; i < NativeWork.MAX_VALUES; i++) {
            assertThat(work.post(i)).isEqualTo(1);
        }
        assertThat(work.post(0)).isEqualTo(-Errno.EAGAIN.number());
        gate.release();
        Bounded.until("the values are there", () -> values.get() == NativeWork.MAX_VALUES);
        assertThat(runs).hasValue(1);
        work.close();
        one.destroy();
        tq.destroy();
    }

    @Test
    void valueBehindOneWhoseConsumerThrowsWaitsForTheNextDrain() {
        AtomicLong sum = new AtomicLong();
        CountDownLatch inside = new CountDownLatch(1);
        Semaphore gate = new Semaphore(0);
        Taskq tq = Taskq.create(kernels.get(), "throws", 1, Ipl.VM, Taskq.TASKQ_MPSAFE);
        NativeWork work = tq.nativeTask(Task.initializer(
                arg -> {
                    inside.countDown();
                    Bounded.acquire(gate, 1);
                },
                null));
        assertThat(work.post(1)).isZero();
        Bounded.arrive(inside);
        assertThat(work.post(2)).isZero();
        assertThatThrownBy(() -> {
                    int drained = work.drain(value -> {
                        throw new IllegalArgumentException("value " + value);
                    });
                    assertThat(drained).isNegative();
                })
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("value 1");
        assertThat(work.drain(sum::addAndGet)).isEqualTo(1);
        assertThat(sum).hasValue(2);
        assertThat(work.drain(sum::addAndGet)).isZero();
        gate.release(2);
        work.close();
        tq.destroy();
    }

    @Test
    void tasksOfSeveralThreadsAndEntriesOfWorkqsArePostedToo() {
        AtomicLong sum = new AtomicLong();
        NativeWork[] handles = new NativeWork[2];
        Taskq tq = Taskq.create(kernels.get(), "several", 3, Ipl.VM, Taskq.TASKQ_MPSAFE);
        Workq wq = Workq.create(kernels.get(), "wq", 2, Ipl.VM);
        handles[0] = tq.nativeTask(Task.initializer(
                arg -> assertThat(handles[0].drain(sum::addAndGet)).isNotNegative(), null));
        handles[1] = wq.nativeTask(
                new WorkqTask(),
                (a, b) -> assertThat(handles[1].drain(sum::addAndGet)).isNotNegative(),
                "a",
                "b");
        long expected = 0;
        for (int i = 1; i <= 20_000; i++) {
            while (handles[i % 2].post(i) < 0) {
                Thread.onSpinWait();
            }
            expected += i;
        }
        tq.destroy();
        wq.destroy();
        assertThat(sum).hasValue(expected);
        handles[0].close();
        handles[1].close();
    }
}
