// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.WorkerState;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.Scale;
import org.percpu.tests.support.TestKernel;

/** Tasks that the worker of a taskq with one thread has taken together and not started. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TaskqPortionTest {
    private static final int MANY = 200; // more than a worker takes together

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private final List<String> order = new CopyOnWriteArrayList<>();
    private final List<Task> tasks = new ArrayList<>();

    private Taskq create(String name) {
        return Taskq.create(test.get(), name, 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
    }

    /** Returns when the queue's worker is in a plug and has taken tasks, named by numbers, together with it. */
    private Plug plugAndTasks(Taskq tq, int count) {
        Plug first = Plug.in(test.get(), tq);
        Plug second = Plug.behind(test.get(), tq);
        for (int i = 0; i < count; i++) {
            Task task = Task.initializer(order::add, Integer.toString(i));
            tasks.add(task);
            assertThat(tq.add(task)).isTrue();
        }
        first.pull();
        second.awaitStart();
        return second;
    }

    @Test
    @Rule({"OTQ-15", "OTQ-16", "OTQ-8"})
    @DisplayName(
            "OTQ-15: a task is taken off although the worker has taken it together with others; added again, it runs"
                    + " behind them")
    void takenTasksAreTakenOff() {
        Taskq tq = create("off");
        Plug plug = plugAndTasks(tq, 5);
        assertThat(tq.del(tasks.get(1))).isTrue();
        assertThat(tasks.get(1).pending()).isFalse();
        assertThat(tq.del(tasks.get(1))).isFalse();
        assertThat(tq.del(tasks.get(3))).isTrue();
        assertThat(tq.add(tasks.get(3))).isTrue();
        assertThat(tq.add(tasks.get(3))).isFalse();
        assertThat(tq.del(tasks.get(4))).isTrue();
        assertThat(tq.add(tasks.get(4))).isTrue();
        assertThat(tq.add(tasks.get(0))).isFalse();
        plug.pull();
        tq.barrier();
        assertThat(order).containsExactly("0", "2", "3", "4");
        tq.destroy();
    }

    @Test
    @Rule("OTQ-14")
    @DisplayName(
            "OTQ-14: a task taken off a queue whose worker had taken it may go to another queue at once, and runs there")
    void takenTasksGoElsewhere() {
        Taskq tq = create("here");
        Taskq other = create("there");
        Plug plug = plugAndTasks(tq, 3);
        Plug elsewhere = Plug.in(test.get(), other);
        assertThat(tq.del(tasks.get(0))).isTrue();
        assertThat(other.add(tasks.get(0))).isTrue();
        assertThat(tq.add(tasks.get(0))).isFalse();
        plug.pull();
        tq.barrier();
        assertThat(order).containsExactly("1", "2");
        elsewhere.pull();
        other.barrier();
        assertThat(order).containsExactly("1", "2", "0");
        tq.destroy();
        other.destroy();
    }

    @Test
    @Rule("U22")
    @DisplayName("U22: a drain that is out of time hands back what the worker has taken together and not started, once")
    void takenTasksAreHandedBack() {
        Taskq tq = create("drop");
        Plug plug = plugAndTasks(tq, MANY);
        assertThat(tq.del(tasks.get(7))).isTrue();
        FutureTask<List<Task>> drain = Bounded.start("drain", () -> tq.drainAndDestroy(Duration.ZERO));
        List<Task> rest = new ArrayList<>(tasks);
        assertThat(rest.remove(tasks.get(7))).isTrue();
        List<Task> dropped = Bounded.join(drain);
        assertThat(dropped).containsExactlyInAnyOrderElementsOf(rest);
        assertThat(tasks).noneMatch(Task::pending);
        plug.pull();
        assertThat(order).isEmpty();
    }

    @Test
    @Rule({"OTQ-31", "OTQ-8"})
    @DisplayName("OTQ-31: a barrier behind tasks that the worker has taken together waits for all of them")
    void barriersWaitForTakenTasks() {
        Taskq tq = create("barrier");
        Plug plug = plugAndTasks(tq, MANY);
        assertThat(tq.barrier(Duration.ofMillis(1))).isFalse();
        FutureTask<Integer> barrier = Bounded.start("barrier", () -> {
            tq.barrier();
            return order.size();
        });
        plug.pull();
        assertThat(Bounded.join(barrier)).isEqualTo(MANY);
        tq.destroy();
    }

    @Test
    @DisplayName("The worker's state counts tasks that it has taken together, and names the one that runs")
    void theStateCountsTakenTasks() {
        Taskq tq = create("state");
        Plug plug = plugAndTasks(tq, MANY);
        WorkerState before = tq.workers().get(0);
        assertThat(before.pending()).isEqualTo(MANY);
        assertThat(before.running()).isNotNull();
        assertThat(tq.del(tasks.get(2))).isTrue();
        WorkerState after = tq.workers().get(0);
        assertThat(after.pending()).isEqualTo(MANY - 1);
        assertThat(after.running()).isEqualTo(before.running());
        plug.pull();
        tq.destroy();
        assertThat(order).hasSize(MANY - 1);
    }

    @Test
    @Rule({"OTQ-8", "OTQ-15", "OTQ-16"})
    @DisplayName(
            "OTQ-8, OTQ-16: with tasks taken off and added again while the worker goes through them, each add is one"
                    + " run or one delete, and runs come in the order of the adds")
    void addsAreRunsOrDeletesInOrder() {
        Taskq tq = create("random");
        int rounds = Scale.of(60_000, 5_000_000);
        AtomicInteger runs = new AtomicInteger();
        AtomicBoolean backwards = new AtomicBoolean();
        long[] latest = new long[1];
        Task[] some = new Task[100];
        long[] numbers = new long[some.length];
        for (int i = 0; i < some.length; i++) {
            some[i] = new Task();
        }
        SplittableRandom random = new SplittableRandom(20);
        int adds = 0;
        int dels = 0;
        for (int round = 1; round <= rounds; round++) {
            int i = random.nextInt(some.length);
            if (random.nextInt(4) == 0) {
                dels += tq.del(some[i]) ? 1 : 0;
            } else if (!some[i].pending()) {
                numbers[i] = round;
                some[i].set(
                        number -> {
                            runs.incrementAndGet();
                            if (number <= latest[0]) {
                                backwards.set(true);
                            }
                            latest[0] = number;
                        },
                        numbers[i]);
                adds += tq.add(some[i]) ? 1 : 0;
            }
        }
        tq.destroy();
        assertThat(runs.get()).isEqualTo(adds - dels);
        assertThat(backwards).isFalse();
    }
}
