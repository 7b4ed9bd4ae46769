// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.NativeWork;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;
import org.percpu.ipl.SplMode;
import org.percpu.kernel.KernelQueue;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.openbsd.WorkqTask;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.LoggedRecords;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

/** Works that are posted with values which their callbacks do not drain. */
@Timeout(60)
class UndrainedTest {
    private static final int BURST = 10;
    private static final int MANY = 3000; // about three rings

    private static final class Packet extends Work {}

    @RegisterExtension
    final TestKernel kernels = new TestKernel();

    private final LinuxCalls linux = Machine.linux();
    private final AtomicInteger runs = new AtomicInteger();

    /** A work of a queue whose callback counts its runs and then does something. */
    private NativeWork workOf(String interfaces, Runnable body) {
        Runnable callback = () -> {
            body.run();
            runs.incrementAndGet();
        };
        return switch (interfaces) {
            case "workqueue" -> workqueue(callback).nativeWork(new Packet(), null);
            case "taskq" ->
                Taskq.create(kernels.get(), "tq", 2, Ipl.VM, Taskq.TASKQ_MPSAFE)
                        .nativeTask(Task.initializer(arg -> callback.run(), null));
            default ->
                Workq.create(kernels.get(), "owq", 1, Ipl.VM)
                        .nativeTask(new WorkqTask(), (a, b) -> callback.run(), null, null);
        };
    }

    private Workqueue<Packet> workqueue(Runnable callback) {
        return Workqueue.create(
                kernels.get(), "wq", (work, arg) -> callback.run(), null, Pri.PRI_NONE, Ipl.VM, Workqueue.WQ_MPSAFE);
    }

    private LongUnaryOperator posting(NativeWork work, boolean fromC) {
        if (!fromC) {
            return work::post;
        }
        Levels.needLibrary();
        long post = NativeWork.postFunction();
        long handle = work.handle();
        return value -> linux.call(post, handle, value, 0, 0, 0, 0);
    }

    private void end(NativeWork work) {
        work.close();
        // TestKernel must find nothing left.
        kernels.get().queues().forEach(KernelQueue::drainAndDestroy);
    }

