// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.shutdown;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelBuilder;
import org.percpu.lwp.Deadline;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.CpuThread;

/** Waits for callbacks and threads that end when the time is over, and that can be taken up again. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TimedWaitTest {
    private static final Duration SHORT = Duration.ofMillis(20);
    private static final Duration LONG = Duration.ofSeconds(30);

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private final CountDownLatch inside = new CountDownLatch(1);
    private final CountDownLatch go = new CountDownLatch(1);
    private final AtomicInteger ran = new AtomicInteger();

    @AfterEach
    void letGo() {
        go.countDown();
    }

    private void callback(Object none) throws InterruptedException {
        inside.countDown();
        go.await();
        ran.incrementAndGet();
    }

    @Test
    @DisplayName(
            "a time that is null or negative is EINVAL wherever one is given, names the argument, and changes nothing")
    void timesThatMakeNoSense() {
        Kernel kernel = test.get();
        Taskq tq = Taskq.create(kernel, "tq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        Workq workq = Workq.create(kernel, "workq", 1, Ipl.NONE);
        Workqueue<Work> wq = test.workqueue("wq", 0, (work, arg) -> {});
        Task task = Task.initializer(arg -> {}, null);
        Work work = new Work();
        Softint softint = Softint.establish(kernel, Softint.SOFTINT_NET | Softint.SOFTINT_MPSAFE, arg -> {}, null);
        Kthread thread = Kthread.create(
                kernel,
                -1,
                Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_TS | Kthread.KTHREAD_MUSTJOIN,
                null,
                arg -> {},
                null,
                "joined");
        CpuThread plain = CpuThread.builder("plain").start(() -> {});
        List<Consumer<Duration>> calls = List.of(
                tq::barrier,
                time -> tq.delBarrier(task, time),
                tq::drainAndDestroy,
                workq::drainAndDestroy,
                wq::drainAndDestroy,
                time -> wq.waitFor(work, time),
                softint::disestablish,
                thread::join,
                plain::awaitGone,
                kernel::shutdown,
                kernel::drainAtExit,
                Deadline::after);
        for (Consumer<Duration> call : calls) {
            for (Duration time : new Duration[] {Duration.ofNanos(-1), Duration.ofSeconds(Long.MIN_VALUE)}) {
                Refusal.of(Errno.EINVAL, () -> call.accept(time))
                        .containsPattern("tMost is negative \\(PT-.*give zero");
            }
            Refusal.of(Errno.EINVAL, () -> call.accept(null)).contains("tMost is null");
        }
        KernelBuilder builder = Kernel.builder("watched");
        Refusal.of(Errno.EINVAL, () -> builder.pinWatch(Duration.ofNanos(-1)))
                .contains("watched", "period is negative");
        Refusal.of(Errno.EINVAL, () -> builder.pinWatch(null)).contains("watched", "period is null");
        assertThat(tq.add(task)).isTrue();
        tq.destroy();
        wq.enqueue(work, null);
        assertThat(wq.waitFor(work, LONG)).isTrue();
        wq.destroy();
        workq.destroy();
        softint.schedule();
        assertThat(softint.disestablish(LONG)).isTrue();
        assertThat(thread.join(LONG)).isTrue();
        assertThat(plain.awaitGone(LONG)).isTrue();
    }

    @Test
    @Rule("OTQ-34")
    @DisplayName(
            "OTQ-34: delBarrier within a time is false while the task runs, takes it off the queue, and is true when it has ended")
    void delBarrier() {
        Taskq tq = Taskq.create(test.get(), "tq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        Task task = Task.initializer(this::callback, null);
        tq.add(task);
        Bounded.arrive(inside);
        tq.add(task);
        assertThat(tq.delBarrier(task, Duration.ZERO)).isFalse();
        assertThat(task.pending()).isFalse();
        assertThat(tq.delBarrier(task, SHORT)).isFalse();
        go.countDown();
        assertThat(tq.delBarrier(task, LONG)).isTrue();
        assertThat(ran.get()).isEqualTo(1);
        Refusal.of(Errno.EINVAL, () -> tq.delBarrier(task, null)).contains("atMost is null");
        tq.destroy();
    }

    @Test
    @Rule("NKT-14")
    @DisplayName("NKT-14: a join within a time is false while the thread runs, and another one then joins it, once")
    void join() {
        Kthread thread = Kthread.create(
                test.get(),
                -1,
                Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_TS | Kthread.KTHREAD_MUSTJOIN,
                null,
                this::callback,
                null,
                "joined");
        int tid = thread.state().tid();
        Bounded.arrive(inside);
        assertThat(thread.join(Duration.ZERO)).isFalse();
        assertThat(thread.join(SHORT)).isFalse();
        go.countDown();
        assertThat(thread.join(LONG)).isTrue();
        assertThat(ran.get()).isEqualTo(1);
        assertThat(Proc.exists(tid)).isFalse();
        Refusal.of(Errno.ESRCH, () -> thread.join(LONG)).contains("joined before");
        Refusal.of(Errno.EINVAL, () -> thread.join(null)).contains("atMost is null");
    }

    @Test
    @Rule("NKT-14")
    @DisplayName(
            "NKT-14: joins within a short time that race with the thread's exit: one of them joins it, and none hangs")
    void joinsThatRaceWithTheExit() {
        for (int round = 0; round < 200; round++) {
            Kthread thread = Kthread.create(
                    test.get(),
                    -1,
                    Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_TS | Kthread.KTHREAD_MUSTJOIN,
                    null,
                    arg -> ran.incrementAndGet(),
                    null,
                    "short");
            Bounded.run("joins", () -> {
                while (!thread.join(Duration.ofNanos(1000))) {
                    Thread.onSpinWait();
                }
            });
        }
        assertThat(ran.get()).isEqualTo(200);
    }

    @Test
    @DisplayName(
            "a disestablish within a time is false while the handler runs; the next call waits for it, and one more is EINVAL")
    void disestablish() {
        Softint softint =
                Softint.establish(test.get(), Softint.SOFTINT_NET | Softint.SOFTINT_MPSAFE, this::handler, null);
        softint.schedule();
        Bounded.arrive(inside);
        assertThat(softint.disestablish(Duration.ZERO)).isFalse();
        Refusal.of(Errno.EINVAL, softint::schedule).contains("disestablished");
        assertThat(softint.disestablish(SHORT)).isFalse();
        go.countDown();
        assertThat(softint.disestablish(LONG)).isTrue();
        assertThat(ran.get()).isEqualTo(1);
        Refusal.of(Errno.EINVAL, () -> softint.disestablish(LONG)).contains("disestablished already");
        Refusal.of(Errno.EINVAL, () -> softint.disestablish(null)).contains("atMost is null");
    }

    private void handler(Object none) {
        inside.countDown();
        Bounded.arrive(go);
        ran.incrementAndGet();
    }
}
