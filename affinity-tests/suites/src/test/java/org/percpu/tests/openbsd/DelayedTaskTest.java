// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.DelayState;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelQueue;
import org.percpu.openbsd.DelayedTask;
import org.percpu.openbsd.DelayedWorkqTask;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.tests.support.Allocation;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;

@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("tasks that wait for their time on a taskq and a workq")
class DelayedTaskTest {
    private static final Duration HOUR = Duration.ofHours(1);
    private static final Duration SOON = Duration.ofMillis(2);

    @RegisterExtension
    final TestKernel test = new TestKernel();

    @AfterEach
    void destroyQueues() {
        for (KernelQueue queue : test.get().queues()) {
            if (!queue.name().equals("clock")) {
                queue.drainAndDestroy(Duration.ofSeconds(5));
            }
        }
    }

    private final AtomicInteger runs = new AtomicInteger();

    private Taskq taskq(int threads) {
        return Taskq.create(test.get(), "later", threads, Ipl.NONE, Taskq.TASKQ_MPSAFE);
    }

    private DelayedTask task() {
        return DelayedTask.initializer(test.get(), AtomicInteger::incrementAndGet, runs);
    }

    private static Semaphore plug(Taskq tq) {
        CountDownLatch in = new CountDownLatch(1);
        Semaphore gate = new Semaphore(0);
        boolean added = tq.add(Task.initializer(
                arg -> {
                    in.countDown();
                    Bounded.acquire(gate, 1);
                },
                null));
        assertThat(added).isTrue();
        Bounded.arrive(in);
        return gate;
    }

    @Test
    @Rule("TM-8")
    @DisplayName("TM-8: after the delay, and not before, the task is added; meanwhile it is pending, and add is false")
    void taskRunsAfterTheDelay() {
        for (int threads : new int[] {1, 2}) {
            Taskq tq = taskq(threads);
            AtomicLong at = new AtomicLong();
            DelayedTask task = DelayedTask.initializer(test.get(), time -> time.set(System.nanoTime()), at);
            Duration delay = Duration.ofMillis(20);
            long begin = System.nanoTime();
            assertThat(tq.addAfter(task, delay)).isTrue();
            if (task.pending()) {
                assertThat(tq.add(task) && at.get() == 0).isFalse();
                assertThat(tq.addAfter(task, Duration.ZERO) && at.get() == 0).isFalse();
            }
            Bounded.until("it has run", () -> at.get() != 0);
            assertThat(at.get() - begin).isGreaterThanOrEqualTo(delay.toNanos());
            tq.destroy();
        }
    }

    @Test
    @Rule({"TM-8", "OTQ-16"})
    @DisplayName(
            "TM-8, OTQ-16: del and delBarrier take a waiting task back, set is EBUSY, and a barrier does not wait for it")
    void deletionAndBarrier() {
        Taskq tq = taskq(1);
        DelayedTask task = task();
        assertThat(tq.addAfter(task, HOUR)).isTrue();
        assertThat(tq.addAfter(task, SOON)).isFalse();
        assertThat(tq.add(task)).isFalse();
        assertThat(task.pending()).isTrue();
        Refusal.of(Errno.EBUSY, () -> task.set(AtomicInteger::incrementAndGet, runs))
                .contains("later");
        Refusal.of(Errno.EINVAL, () -> taskq(1).del(task)).contains("later");
        tq.barrier();
        assertThat(tq.del(task)).isTrue();
        assertThat(tq.del(task)).isFalse();
        assertThat(task.pending()).isFalse();
        assertThat(tq.addAfter(task, HOUR)).isTrue();
        assertThat(tq.delBarrier(task)).isTrue();
        assertThat(tq.add(task)).isTrue();
        tq.barrier();
        assertThat(runs).hasValue(1);
    }

