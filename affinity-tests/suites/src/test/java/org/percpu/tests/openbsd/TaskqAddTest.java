// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.ipl.Ipl;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Allocation;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;

/** task_set, task_add, task_del and task_pending, one call at a time. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TaskqAddTest {

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private Taskq create(String name, int nthreads) {
        return Taskq.create(test.get(), name, nthreads, Ipl.NONE, Taskq.TASKQ_MPSAFE);
    }

    private static Task counting(AtomicInteger runs) {
        return Task.initializer(AtomicInteger::incrementAndGet, runs);
    }

    @Test
    @Rule({"OTQ-3", "Z1"})
    @DisplayName("Z1: a task made by the initialiser and one that was set do the same in every state")
    void theInitialiserIsTheSameAsSet() {
        AtomicInteger runs = new AtomicInteger();
        Task set = new Task();
        set.set(AtomicInteger::incrementAndGet, runs);
        Taskq tq = create("z1", 1);
        for (Task task : List.of(counting(runs), set)) {
            runs.set(0);
            assertThat(task.pending()).isFalse();
            assertThat(tq.del(task)).isFalse();
            assertThat(tq.add(task)).isTrue();
            tq.barrier();
            assertThat(runs.get()).isEqualTo(1);
            assertThat(task.pending()).isFalse();
        }
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-3", "Z2"})
    @DisplayName("Z2: adding a task that was never set is EINVAL, and once it is set it runs")
    void aTaskThatWasNeverSetIsRefused() {
        Taskq tq = create("unset", 1);
        Task task = new Task();
        Refusal.of(Errno.EINVAL, () -> tq.add(task)).contains("unset", "task_set");
        assertThat(task.pending()).isFalse();
        AtomicInteger runs = new AtomicInteger();
        task.set(AtomicInteger::incrementAndGet, runs);
        assertThat(tq.add(task)).isTrue();
        tq.barrier();
        assertThat(runs.get()).isEqualTo(1);
        tq.destroy();
    }

    @Test
    @Rule("OTQ-3")
    @DisplayName("OTQ-3: a null function is EINVAL and leaves the task as it was; a null argument arrives as null")
    void nullFunctionsAreRefusedNullArgumentsAreNot() {
        Taskq tq = create("nulls", 1);
        AtomicReference<Object> seen = new AtomicReference<>("nothing");
        Task task = Task.initializer(seen::set, null);
        Refusal.of(Errno.EINVAL, () -> task.set(null, "other")).contains("fn");
        Refusal.of(Errno.EINVAL, () -> Task.initializer(null, "other")).contains("fn");
        Refusal.of(Errno.EINVAL, () -> tq.nativeTask(new Task())).contains(tq.name(), "task_set it first");
        assertThat(tq.add(task)).isTrue();
        tq.barrier();
        assertThat(seen.get()).isNull();
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-3", "U9"})
    @DisplayName("U9: task_set of a queued task is EBUSY, names the queue, and the task runs as it was set before")
    void setOfAQueuedTaskIsBusy() {
        Taskq tq = create("busy", 1);
        Plug plug = Plug.in(test.get(), tq);
        AtomicReference<String> seen = new AtomicReference<>();
        Task task = Task.initializer(seen::set, "old");
        tq.add(task);
        Refusal.of(Errno.EBUSY, () -> task.set(arg -> seen.set("new"), "new")).contains("busy", "task_del");
        assertThat(task.pending()).isTrue();
        plug.pull();
        tq.barrier();
        assertThat(seen.get()).isEqualTo("old");
        task.set(seen::set, "new");
        tq.add(task);
        tq.barrier();
        assertThat(seen.get()).isEqualTo("new");
        tq.destroy();
    }

    @Test
    @Rule("OTQ-1")
    @DisplayName("a null task is refused by add and del, and the queue is not disturbed")
    void aNullTaskIsRefused() {
        Taskq tq = create("null", 1);
        assertThat(catchThrowable(() -> tq.add(null))).isInstanceOf(RuntimeException.class);
        assertThat(catchThrowable(() -> tq.del(null))).isInstanceOf(RuntimeException.class);
        AtomicInteger runs = new AtomicInteger();
        tq.add(counting(runs));
        tq.barrier();
        assertThat(runs.get()).isEqualTo(1);
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-1", "OTQ-2"})
    @DisplayName("OTQ-1: a queue keeps nothing of a task that has run: without its owner it is garbage")
    void aTaskThatHasRunBelongsToItsOwnerAlone() {
        Taskq tq = create("owner", 2);
        AtomicInteger runs = new AtomicInteger();
        WeakReference<Task> task = addAndForget(tq, runs);
        Bounded.until("it ran", () -> runs.get() == 1);
        Bounded.until("it is collected", () -> {
            System.gc();
            return task.get() == null;
        });
        tq.destroy();
    }

    private static WeakReference<Task> addAndForget(Taskq tq, AtomicInteger runs) {
        Task task = counting(runs);
        tq.add(task);
        return new WeakReference<>(task);
    }

    @Test
    @Rule({"OTQ-2", "OTQ-30", "Z4"})
    @DisplayName("Z4: a task is pending from its add until its function is about to start, and not while it runs")
    void pendingMeansQueuedAndNotRunning() {
        Taskq tq = create("z4", 1);
        Plug plug = Plug.in(test.get(), tq);
        AtomicReference<Boolean> inside = new AtomicReference<>();
        Task task = new Task();
        task.set(self -> inside.set(self.pending()), task);
        assertThat(task.pending()).isFalse();
        assertThat(tq.add(task)).isTrue();
        assertThat(task.pending()).isTrue();
        plug.pull();
        tq.barrier();
        assertThat(inside.get()).isFalse();
        assertThat(task.pending()).isFalse();
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-8", "Z5", "H6"})
    @DisplayName("Z5, H6: on one blocked thread 4 tasks are added, and each further add returns false: one run each")
    void addingAQueuedTaskIsOneRun() {
        Taskq tq = create("z5", 1);
        Plug plug = Plug.in(test.get(), tq);
        List<AtomicInteger> runs = new ArrayList<>();
        List<Task> tasks = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            runs.add(new AtomicInteger());
            tasks.add(counting(runs.get(i)));
            assertThat(tq.add(tasks.get(i))).isTrue();
        }
        for (Task task : tasks) {
            assertThat(tq.add(task)).isFalse();
            assertThat(tq.add(task)).isFalse();
        }
        plug.pull();
        tq.barrier();
        assertThat(runs).allMatch(count -> count.get() == 1);
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-8", "S2"})
    @DisplayName("OTQ-8: tasks that waited while the only thread was busy run first in, first out")
    void oneThreadIsFifo() {
        Taskq tq = create("fifo", 1);
        Plug plug = Plug.in(test.get(), tq);
        List<Integer> order = new CopyOnWriteArrayList<>();
        for (int i = 0; i < 100; i++) {
            tq.add(Task.initializer(order::add, i));
        }
        plug.pull();
        tq.barrier();
        assertThat(order).hasSize(100).isSorted();
        tq.destroy();
    }

    @Test
    @Rule("OTQ-9")
    @DisplayName("OTQ-9: adding a task that is on another queue returns false, and it stays where it was")
    void addOnAnotherQueueReturnsFalse() {
        Taskq here = create("here", 1);
        Taskq there = create("there", 1);
        Plug plug = Plug.in(test.get(), here);
        AtomicReference<String> ranOn = new AtomicReference<>();
        Task task = Task.initializer(arg -> ranOn.set(Thread.currentThread().getName()), null);
        assertThat(here.add(task)).isTrue();
        assertThat(there.add(task)).isFalse();
        there.barrier();
        assertThat(ranOn.get()).isNull();
        assertThat(task.pending()).isTrue();
        plug.pull();
        here.barrier();
        assertThat(ranOn.get()).contains("here");
        here.destroy();
        there.destroy();
    }

    @Test
    @Rule({"OTQ-10", "Z6", "S7"})
    @DisplayName("OTQ-10, Z6: add returns true while the task runs, from inside and from outside, and it runs again")
    void aRunningTaskCanBeAdded() {
        Taskq tq = create("again", 1);
        AtomicInteger runs = new AtomicInteger();
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        Task task = new Task();
        task.set(
                self -> {
                    if (runs.incrementAndGet() == 1) {
                        inside.countDown();
                        Bounded.arrive(go);
                    } else if (runs.get() == 2) {
                        assertThat(tq.add(self)).isTrue();
                        assertThat(tq.add(self)).isFalse();
                    }
                },
                task);
        tq.add(task);
        Bounded.arrive(inside);
        assertThat(task.pending()).isFalse();
        assertThat(tq.add(task)).isTrue();
        assertThat(tq.add(task)).isFalse();
        go.countDown();
        Bounded.until("three runs", () -> runs.get() == 3);
        tq.barrier();
        assertThat(runs.get()).isEqualTo(3);
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-10", "OTQ-21", "Z7"})
    @DisplayName("Z7: a task added to another queue while it runs runs there at the same time; it is not redirected")
    void aRunningTaskCanRunElsewhereToo() {
        Taskq first = create("first", 1);
        Taskq second = create("second", 1);
        CyclicBarrier both = new CyclicBarrier(2);
        CountDownLatch inside = new CountDownLatch(1);
        List<String> ranOn = new CopyOnWriteArrayList<>();
        Task task = Task.initializer(
                arg -> {
                    ranOn.add(Thread.currentThread().getName());
                    inside.countDown();
                    Bounded.meet(both);
                },
                null);
        first.add(task);
        Bounded.arrive(inside);
        assertThat(second.add(task)).isTrue();
        second.barrier();
        first.barrier();
        assertThat(ranOn).hasSize(2);
        assertThat(ranOn.get(0)).contains("first");
        assertThat(ranOn.get(1)).contains("second");
        first.destroy();
        second.destroy();
    }

    @Test
    @Rule({"OTQ-12", "U7"})
    @DisplayName("OTQ-12, U7: add on a destroyed queue is ESHUTDOWN, and the task may go to another")
    void addAfterDestroyIsRefused() {
        Taskq gone = create("gone", 2);
        gone.destroy();
        AtomicInteger runs = new AtomicInteger();
        Task task = counting(runs);
        Refusal.of(Errno.ESHUTDOWN, () -> gone.add(task)).contains("gone", "destroyed");
        assertThat(task.pending()).isFalse();
        assertThat(gone.del(task)).isFalse();
        Taskq other = create("other", 1);
        assertThat(other.add(task)).isTrue();
        other.barrier();
        assertThat(runs.get()).isEqualTo(1);
        other.destroy();
    }

    @Test
    @Rule("OTQ-13")
    @DisplayName("OTQ-13: add and del allocate nothing, whether the worker is busy or has to be woken")
    void addAndDelAllocateNothing() {
        Machine.needsLinux("the simulation's own calls allocate");
        Taskq tq = create("alloc", 1);
        AtomicInteger runs = new AtomicInteger();
        int rounds = 500;
        List<Task> tasks = new ArrayList<>();
        for (int i = 0; i < rounds; i++) {
            tasks.add(counting(runs));
        }
        // A round in which Linux took the CPU from the worker while it held the queue's lock does not count: a del()
        // that has
        // to sleep for that allocates.
        long fewest = Bounded.call(
                "producer",
                () -> Allocation.fewest(() -> {
                    int added = runs.get();
                    for (int i = 0; i < rounds; i++) {
                        if (tq.add(tasks.get(i)) && !(i % 3 == 0 && tq.del(tasks.get(i)))) {
                            added++;
                        }
                        if (i % 16 == 0 || i == rounds - 1) {
                            while (runs.get() < added) {
                                Thread.onSpinWait();
                            }
                        }
                    }
                }));
        assertThat(fewest).as("bytes for %d adds", rounds).isZero();
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-13", "KL-6"})
    @DisplayName(
            "OTQ-13: add and del do not wait for the kernel lock, and a sleeping worker is woken by the first task")
    void addDoesNotNeedTheKernelLock() {
        Taskq tq = create("nolock", 1);
        AtomicInteger runs = new AtomicInteger();
        Task task = counting(runs);
        test.get().lock().lock();
        try {
            Bounded.run("adds", () -> {
                assertThat(tq.add(task)).isTrue();
                Bounded.until("it ran", () -> runs.get() == 1);
                assertThat(tq.del(task)).isFalse();
            });
        } finally {
            test.get().lock().unlock();
        }
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-15", "Z9", "H5"})
    @DisplayName(
            "OTQ-15: del of a queued task returns true once and it never runs; it can be added again and deleted again")
    void delTakesAQueuedTaskBack() {
        Taskq tq = create("del", 1);
        AtomicInteger runs = new AtomicInteger();
        Task task = counting(runs);
        assertThat(tq.del(task)).isFalse();
        Plug plug = Plug.in(test.get(), tq);
        assertThat(tq.add(task)).isTrue();
        assertThat(tq.add(task)).isFalse();
        assertThat(tq.del(task)).isTrue();
        assertThat(task.pending()).isFalse();
        assertThat(tq.del(task)).isFalse();
        assertThat(tq.add(task)).isTrue();
        assertThat(tq.del(task)).isTrue();
        plug.pull();
        tq.barrier();
        assertThat(runs.get()).isZero();
        assertThat(tq.add(task)).isTrue();
        tq.barrier();
        assertThat(tq.del(task)).isFalse();
        assertThat(runs.get()).isEqualTo(1);
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-15", "OTQ-8"})
    @DisplayName("OTQ-15: del of the first, a middle and the last task leaves the others in their order")
    void delFromAnyPlaceKeepsTheOrder() {
        Taskq tq = create("places", 1);
        Plug plug = Plug.in(test.get(), tq);
        List<Integer> order = new CopyOnWriteArrayList<>();
        List<Task> tasks = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            tasks.add(Task.initializer(order::add, i));
            tq.add(tasks.get(i));
        }
        assertThat(tq.workers().get(0).pending()).isEqualTo(8);
        for (int gone : new int[] {0, 3, 4, 7}) {
            assertThat(tq.del(tasks.get(gone))).isTrue();
        }
        assertThat(tq.workers().get(0).pending()).isEqualTo(4);
        assertThat(tq.add(tasks.get(3))).isTrue();
        plug.pull();
        tq.barrier();
        assertThat(order).containsExactly(1, 2, 5, 6, 3);
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-16", "G10"})
    @DisplayName(
            "OTQ-16, G10: del of a running task returns false at once; if it was added meanwhile, that run is taken back")
    void delDoesNotWaitForARunningTask() {
        Taskq tq = create("g10", 1);
        AtomicInteger runs = new AtomicInteger();
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        Task task = Task.initializer(
                arg -> {
                    runs.incrementAndGet();
                    inside.countDown();
                    Bounded.arrive(go);
                },
                null);
        tq.add(task);
        Bounded.arrive(inside);
        assertThat(tq.del(task)).isFalse();
        assertThat(tq.add(task)).isTrue();
        assertThat(tq.del(task)).isTrue();
        go.countDown();
        tq.barrier();
        assertThat(runs.get()).isEqualTo(1);
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-17", "U8"})
    @DisplayName("OTQ-17, U8: del on the wrong queue is EINVAL, names both queues, and the task stays queued and runs")
    void delOnTheWrongQueueIsRefused() {
        Taskq right = create("right", 1);
        Taskq wrong = create("wrong", 1);
        Plug plug = Plug.in(test.get(), right);
        AtomicInteger runs = new AtomicInteger();
        Task task = counting(runs);
        right.add(task);
        Refusal.of(Errno.EINVAL, () -> wrong.del(task)).contains("right", "wrong");
        Refusal.of(Errno.EINVAL, () -> wrong.delBarrier(task)).contains("right", "wrong");
        assertThat(task.pending()).isTrue();
        plug.pull();
        right.barrier();
        assertThat(runs.get()).isEqualTo(1);
        assertThat(wrong.del(task)).isFalse();
        right.destroy();
        wrong.destroy();
    }

    @Test
    @Rule("OTQ-13")
    @DisplayName("the state counts what is pending, what ran and what threw")
    void theStateCounts() {
        List<TestKernel.Fault> faults = test.expectFaults();
        Taskq tq = create("state", 1);
        Plug plug = Plug.in(test.get(), tq);
        for (int i = 0; i < 5; i++) {
            tq.add(Task.initializer(
                    number -> {
                        if (number == 3) {
                            throw new IllegalStateException("the fourth");
                        }
                    },
                    i));
        }
        assertThat(tq.workers().get(0).pending()).isEqualTo(5);
        plug.pull();
        Bounded.until("all ran", () -> tq.workers().get(0).executed() == 6);
        assertThat(tq.workers().get(0).pending()).isZero();
        assertThat(tq.workers().get(0).faults()).isEqualTo(1);
        assertThat(faults).hasSize(1);
        tq.destroy();
    }
}
