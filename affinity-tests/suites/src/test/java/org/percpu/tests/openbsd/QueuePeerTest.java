// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.ipl.Ipl;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.openbsd.WorkqTask;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.Scale;
import org.percpu.tests.support.TestKernel;

/** Scenarios that the tests of neighbouring systems run, on taskq and workq. */
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class QueuePeerTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    private Taskq taskq(String name, int nthreads) {
        return Taskq.create(test.get(), name, nthreads, Ipl.NONE, Taskq.TASKQ_MPSAFE);
    }

    @Test
    @Rule({"S1", "OTQ-8", "OWQ-8"})
    @DisplayName("S1: one task on a queue of one thread sets its flag before destroy returns")
    void single() {
        AtomicInteger flags = new AtomicInteger();
        Taskq tq = taskq("s1", 1);
        tq.add(Task.initializer(AtomicInteger::incrementAndGet, flags));
        tq.destroy();
        Workq wq = Workq.create(test.get(), "s1", 1, Ipl.NONE);
        assertThat(wq.addTask(0, (a, b) -> flags.incrementAndGet(), null, null)).isTrue();
        wq.destroy();
        assertThat(flags.get()).isEqualTo(2);
    }

    @Test
    @Rule({"S2", "OTQ-8", "OWQ-8"})
    @DisplayName("S2: on each of 8 taskqs and 8 workqs a doubling and then an increment give 2i+1")
    void multiple() {
        for (int round = 0; round < 10; round++) {
            int[] values = new int[16];
            List<Runnable> destroys = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                values[i] = i;
                values[8 + i] = i;
                Taskq tq = taskq("s2", 1);
                tq.add(Task.initializer(index -> values[index] *= 2, i));
                tq.add(Task.initializer(index -> values[index]++, i));
                Workq wq = Workq.create(test.get(), "s2", 1, Ipl.NONE);
                wq.queueTask(new WorkqTask(), 0, (index, none) -> values[index] *= 2, 8 + i, null);
                wq.queueTask(new WorkqTask(), 0, (index, none) -> values[index]++, 8 + i, null);
                destroys.add(tq::destroy);
                destroys.add(wq::destroy);
            }
            destroys.forEach(Runnable::run);
            for (int i = 0; i < 16; i++) {
                assertThat(values[i]).isEqualTo(2 * (i % 8) + 1);
            }
        }
    }

    @Test
    @Rule({"S3", "OTQ-7", "Z18"})
    @DisplayName("S3: a barrier on a queue that others use too waits for the caller's task")
    void system() {
        Taskq systq = Taskq.systq(test.get());
        for (int i = 0; i < 500; i++) {
            AtomicInteger ran = new AtomicInteger();
            systq.add(Task.initializer(arg -> {}, null));
            systq.add(Task.initializer(AtomicInteger::incrementAndGet, ran));
            systq.barrier();
            assertThat(ran.get()).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    @Rule({"S7", "OTQ-10", "H2"})
    @DisplayName("S7, H2: tasks that add themselves, the i-th i times, make 528 runs; the task is not pending on entry")
    void recurse(int nthreads) {
        Taskq tq = taskq("s7", nthreads);
        AtomicInteger runs = new AtomicInteger();
        AtomicInteger pendingOnEntry = new AtomicInteger();
        for (int i = 0; i < 32; i++) {
            AtomicInteger left = new AtomicInteger(i);
            Task task = new Task();
            task.set(
                    self -> {
                        pendingOnEntry.addAndGet(self.pending() ? 1 : 0);
                        runs.incrementAndGet();
                        if (left.getAndDecrement() > 0) {
                            tq.add(self);
                        }
                    },
                    task);
            tq.add(task);
        }
        tq.destroy();
        assertThat(runs.get()).isEqualTo(528);
        assertThat(pendingOnEntry.get()).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4})
    @Rule({"S8", "OTQ-8", "OTQ-19"})
    @DisplayName("S8: 131072 trivial tasks from 100 threads all run, once each (long form: 131072 from each)")
    void contention(int nthreads) {
        int total = 131_072;
        Taskq tq = taskq("s8", nthreads);
        AtomicLong ran = new AtomicLong();
        CyclicBarrier start = new CyclicBarrier(100);
        List<FutureTask<Boolean>> producers = new ArrayList<>();
        long expected = 0;
        for (int t = 0; t < 100; t++) {
            int share = Scale.of(total / 100 + (t < total % 100 ? 1 : 0), total);
            expected += share;
            producers.add(Bounded.startCode("producer", () -> {
                Bounded.meet(start);
                for (int i = 0; i < share; i++) {
                    tq.add(Task.initializer(AtomicLong::incrementAndGet, ran));
                }
            }));
        }
        producers.forEach(producer -> Bounded.join(producer, 240));
        tq.destroy();
        assertThat(ran.get()).isEqualTo(expected);
    }

    @Test
    @Rule({"S11", "OTQ-19", "OWQ-8"})
    @DisplayName(
            "S11: 100000 trivial tasks on 100 fixed threads all run, on a taskq and under the kernel lock on a workq")
    void manyThreads() {
        int count = Scale.of(20_000, 100_000);
        AtomicInteger ran = new AtomicInteger();
        Taskq tq = taskq("s11", 100);
        Workq wq = Workq.create(test.get(), "s11", 100, Ipl.NONE, 1_024);
        for (int i = 0; i < count; i++) {
            tq.add(Task.initializer(AtomicInteger::incrementAndGet, ran));
        }
        tq.destroy();
        assertThat(ran.get()).isEqualTo(count);
        for (int i = 0; i < count; i++) {
            assertThat(wq.addTask(Workq.WQ_WAITOK, (a, b) -> ran.incrementAndGet(), null, null))
                    .isTrue();
        }
        wq.destroy();
        assertThat(ran.get()).isEqualTo(2 * count);
    }

    @Test
    @Rule({"X1", "X2", "X3", "OTQ-15", "OTQ-16"})
    @DisplayName(
            "X1-X3: after 100 adds deleted at once, 100 tasks behind one that sleeps all run and all tasks are at rest")
    void raceThenVerify() {
        List<Taskq> queues =
                List.of(Taskq.systq(test.get()), Taskq.systqmp(test.get()), taskq("x3/1", 1), taskq("x3/2", 2));
        for (Taskq tq : queues) {
            AtomicInteger empty = new AtomicInteger();
            int deleted = 0;
            List<Task> tasks = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                Task task = Task.initializer(AtomicInteger::incrementAndGet, empty);
                tasks.add(task);
                assertThat(tq.add(task)).isTrue();
                for (int pause = i % 2 * 20; pause > 0; pause--) {
                    Thread.onSpinWait();
                }
                deleted += tq.del(task) ? 1 : 0;
            }
            Plug plug = Plug.in(test.get(), tq);
            AtomicInteger ran = new AtomicInteger();
            for (int i = 0; i < 100; i++) {
                Task task = Task.initializer(AtomicInteger::incrementAndGet, ran);
                tasks.add(task);
                assertThat(tq.add(task)).isTrue();
            }
            plug.pull();
            tq.barrier();
            assertThat(ran.get()).isEqualTo(100);
            assertThat(empty.get()).isEqualTo(100 - deleted);
            assertThat(tasks).noneMatch(Task::pending);
        }
        queues.get(2).destroy();
        queues.get(3).destroy();
    }
}
