// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.seen;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.FaultHandler;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.Stall;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.NamedWork;
import org.percpu.tests.support.TestKernel;

/** What a kernel says of things that make no progress. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("the watch for stalls")
class StallTest {
    private static final Duration LIMIT = Duration.ofMillis(80);

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private final List<Stall> stalls = new CopyOnWriteArrayList<>();

    private Kernel watched() {
        return watched(LIMIT);
    }

    private Kernel watched(Duration limit) {
        test.expectConsole();
        return test.with(settings -> settings.stallAfter(limit).faultHandler(new FaultHandler() {
            @Override
            public void callbackThrew(String queue, Object item, Throwable thrown) {
                throw new AssertionError(thrown);
            }

            @Override
            public void stalled(Stall stall) {
                stalls.add(stall);
            }
        }));
    }

    private List<Stall> of(Stall.Kind kind) {
        return stalls.stream().filter(stall -> stall.kind() == kind).toList();
    }

    @Test
    @DisplayName(
            "a callback that hangs is reported with its name and stack, again at doubling times, and once more never")
    void callback() {
        Workqueue<Work> wq = test.workqueue(watched(), "hangs", Workqueue.WQ_MPSAFE, (work, arg) -> hang(work));
        long begin = System.nanoTime();
        Work stuck = new NamedWork("stuck");
        wq.enqueue(stuck, null);
        Bounded.until("three reports", () -> of(Stall.Kind.CALLBACK).size() == 3);
        Duration took = Duration.ofNanos(System.nanoTime() - begin);
        go.countDown();
        List<Stall> reports = of(Stall.Kind.CALLBACK);
        Stall first = reports.get(0);
        assertThat(first.subject()).isEqualTo("hangs");
        assertThat(first.item()).isEqualTo("stuck");
        assertThat(first.kernel()).isEqualTo("test");
        assertThat(first.thread()).isEqualTo("hangs");
        assertThat(first.tid()).isPositive();
        assertThat(first.cpu()).isNotNegative();
        assertThat(first.lasts()).isBetween(LIMIT, LIMIT.multipliedBy(3).dividedBy(2));
        assertThat(first.stack()).anyMatch(frame -> frame.getMethodName().equals("hang"));
        assertThat(first.text()).contains("hangs runs stuck for ");
        assertThat(reports.get(1).lasts()).isBetween(LIMIT.multipliedBy(2), LIMIT.multipliedBy(3));
        assertThat(reports.get(2).lasts()).isGreaterThanOrEqualTo(LIMIT.multipliedBy(4));
        assertThat(took).isGreaterThanOrEqualTo(LIMIT.multipliedBy(4));
        wq.drainAndDestroy();
    }

    private final CountDownLatch go = new CountDownLatch(1);

    private void hang(Work work) {
        assertThat(work).isNotNull();
        Bounded.arrive(go);
    }

    @Test
    @DisplayName("two queues in each other's barrier are a circle, and both callbacks are named")
    void circle() {
        Kernel kernel = watched();
        Taskq one = Taskq.create(kernel, "one", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        Taskq two = Taskq.create(kernel, "two", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        CountDownLatch both = new CountDownLatch(2);
        // The barriers of this test end, because nothing could end a real circle.
        one.add(Task.initializer(
                arg -> {
                    both.countDown();
                    Bounded.arrive(both);
                    boolean unused = two.barrier(LIMIT.multipliedBy(4));
                },
                null));
        two.add(Task.initializer(
                arg -> {
                    both.countDown();
                    Bounded.arrive(both);
                    boolean unused = one.barrier(LIMIT.multipliedBy(4));
                },
                null));
        Bounded.until("a circle", () -> !of(Stall.Kind.CYCLE).isEmpty());
        Stall circle = of(Stall.Kind.CYCLE).get(0);
        assertThat(circle.text()).contains("one (in task StallTest lambda) waits for \"two\"");
        assertThat(circle.text()).contains("two (in task StallTest lambda) waits for \"one\"");
        assertThat(circle.stack()).anyMatch(frame -> frame.getMethodName().equals("barrier"));
        Bounded.until("both callbacks", () -> of(Stall.Kind.CALLBACK).stream()
                .map(Stall::subject)
                .toList()
                .containsAll(List.of("one", "two")));
        one.drainAndDestroy();
        two.drainAndDestroy();
    }

    @Test
    @DisplayName("a thread that ends with the kernel lock leaves a lock and a queue that are reported")
    void lostOwner() {
        Kernel kernel = watched();
        Taskq tq = Taskq.create(kernel, "locked", 1, Ipl.NONE, 0);
        FutureTask<Boolean> holder = Bounded.startCode("careless", () -> {
            kernel.lock().lock();
            tq.add(Task.initializer(arg -> {}, null));
            Bounded.until("a thread waits", () -> !of(Stall.Kind.LOCK).isEmpty());
            Bounded.until("the queue waits", () -> !of(Stall.Kind.QUEUE).isEmpty());
            kernel.lock().unlock();
        });
        Bounded.join(holder);
        Stall lock = of(Stall.Kind.LOCK).get(0);
        assertThat(lock.thread()).isEqualTo("careless");
        assertThat(lock.stack())
                .anyMatch(frame -> frame.getMethodName().equals("lostOwner")
                        || frame.getMethodName().contains("lambda$lostOwner"));
        Stall queue = of(Stall.Kind.QUEUE).get(0);
        assertThat(queue.subject()).isEqualTo("locked");
        assertThat(queue.text()).contains("has 1 items").contains("waits for the kernel lock");
        tq.drainAndDestroy();
    }

    @Test
    @DisplayName("a queue that goes on, however slowly, does not stall")
    void progress() {
        // Longer than Linux keeps a thread from its CPU on a busy machine.
        Duration patient = Duration.ofMillis(600);
        Workqueue<Work> wq = test.workqueue(watched(patient), "slow", Workqueue.WQ_MPSAFE, (work, arg) -> {
            long until = System.nanoTime() + patient.toNanos() / 10;
            while (System.nanoTime() < until) {
                Thread.onSpinWait();
            }
        });
        for (int i = 0; i < 12; i++) {
            wq.enqueue(new NamedWork("slow"), null);
        }
        wq.drainAndDestroy();
        assertThat(stalls).isEmpty();
    }
}