    @Test
    @Rule("TM-8")
    @DisplayName(
            "TM-8: modify and cancel of a task say whether it waited, was queued, ran or was idle; cancel takes it back")
    void statesOfATask() {
        Taskq tq = taskq(1);
        Semaphore gate = plug(tq);
        DelayedTask task = task();
        assertThat(tq.cancel(task)).isEqualTo(DelayState.IDLE);
        assertThat(tq.modify(task, HOUR)).isEqualTo(DelayState.IDLE);
        assertThat(tq.modify(task, Duration.ZERO)).isEqualTo(DelayState.WAITING);
        Bounded.until("its time is over", () -> tq.workers().get(0).pending() == 1);
        assertThat(tq.modify(task, HOUR)).isEqualTo(DelayState.QUEUED);
        assertThat(tq.cancel(task)).isEqualTo(DelayState.QUEUED);
        assertThat(task.pending()).isFalse();
        assertThat(tq.addAfter(task, HOUR)).isTrue();
        assertThat(tq.cancel(task)).isEqualTo(DelayState.WAITING);
        gate.release();
        tq.barrier();
        assertThat(runs).hasValue(0);
        CountDownLatch in = new CountDownLatch(1);
        Semaphore out = new Semaphore(0);
        DelayedTask running = DelayedTask.initializer(
                test.get(),
                arg -> {
                    in.countDown();
                    Bounded.acquire(out, 1);
                },
                null);
        tq.addAfter(running, Duration.ZERO);
        Bounded.arrive(in);
        assertThat(tq.cancel(running)).isEqualTo(DelayState.RUNNING);
        assertThat(tq.modify(running, HOUR)).isEqualTo(DelayState.RUNNING);
        assertThat(tq.cancel(running)).isEqualTo(DelayState.WAITING);
        out.release();
    }

    @Test
    @Rule("TM-8")
    @DisplayName(
            "TM-8: an entry of a workq runs after the delay with its function and arguments; modify and cancel say where it was")
    void workqEntry() {
        Workq wq = Workq.create(test.get(), "later", 1, Ipl.NONE);
        DelayedWorkqTask entry = new DelayedWorkqTask(test.get());
        List<String> ran = new CopyOnWriteArrayList<>();
        Workq.Function<String, List<String>> function = (text, list) -> list.add(text);
        assertThat(wq.modify(entry, HOUR)).isEqualTo(DelayState.IDLE);
        wq.queueTaskAfter(entry, 0, function, "first", ran, HOUR);
        Refusal.of(Errno.EBUSY, () -> wq.queueTaskAfter(entry, 0, function, "no", ran, SOON))
                .contains("pending");
        Refusal.of(Errno.EBUSY, () -> wq.queueTask(entry, 0, function, "no", ran))
                .contains("pending");
        assertThat(wq.modify(entry, SOON)).isEqualTo(DelayState.WAITING);
        Bounded.until("it has run", () -> ran.size() == 1);
        wq.queueTaskAfter(entry, 0, function, "second", ran, HOUR);
        assertThat(wq.cancel(entry)).isEqualTo(DelayState.WAITING);
        wq.queueTaskAfter(entry, 0, function, "third", ran, SOON);
        wq.destroy();
        assertThat(ran).containsExactly("first", "third");
    }

    @Test
    @Rule({"TM-8", "TM-4"})
    @DisplayName("TM-8, TM-4: delaying, moving and taking back a task or an entry allocate nothing")
    void allocatesNothing() {
        Machine.needsLinux("counts what a thread allocates");
        Taskq tq = taskq(1);
        DelayedTask task = task();
        Workq wq = Workq.create(test.get(), "thrifty", 1, Ipl.NONE);
        DelayedWorkqTask entry = new DelayedWorkqTask(test.get());
        Workq.Function<Object, Object> function = (first, second) -> {};
        Duration later = HOUR.multipliedBy(2);
        tq.addAfter(task, HOUR);
        tq.del(task);
        long bytes = Allocation.fewest(() -> {
            for (int i = 0; i < 1000; i++) {
                boolean added = tq.addAfter(task, later);
                DelayState moved = tq.modify(task, HOUR);
                boolean deleted = tq.del(task);
                wq.queueTaskAfter(entry, 0, function, this, this, HOUR);
                DelayState found = wq.cancel(entry);
                assert added && deleted && moved == found;
            }
        });
        assertThat(bytes).isZero();
    }

    @Test
    @Rule({"TM-8", "TM-9"})
    @DisplayName("TM-8, TM-9: destroy waits for tasks that wait; a drain hands back those whose time does not come")
    void endOfTheQueue() {
        for (int threads : new int[] {1, 3}) {
            runs.set(0);
            Taskq tq = taskq(threads);
            tq.addAfter(task(), Duration.ofMillis(30));
            tq.addAfter(task(), Duration.ofMillis(20));
            tq.destroy();
            assertThat(runs).hasValue(2);
            Taskq dropped = taskq(threads);
            DelayedTask late = task();
            dropped.addAfter(late, HOUR);
            dropped.addAfter(task(), SOON);
            assertThat(dropped.drainAndDestroy(Duration.ofMillis(200))).containsExactly(late);
            assertThat(late.pending()).isFalse();
            assertThat(runs).hasValue(3);
            Refusal.of(Errno.ESHUTDOWN, () -> dropped.addAfter(late, SOON)).contains("destroyed");
        }
    }