    @ParameterizedTest
    @ValueSource(strings = {"workqueue", "taskq", "workq"})
    @DisplayName("a work whose callback never drains runs for each burst, for ever, and what nobody drains is counted")
    void runsForEachBurstWithoutDraining(String interfaces) {
        NativeWork work = workOf(interfaces, () -> {});
        int bursts = MANY / BURST;
        for (int burst = 1; burst <= bursts; burst++) {
            int before = runs.get();
            for (int i = 0; i < BURST; i++) {
                assertThat(work.post(i)).as("burst %s", burst).isBetween(0, 1);
            }
            Bounded.until("burst " + burst + " leads to a run", () -> runs.get() > before);
        }
        Bounded.until("all are let go", () -> work.state().undrained() == (long) bursts * BURST);
        assertThat(work.state().drained()).isZero();
        assertThat(work.state().refused()).isZero();
        end(work);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("a line bound to a queue goes on beyond 1024 values that nobody drains, by trigger and by signal")
    void lineOfAQueueNeedsNoDraining(boolean bySignal) {
        if (bySignal) {
            Levels.needLibrary();
        }
        NativeWork work = workOf("workqueue", () -> {});
        Levels.on(bySignal ? SplMode.LAZY : SplMode.EAGER, spl -> {
            InterruptLine line = InterruptLine.establish(Receiver.current(), "rx", Ipl.VM, work);
            long self = linux.pthread_self();
            int signal = bySignal ? line.signal() : 0;
            for (int i = 0; i < MANY; i += BURST) {
                int before = runs.get();
                for (int value = i; value < i + BURST; value++) {
                    if (bySignal) {
                        assertThat(linux.pthread_sigqueue(self, signal, value)).isZero();
                    } else {
                        assertThat(line.trigger(value)).as("value %s", value).isTrue();
                    }
                }
                Bounded.until("the burst leads to a run", () -> runs.get() > before);
            }
            assertThat(line.state().lost()).isZero();
            line.close();
        });
        Bounded.until("all are let go", () -> work.state().undrained() == MANY);
        end(work);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("a post that finds the ring full is refused, yet the work runs; the log says so once")
    void fullRingRunsTheWorkAndSaysSoOnce(boolean fromC) {
        Semaphore inside = new Semaphore(0);
        Semaphore gate = new Semaphore(0);
        try (LoggedRecords log = new LoggedRecords(NativeWork.class)) {
            NativeWork work = workOf("workqueue", () -> {
                inside.release();
                Bounded.acquire(gate, 1);
            });
            LongUnaryOperator post = posting(work, fromC);
            for (int round = 1; round <= 2; round++) {
                assertThat(post.applyAsLong(0)).isZero();
                Bounded.acquire(inside, 1);
                for (int i = 1; i < NativeWork.MAX_VALUES; i++) {
                    assertThat(post.applyAsLong(i)).isEqualTo(i == 1 ? 0 : 1);
                }
                assertThat(post.applyAsLong(-1)).isEqualTo(-Errno.EAGAIN.number());
                gate.release(2);
                Bounded.acquire(inside, 1);
                long all = (long) round * NativeWork.MAX_VALUES;
                Bounded.until("all are let go", () -> work.state().undrained() == all);
                assertThat(work.state().refused()).isEqualTo(round);
            }
            end(work);
            assertThat(runs).hasValue(4);
            assertThat(work.state().undrained()).isEqualTo(2 * NativeWork.MAX_VALUES);
            assertThat(work.state().refused()).isEqualTo(2);
            assertThat(log.list()).hasSize(1);
            assertThat(log.list().get(0).getMessage()).contains(Packet.class.getSimpleName(), "wq", "drain");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("a refused post asks for a run even if everything that was posted before has led to one")
    void refusedPostLeadsToARun(boolean fromC) {
        Semaphore inside = new Semaphore(0);
        Semaphore gate = new Semaphore(0);
        NativeWork[] self = new NativeWork[1];
        NativeWork work = workOf("workqueue", () -> {
            if (runs.get() == 0) {
                assertThat(self[0].drain(value -> {})).isEqualTo(1);
            }
            inside.release();
            Bounded.acquire(gate, 1);
        });
        self[0] = work;
        LongUnaryOperator post = posting(work, fromC);
        assertThat(post.applyAsLong(0)).isZero();
        Bounded.acquire(inside, 1);
        for (int i = 0; i < NativeWork.MAX_VALUES; i++) {
            assertThat(post.applyAsLong(i)).isNotNegative();
        }
        gate.release();
        Bounded.acquire(inside, 1);
        // The second run is in its callback, and nothing that was posted has its run still to come.
        assertThat(post.applyAsLong(-1)).isEqualTo(-Errno.EAGAIN.number());
        gate.release(2);
        Bounded.until("a third run", () -> runs.get() == 3);
        end(work);
        assertThat(work.state().undrained()).isEqualTo(NativeWork.MAX_VALUES);
    }

    @Test
    @DisplayName("values behind one whose consumer throws are not let go: they are there in the next run")
    void valuesBehindAFaultWait() {
        List<Long> values = new ArrayList<>();
        NativeWork[] self = new NativeWork[1];
        Semaphore gate = new Semaphore(0);
        kernels.expectFaults();
        NativeWork work = workOf("workqueue", () -> {
            Bounded.acquire(gate, 1);
            int drained = self[0].drain(value -> {
                values.add(value);
                if (value == 2) {
                    throw new IllegalStateException("value 2");
                }
            });
            assertThat(drained).isPositive();
        });
        self[0] = work;
        for (int i = 1; i <= 4; i++) {
            assertThat(work.post(i)).isNotNegative();
        }
        gate.release(10);
        Bounded.until("the first two are taken", () -> work.state().drained() >= 2);
        assertThat(work.post(5)).isNotNegative();
        Bounded.until("all are taken", () -> work.state().drained() == 5);
        assertThat(work.state().undrained()).isZero();
        end(work);
        assertThat(values).containsExactly(1L, 2L, 3L, 4L, 5L);
        assertThat(kernels.expectFaults()).hasSize(1);
    }

    @Test
    @DisplayName("values that come while the callback runs are for the next run, whether this one drains or not")
    void valuesThatComeDuringARunAreForTheNextOne() {
        Semaphore inside = new Semaphore(0);
        Semaphore gate = new Semaphore(0);
        AtomicLong sum = new AtomicLong();
        NativeWork[] self = new NativeWork[1];
        NativeWork work = workOf("workqueue", () -> {
            inside.release();
            Bounded.acquire(gate, 1);
            if (runs.get() == 1) {
                assertThat(self[0].drain(sum::addAndGet)).isEqualTo(2);
            }
        });
        self[0] = work;
        assertThat(work.post(1)).isZero();
        Bounded.acquire(inside, 1);
        assertThat(work.post(10)).isZero();
        assertThat(work.post(20)).isEqualTo(1);
        gate.release(2);
        Bounded.until("two runs", () -> runs.get() == 2);
        assertThat(sum).hasValue(30);
        assertThat(work.state().undrained()).isEqualTo(1);
        end(work);
    }

    @Test
    @DisplayName("a request without value for a work whose ring is full is taken: the run comes")
    void requestWithoutValueNeedsNoRoom() {
        Semaphore inside = new Semaphore(0);
        Semaphore gate = new Semaphore(0);
        NativeWork work = workOf("workqueue", () -> {
            inside.release();
            Bounded.acquire(gate, 1);
        });
        Levels.on(SplMode.EAGER, spl -> {
            InterruptLine line = InterruptLine.establish(Receiver.current(), "full", Ipl.VM, work);
            assertThat(line.trigger(0)).isTrue();
            Bounded.acquire(inside, 1);
            for (int i = 1; i < NativeWork.MAX_VALUES; i++) {
                assertThat(line.trigger(i)).isTrue();
            }
            assertThat(line.trigger(-1)).as("no room").isFalse();
            assertThat(line.trigger()).as("its run is to come").isFalse();
            gate.release(10);
            Bounded.until("runs", () -> runs.get() >= 2);
            assertThat(Spl.current().poll()).isZero();
            line.close();
        });
        end(work);
    }

    @Test
    @DisplayName("several handles of one work let go each its own, and a closed one is forgotten")
    void severalHandlesOfOneWork() {
        Workqueue<Packet> wq = workqueue(runs::incrementAndGet);
        Packet packet = new Packet();
        NativeWork one = wq.nativeWork(packet, null);
        NativeWork two = wq.nativeWork(packet, null);
        assertThat(one.post(1)).isZero();
        Bounded.until("the first", () -> one.state().undrained() == 1);
        assertThat(two.post(1)).isZero();
        Bounded.until("the second", () -> two.state().undrained() == 1);
        one.close();
        assertThat(one.state().undrained()).isEqualTo(1);
        assertThat(two.post(1)).isZero();
        Bounded.until("the second again", () -> two.state().undrained() == 2);
        two.close();
        wq.destroy();
    }
}
