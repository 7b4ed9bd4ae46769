// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.KernelThread;

@Timeout(60)
@DisplayName("The interrupt status of a callback")
class InterruptStatusTest {
    @RegisterExtension
    final TestKernel kernels = new TestKernel();

    private final List<Boolean> seen = new CopyOnWriteArrayList<>();
    private final Semaphore ran = new Semaphore(0);

    /** What every callback does: says what it finds, and leaves its thread interrupted. */
    private void callback() {
        seen.add(Thread.currentThread().isInterrupted());
        Thread.currentThread().interrupt();
        ran.release();
    }

    private void assertNoneSeesIt(int callbacks) {
        Bounded.acquire(ran, callbacks);
        assertThat(seen).hasSize(callbacks).containsOnly(false);
    }

    @Test
    @DisplayName("of a workqueue does not reach the next one, in a batch or after a sleep")
    void ofAWorkqueue() {
        CountDownLatch go = new CountDownLatch(1);
        Workqueue<Work> wq = kernels.workqueue("wq", Workqueue.WQ_MPSAFE, (work, none) -> {
            Bounded.arrive(go);
            callback();
        });
        for (int i = 0; i < 3; i++) {
            wq.enqueue(new Work(), null);
        }
        go.countDown();
        Bounded.acquire(ran, 3);
        wq.enqueue(new Work(), null);
        ran.release(3);
        assertNoneSeesIt(4);
        wq.drainAndDestroy();
    }

    @Test
    @DisplayName("of a workqueue under the kernel lock does not reach the next one")
    void underTheKernelLock() {
        Workqueue<Work> wq = kernels.workqueue("wq", 0, (work, none) -> callback());
        for (int i = 0; i < 3; i++) {
            wq.enqueue(new Work(), null);
        }
        assertNoneSeesIt(3);
        wq.drainAndDestroy();
    }

    @Test
    @DisplayName("of a taskq does not reach the next one")
    void ofATaskq() {
        Taskq tq = Taskq.create(kernels.get(), "tq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        for (int i = 0; i < 3; i++) {
            assertThat(tq.add(Task.initializer(InterruptStatusTest::callback, this)))
                    .isTrue();
        }
        assertNoneSeesIt(3);
        tq.destroy();
    }

    @Test
    @DisplayName("of a workq does not reach the next one")
    void ofAWorkq() {
        Workq wq = Workq.create(kernels.get(), "wq", 1, Ipl.NONE);
        for (int i = 0; i < 3; i++) {
            assertThat(wq.addTask(0, (test, none) -> test.callback(), this, null))
                    .isTrue();
        }
        assertNoneSeesIt(3);
        wq.destroy();
    }

    @Test
    @DisplayName("of a soft interrupt does not reach the next one")
    void ofASoftInterrupt() {
        Softint soft = Softint.establish(
                kernels.get(),
                Softint.SOFTINT_NET | Softint.SOFTINT_MPSAFE | Softint.SOFTINT_RCPU,
                InterruptStatusTest::callback,
                this);
        for (int i = 0; i < 3; i++) {
            soft.scheduleCpu(kernels.cpu(0));
            Bounded.acquire(ran, 1);
        }
        ran.release(3);
        assertNoneSeesIt(3);
        soft.disestablish();
    }

    @Test
    @DisplayName("of an interrupt handler does not reach the next one on an interrupt thread")
    void ofAnInterruptHandler() {
        Receiver receiver = kernels.get().interrupts(kernels.cpu(0));
        try (InterruptLine line = InterruptLine.establish(receiver, "line", Ipl.VM, value -> callback())) {
            for (int i = 0; i < 3; i++) {
                assertThat(line.trigger(i)).isTrue();
            }
            assertNoneSeesIt(3);
        }
    }

    @Test
    @DisplayName("of a thread that an interrupt handler interrupts is hidden from the handler and kept for the thread")
    void ofTheThreadBelowAHandler() {
        Bounded.run("level", () -> {
            Spl spl = Spl.current();
            try (InterruptLine line = InterruptLine.establish(
                    Receiver.current(),
                    "line",
                    Ipl.VM,
                    value -> seen.add(Thread.currentThread().isInterrupted()))) {
                assertThat(line.trigger(1)).isTrue();
                Thread.currentThread().interrupt();
                assertThat(spl.poll()).isEqualTo(1);
                assertThat(seen).containsExactly(false);
                assertThat(Thread.interrupted()).as("kept for the thread").isTrue();
                assertThat(line.trigger(2)).isTrue();
                assertThat(spl.poll()).isEqualTo(1);
                assertThat(Thread.interrupted()).as("not made up").isFalse();
            }
        });
    }

    @Test
    @DisplayName("that an outsider sets on an idle worker is not seen by the works to come")
    void ofAnOutsider() {
        Workqueue<Work> wq = kernels.workqueue("wq", Workqueue.WQ_MPSAFE, (work, none) -> {
            seen.add(Thread.currentThread().isInterrupted());
            ran.release();
        });
        KernelThread worker = kernels.get().lwps().get(0);
        worker.thread().thread().interrupt();
        wq.enqueue(new Work(), null);
        assertNoneSeesIt(1);
        wq.drainAndDestroy();
    }

    @Test
    @DisplayName("that an outsider sets on a thread before its start is not seen by the thread's function")
    void ofAThreadBeforeItsStart() {
        for (int flags : new int[] {0, Kthread.KTHREAD_MPSAFE}) {
            Kthread idle = Kthread.create(
                    kernels.get(), -1, flags | Kthread.KTHREAD_IDLE, null, arg -> callback(), null, "idle");
            kernels.get().lwps().get(0).thread().thread().interrupt();
            idle.start();
            Bounded.until("it has ended", () -> kernels.get().lwps().isEmpty());
        }
        Kernel cold = kernels.with(settings -> settings.cold(true));
        Kthread early = Kthread.create(cold, -1, Kthread.KTHREAD_MPSAFE, null, arg -> callback(), null, "early");
        cold.lwps().get(0).thread().thread().interrupt();
        cold.warm();
        Bounded.until("it has ended", () -> cold.lwps().isEmpty());
        assertThat(early.name()).isEqualTo("early");
        assertNoneSeesIt(3);
    }

    @Test
    @DisplayName("does not close the channel that the next work writes to")
    void channelsStayOpen(@TempDir Path folder) throws Exception {
        List<Throwable> thrown = new CopyOnWriteArrayList<>();
        try (FileChannel channel =
                FileChannel.open(folder.resolve("log"), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            Workqueue<Work> wq = kernels.workqueue("wq", Workqueue.WQ_MPSAFE, (work, none) -> {
                try {
                    int written = channel.write(ByteBuffer.wrap(new byte[] {'x'}));
                    assertThat(written).isOne();
                } catch (Throwable t) {
                    thrown.add(t);
                }
                callback();
            });
            wq.enqueue(new Work(), null);
            wq.enqueue(new Work(), null);
            assertNoneSeesIt(2);
            assertThat(thrown).isEmpty();
            assertThat(channel.size()).isEqualTo(2);
            wq.drainAndDestroy();
        }
    }
}