    @Test
    @Rule({"TM-8", "TM-9"})
    @DisplayName("TM-8, TM-9: a cancel of the last waiting task ends a destroy, with several threads too")
    void cancelDuringDestroy() {
        for (int threads : new int[] {1, 3}) {
            Taskq tq = taskq(threads);
            DelayedTask late = task();
            tq.addAfter(late, HOUR);
            var destroy = Bounded.startCode("destroys", tq::destroy);
            Bounded.until("it is closed", () -> {
                try {
                    boolean added = tq.addAfter(late, SOON);
                    assertThat(added).isFalse();
                    return false;
                } catch (org.percpu.bindings.spi.ErrnoException e) {
                    return e.errno() == Errno.ESHUTDOWN;
                }
            });
            assertThat(tq.cancel(late)).isEqualTo(DelayState.WAITING);
            assertThat(Bounded.join(destroy)).isTrue();
        }
        assertThat(runs).hasValue(0);
    }

    @Test
    @Rule({"TM-8", "TM-9"})
    @DisplayName(
            "TM-8, TM-9: a shutdown reports the tasks that waited, in a cold kernel and on a queue of the system too")
    void endOfTheKernel() {
        for (boolean cold : new boolean[] {false, true}) {
            Kernel kernel = test.with(builder -> builder.cold(cold));
            Taskq tq = Taskq.create(kernel, "open", 1, Ipl.NONE, 0);
            List<DelayedTask> late = List.of(
                    DelayedTask.initializer(kernel, AtomicInteger::incrementAndGet, runs),
                    DelayedTask.initializer(kernel, AtomicInteger::incrementAndGet, runs));
            tq.addAfter(late.get(0), HOUR);
            Taskq.systq(kernel).addAfter(late.get(1), HOUR);
            assertThat(kernel.shutdown(Duration.ofMillis(5)).worksNeverRun()).containsExactlyInAnyOrderElementsOf(late);
        }
        assertThat(runs).hasValue(0);
    }

    @Test
    @Rule("TM-8")
    @DisplayName("TM-8: a task never set, of another kernel, or with a negative or missing time is EINVAL")
    void badInput() {
        Taskq tq = taskq(1);
        Workq wq = Workq.create(test.get(), "strict", 1, Ipl.NONE);
        Kernel other = test.with(builder -> {});
        DelayedTask task = task();
        DelayedWorkqTask entry = new DelayedWorkqTask(test.get());
        Workq.Function<Object, Object> function = (first, second) -> {};
        Refusal.of(Errno.EINVAL, () -> new DelayedTask(null)).contains("kernel");
        Refusal.of(Errno.EINVAL, () -> new DelayedWorkqTask(null)).contains("kernel");
        Refusal.of(Errno.EINVAL, () -> tq.addAfter(null, SOON)).contains("null");
        Refusal.of(Errno.EINVAL, () -> tq.modify(null, SOON)).contains("null");
        Refusal.of(Errno.EINVAL, () -> tq.cancel(null)).contains("null");
        Refusal.of(Errno.EINVAL, () -> wq.queueTaskAfter(null, 0, function, null, null, SOON))
                .contains("null");
        Refusal.of(Errno.EINVAL, () -> wq.modify(null, SOON)).contains("null");
        Refusal.of(Errno.EINVAL, () -> wq.cancel(null)).contains("null");
        Refusal.of(Errno.EINVAL, () -> wq.queueTaskAfter(entry, 0, null, null, null, SOON))
                .contains("func");
        Refusal.of(Errno.EINVAL, () -> wq.queueTaskAfter(entry, 8, function, null, null, SOON))
                .contains("0x8");
        Refusal.of(Errno.EINVAL, () -> tq.addAfter(new DelayedTask(test.get()), SOON))
                .contains("task_set");
        Refusal.of(Errno.EINVAL, () -> tq.addAfter(task, null)).contains("delay");
        Refusal.of(Errno.EINVAL, () -> tq.modify(task, Duration.ofNanos(-1))).contains("delay");
        Refusal.of(
                        Errno.EINVAL,
                        () -> tq.addAfter(DelayedTask.initializer(other, AtomicInteger::incrementAndGet, runs), SOON))
                .contains("kernel");
        assertThat(tq.addAfter(task, Duration.ofSeconds(Long.MAX_VALUE, 999_999_999)))
                .isTrue();
        Refusal.of(Errno.EINVAL, () -> taskq(1).modify(task, SOON)).contains("later");
        assertThat(tq.cancel(task)).isEqualTo(DelayState.WAITING);
    }
}
