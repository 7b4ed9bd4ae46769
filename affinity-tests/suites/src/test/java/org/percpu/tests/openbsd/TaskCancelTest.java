// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.ipl.Ipl;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.openbsd.WorkqTask;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;

/** Tasks and entries of a workq that are taken back, and that are disabled. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TaskCancelTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    @ParameterizedTest
    @ValueSource(ints = {1, 4})
    @Rule("CX-5")
    @DisplayName("CX-5: a task that adds itself again and again, on one thread or several, is over after cancelAndWait,"
            + " which eight threads call at once")
    void selfAddedTasksAreCancelled(int nthreads) {
        Taskq tq = Taskq.create(test.get(), "self", nthreads, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        AtomicLong runs = new AtomicLong();
        AtomicInteger inside = new AtomicInteger();
        Task task = new Task();
        task.set(
                again -> {
                    inside.incrementAndGet();
                    runs.incrementAndGet();
                    tq.add(again);
                    inside.decrementAndGet();
                },
                task);
        for (int round = 0; round < 20; round++) {
            long before = runs.get();
            assertThat(tq.add(task)).isTrue();
            Bounded.until("it runs", () -> runs.get() > before + 5);
            List<FutureTask<Boolean>> cancels = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                cancels.add(Bounded.start("cancel", () -> tq.cancelAndWait(task)));
            }
            cancels.forEach(Bounded::join);
            // The last cancel to end was not the last to enable: nothing has added the task since.
            long after = runs.get();
            assertThat(task.pending()).isFalse();
            assertThat(inside.get()).isZero();
            assertThat(runs.get()).isEqualTo(after);
        }
        tq.destroy();
    }

    @Test
    @Rule("CX-4")
    @DisplayName("CX-4: a disabled task is not added, by any queue, and add says false; enabled, it is added again")
    void disabledTasksAreNotAdded() {
        Taskq tq = Taskq.create(test.get(), "disabled", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        Taskq other = Taskq.create(test.get(), "other", 2, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        AtomicInteger runs = new AtomicInteger();
        Task task = Task.initializer(AtomicInteger::incrementAndGet, runs);
        Plug plug = Plug.in(test.get(), tq);
        assertThat(tq.add(task)).isTrue();
        Refusal.of(Errno.EINVAL, () -> other.disable(task)).contains("disabled", "call it there");
        assertThat(tq.disableAndWait(task)).isTrue();
        assertThat(task.pending()).isFalse();
        assertThat(tq.add(task)).isFalse();
        assertThat(other.add(task)).isFalse();
        assertThat(tq.del(task)).isFalse();
        plug.pull();
        tq.barrier();
        assertThat(runs.get()).isZero();
        assertThat(tq.enable(task)).isTrue();
        assertThat(other.add(task)).isTrue();
        other.barrier();
        assertThat(runs.get()).isEqualTo(1);
        Refusal.of(Errno.EINVAL, () -> tq.enable(task)).contains("not disabled");
        tq.destroy();
        other.destroy();
    }

    @Test
    @Rule({"CX-1", "CX-4"})
    @DisplayName("CX-1: a caller's entry is taken off a workq, and refused while it is disabled")
    void entriesOfAWorkqAreTakenOff() {
        Workq wq = Workq.create(test.get(), "entries", 1, Ipl.NONE);
        List<String> order = new CopyOnWriteArrayList<>();
        WorkqTask first = new WorkqTask();
        WorkqTask second = new WorkqTask();
        Plug plug = Plug.in(test.get(), wq);
        assertThat(wq.queueTask(first, 0, (list, name) -> list.add(name), order, "first"))
                .isTrue();
        assertThat(wq.queueTask(second, 0, (list, name) -> list.add(name), order, "second"))
                .isTrue();
        assertThat(wq.cancelTask(first)).isTrue();
        assertThat(wq.cancelTask(first)).isFalse();
        assertThat(wq.disable(first)).isFalse();
        assertThat(wq.queueTask(first, 0, (list, name) -> list.add(name), order, "refused"))
                .isFalse();
        assertThat(wq.enable(first)).isTrue();
        assertThat(wq.queueTask(first, 0, (list, name) -> list.add(name), order, "again"))
                .isTrue();
        plug.pull();
        wq.destroy();
        assertThat(order).containsExactly("second", "again");
    }
}
