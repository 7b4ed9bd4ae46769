// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.seen;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.TimeHistogram;
import org.percpu.kernel.WorkerCounters;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.NamedWork;
import org.percpu.tests.support.TestKernel;

/** What workers count. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("the counters of workers")
class CountersTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    @Test
    @DisplayName("a task queue counts adds, runs, coalesced adds, deletions and throws exactly")
    void taskqCountsExactly() {
        test.expectFaults();
        Taskq tq = Taskq.create(test.get(), "counted", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        Task blocker = Task.initializer(
                arg -> {
                    in.countDown();
                    Bounded.arrive(go);
                },
                null);
        Task a = Task.initializer(arg -> {}, null);
        Task b = Task.initializer(
                arg -> {
                    throw new IllegalStateException("meant");
                },
                null);
        Task c = Task.initializer(arg -> {}, null);
        assertThat(tq.add(blocker)).isTrue();
        Bounded.arrive(in);
        WorkerCounters counters = tq.counters().get(0);
        assertThat(counters.isBusy()).isTrue();
        assertThat(counters.item()).startsWith("task CountersTest");
        assertThat(counters.enqueued()).isEqualTo(1);
        assertThat(tq.add(a)).isTrue();
        assertThat(tq.add(a)).isFalse();
        assertThat(tq.add(a)).isFalse();
        assertThat(tq.add(b)).isTrue();
        assertThat(tq.add(c)).isTrue();
        assertThat(counters.depth()).isEqualTo(3);
        assertThat(tq.del(c)).isTrue();
        assertThat(tq.del(c)).isFalse();
        assertThat(counters.depth()).isEqualTo(2);
        assertThat(counters.enqueued()).isEqualTo(4);
        go.countDown();
        tq.barrier();
        assertThat(counters.depth()).isZero();
        assertThat(counters.enqueued()).isEqualTo(4);
        assertThat(counters.executed()).isEqualTo(3);
        assertThat(counters.coalesced()).isEqualTo(2);
        assertThat(counters.deleted()).isEqualTo(1);
        assertThat(counters.threw()).isEqualTo(1);
        assertThat(counters.item()).isNull();
        assertThat(counters.waiting()).isNull();
        assertThat(counters.running()).isNull();
        tq.destroy();
    }

    @Test
    @DisplayName("a workqueue that is dropped counts what was handed back as deleted, and its depth falls to nothing")
    void workqueueThatIsDropped() {
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        Workqueue<Work> wq = test.workqueue("dropped", Workqueue.WQ_MPSAFE, (work, arg) -> {
            if (work.toString().equals("blocks")) {
                in.countDown();
                Bounded.arrive(go);
            }
        });
        wq.enqueue(new NamedWork("blocks"), null);
        Bounded.arrive(in);
        WorkerCounters counters = wq.counters().get(0);
        for (int i = 0; i < 10; i++) {
            wq.enqueue(new Work(), null);
        }
        assertThat(counters.depth()).isEqualTo(10);
        assertThat(wq.workers().get(0).pending()).isEqualTo(10);
        FutureTask<Boolean> opens = Bounded.startCode("opens", () -> {
            Bounded.until("it is destroyed", () -> counters.deleted() > 0);
            go.countDown();
        });
        List<Work> dropped = wq.drainAndDestroy(Duration.ZERO);
        Bounded.join(opens);
        assertThat(dropped).hasSize(10);
        Bounded.until("the callback has returned", () -> counters.executed() == 1);
        assertThat(counters.deleted()).isEqualTo(10);
        assertThat(counters.depth()).isZero();
        assertThat(counters.enqueued()).isEqualTo(11);
    }

    @Test
    @DisplayName("a work that waits in the batch of its worker counts as waiting until it begins")
    void worksOfABatch() {
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch first = new CountDownLatch(1);
        Workqueue<Work> wq = test.workqueue("batch", Workqueue.WQ_MPSAFE, (work, arg) -> {
            if (work.toString().equals("first")) {
                Bounded.arrive(first);
            } else if (work.toString().equals("blocks")) {
                in.countDown();
                Bounded.arrive(go);
            }
        });
        wq.enqueue(new NamedWork("first"), null);
        for (int i = 0; i < 5; i++) {
            wq.enqueue(new NamedWork(i == 2 ? "blocks" : "plain"), null);
        }
        first.countDown();
        Bounded.arrive(in);
        assertThat(wq.counters().get(0).depth()).isEqualTo(2);
        assertThat(wq.counters().get(0).enqueued()).isEqualTo(6);
        go.countDown();
        wq.drainAndDestroy();
        assertThat(wq.counters().get(0).depth()).isZero();
    }

    @Test
    @DisplayName("with timing, each run is in both histograms, and the longest is within a sixteenth")
    void histograms() {
        Taskq tq = Taskq.create(test.with(settings -> settings.timing(true)), "timed", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        int runs = 1000;
        for (int i = 0; i < runs; i++) {
            tq.add(Task.initializer(arg -> {}, null));
        }
        tq.barrier();
        TimeHistogram waiting = Objects.requireNonNull(tq.counters().get(0).waiting());
        TimeHistogram running = Objects.requireNonNull(tq.counters().get(0).running());
        // The barrier is an item too, which the worker does not run.
        assertThat(waiting.count()).isEqualTo(runs);
        assertThat(running.count()).isEqualTo(runs);
        assertThat(running.percentileNanos(50)).isPositive().isLessThanOrEqualTo(running.percentileNanos(99));
        assertThat(running.percentileNanos(100)).isEqualTo(running.maxNanos());
        assertThat(tq.workers().get(0).longestRunNanos()).isEqualTo(running.maxNanos());
        assertThat(waiting.totalNanos()).isGreaterThanOrEqualTo(waiting.maxNanos());
        tq.destroy();
    }
}
