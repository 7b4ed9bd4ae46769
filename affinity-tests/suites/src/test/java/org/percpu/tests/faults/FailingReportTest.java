// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

@Timeout(60)
@Rule({"U20", "NWQ-18"})
@DisplayName("A report that fails, handler and logger alike,")
class FailingReportTest {
    private static final List<Logger> LOGGERS =
            List.of(Logger.getLogger(Kernel.class.getName()), Logger.getLogger(Receiver.class.getName()));
    private static final int WORKS = 8;

    @RegisterExtension
    final TestKernel kernels = new TestKernel();

    private final Semaphore ran = new Semaphore(0);
    private final Handler throwing = new Handler() {
        @Override
        public void publish(LogRecord message) {
            throw new OutOfMemoryError("in the logger");
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };

    @BeforeEach
    void theLoggerThrows() {
        for (Logger logger : LOGGERS) {
            logger.addHandler(throwing);
            logger.setUseParentHandlers(false);
        }
    }

    @AfterEach
    void theLoggerIsMended() {
        for (Logger logger : LOGGERS) {
            logger.removeHandler(throwing);
            logger.setUseParentHandlers(true);
        }
    }

    private Kernel kernel() {
        return kernels.with(settings -> settings.console(line -> {
                    throw new StackOverflowError("in the console");
                })
                .faultHandler((queue, item, thrown) -> {
                    throw new OutOfMemoryError("in the fault handler");
                }));
    }

    private void callback() {
        ran.release();
        throw new IllegalStateException("in the callback");
    }

    @Test
    @DisplayName("leaves the worker of a workqueue alive: all works run and the drain ends")
    void workqueue() {
        Workqueue<Work> wq = Workqueue.create(
                kernel(), "wq", (work, none) -> callback(), null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_MPSAFE);
        for (int i = 0; i < WORKS; i++) {
            wq.enqueue(new Work(), null);
        }
        Bounded.acquire(ran, WORKS);
        Bounded.run("drains", () -> wq.drainAndDestroy());
    }

    @Test
    @DisplayName("leaves the thread of a taskq alive: all tasks run and the barrier means it")
    void taskq() {
        Taskq tq = Taskq.create(kernel(), "tq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        for (int i = 0; i < WORKS; i++) {
            assertThat(tq.add(Task.initializer(FailingReportTest::callback, this)))
                    .isTrue();
        }
        Bounded.run("waits", tq::barrier);
        assertThat(ran.availablePermits()).isEqualTo(WORKS);
        assertThat(tq.workers().get(0).faults()).isEqualTo(WORKS);
        Bounded.run("destroys", tq::destroy);
    }

    @Test
    @DisplayName("leaves the thread of a workq alive")
    void workq() {
        Workq wq = Workq.create(kernel(), "wq", 1, Ipl.NONE);
        for (int i = 0; i < WORKS; i++) {
            assertThat(wq.addTask(0, (test, none) -> test.callback(), this, null))
                    .isTrue();
        }
        Bounded.acquire(ran, WORKS);
        Bounded.run("destroys", wq::destroy);
    }

    @Test
    @DisplayName("leaves the balance of the kernel lock and of the level right, also when the console throws")
    void balance() {
        Kernel kernel = kernel();
        Workqueue<Work> wq = Workqueue.create(
                kernel,
                "wq",
                (work, none) -> {
                    kernel.lock().lock();
                    int cookie = Spl.current().splhigh();
                    assertThat(cookie).isNotNegative();
                    callback();
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE);
        for (int i = 0; i < WORKS; i++) {
            wq.enqueue(new Work(), null);
        }
        Bounded.acquire(ran, WORKS);
        Bounded.run("takes the kernel lock", () -> {
            kernel.lock().lock();
            kernel.lock().unlock();
        });
        Bounded.run("drains", () -> wq.drainAndDestroy());
    }

    @Test
    @DisplayName("lets a kthread end: its join returns")
    void kthread() {
        Kthread thread = Kthread.create(
                kernel(),
                Pri.PRI_NONE,
                Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_MUSTJOIN,
                null,
                none -> callback(),
                null,
                "kt");
        Bounded.run("joins", () -> thread.join());
    }

    @Test
    @DisplayName("leaves an interrupt thread and its line alive: later values are handled and the line closes at once")
    void interruptThread() {
        Kernel kernel = kernel();
        Receiver receiver = kernel.interrupts(kernel.cpus().get(0));
        long start;
        try (InterruptLine line = InterruptLine.establish(receiver, "line", Ipl.VM, value -> callback())) {
            for (int i = 0; i < WORKS; i++) {
                assertThat(line.trigger(i)).isTrue();
                Bounded.acquire(ran, 1);
            }
            start = System.nanoTime();
        }
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofMillis(900));
        assertThat(receiver.isAlive()).isTrue();
    }
}
