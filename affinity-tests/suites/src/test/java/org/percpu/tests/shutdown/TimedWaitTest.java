// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.shutdown;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.ipl.Ipl;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Softint;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;

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
