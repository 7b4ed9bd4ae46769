// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.intr.InterruptLine;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.ipl.SplMode;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelQueue;
import org.percpu.netbsd.Softint;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;

/** The queues of the system, first used where the caller must not sleep. */
@Timeout(60)
class SystemQueueTest {
    @RegisterExtension
    final TestKernel kernels = new TestKernel();

    private final AtomicInteger runs = new AtomicInteger();

    enum SystemQueue {
        SYSTQ,
        SYSTQMP,
        SYSWQ;

        KernelQueue of(Kernel kernel) {
            return switch (this) {
                case SYSTQ -> Taskq.systq(kernel);
                case SYSTQMP -> Taskq.systqmp(kernel);
                case SYSWQ -> Workq.syswq(kernel);
            };
        }

        boolean add(Kernel kernel, Runnable body) {
            return of(kernel) instanceof Taskq tq
                    ? tq.add(Task.initializer(arg -> body.run(), null))
                    : Workq.syswq(kernel).addTask(0, (a, b) -> body.run(), null, null);
        }
    }

    private Kernel fresh() {
        return kernels.with(settings -> {});
    }

    @ParameterizedTest
    @EnumSource
    @Rule({"OTQ-7", "OWQ-4", "U11"})
    @DisplayName("OTQ-7, OWQ-4: the first use at any level up to HIGH is taken, and runs while the caller stays there")
    void firstUseAtEachLevel(SystemQueue queue) {
        for (Ipl ipl : Ipl.values()) {
            if (ipl == Ipl.NONE || ipl.compareTo(Ipl.HIGH) > 0) {
                continue;
            }
            Kernel kernel = fresh();
            int before = runs.get();
            Levels.on(SplMode.EAGER, spl -> {
                int s = spl.splraise(ipl);
                assertThat(queue.add(kernel, runs::incrementAndGet)).isTrue();
                assertThat(queue.of(kernel)).isSameAs(queue.of(kernel));
                Bounded.until("it runs, first used at " + ipl, () -> runs.get() > before);
                assertThat(spl.level()).isEqualTo(ipl);
                spl.splx(s);
            });
            assertThat(queue.of(kernel).workers()).hasSize(1);
            kernel.close();
        }
    }

    @ParameterizedTest
    @EnumSource
    @Rule({"OTQ-7", "OWQ-4", "U11"})
    @DisplayName("U11: the first use above HIGH is EPERM, names the levels, and leaves a queue that works")
    void firstUseAboveHigh(SystemQueue queue) {
        Kernel kernel = fresh();
        Levels.on(SplMode.EAGER, spl -> {
            int s = spl.splraise(Ipl.IPI);
            Refusal.of(Errno.EPERM, () -> queue.add(kernel, runs::incrementAndGet))
                    .contains("IPI", "HIGH");
            spl.splx(s);
            assertThat(queue.add(kernel, runs::incrementAndGet)).isTrue();
        });
        Bounded.until("it runs", () -> runs.get() == 1);
    }

    @ParameterizedTest
    @EnumSource
    @Rule({"OTQ-7", "OWQ-4", "U12"})
    @DisplayName(
            "U12: handlers, holders of a spin mutex, soft interrupts and tasks that must not sleep may be the first")
    void firstUseWhereTheCallerMustNotSleep(SystemQueue queue) {
        Kernel ofHandler = fresh();
        InterruptLine line = InterruptLine.establish(
                ofHandler.interrupts(ofHandler.cpus().get(0)), "first", Ipl.HIGH, value -> assertThat(
                                queue.add(ofHandler, runs::incrementAndGet))
                        .isTrue());
        assertThat(line.trigger(1)).isTrue();
        Bounded.until("a handler's runs", () -> runs.get() == 1);
        line.close();

        Kernel ofMutex = fresh();
        Levels.on(SplMode.EAGER, spl -> {
            Mutex mutex = Mutex.netbsd("held", Ipl.VM);
            mutex.lock();
            try {
                assertThat(queue.add(ofMutex, runs::incrementAndGet)).isTrue();
                Bounded.until("a holder's runs", () -> runs.get() == 2);
            } finally {
                mutex.unlock();
            }
        });

        Kernel ofSoftint = fresh();
        Softint soft = Softint.establish(
                ofSoftint,
                Softint.SOFTINT_NET | Softint.SOFTINT_MPSAFE,
                arg -> assertThat(queue.add(ofSoftint, runs::incrementAndGet)).isTrue(),
                null);
        soft.schedule();
        Bounded.until("a soft interrupt's runs", () -> runs.get() == 3);
        soft.disestablish();

        Kernel ofTask = fresh();
        Taskq tq = Taskq.create(ofTask, "wakeful", 1, Ipl.HIGH, Taskq.TASKQ_CANTSLEEP | Taskq.TASKQ_MPSAFE);
        assertThat(tq.add(Task.initializer(
                        arg -> assertThat(queue.add(ofTask, runs::incrementAndGet))
                                .isTrue(),
                        null)))
                .isTrue();
        Bounded.until("a task's runs", () -> runs.get() == 4);
        tq.destroy();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "several who use a queue of the system first, at raised levels and not, share one queue with one thread")
    void firstUseByMany(SystemQueue queue) {
        int threads = 4;
        int rounds = 20;
        for (int round = 1; round <= rounds; round++) {
            Kernel kernel = fresh();
            CyclicBarrier together = new CyclicBarrier(threads);
            List<KernelQueue> made = new CopyOnWriteArrayList<>();
            List<FutureTask<Boolean>> users = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                boolean raised = i % 2 == 0;
                users.add(Bounded.startCode(
                        "user " + i,
                        () -> Levels.on(SplMode.EAGER, spl -> {
                            Bounded.meet(together);
                            int s = raised ? spl.splhigh() : spl.splraise(Ipl.NONE);
                            assertThat(queue.add(kernel, runs::incrementAndGet)).isTrue();
                            made.add(queue.of(kernel));
                            spl.splx(s);
                        })));
            }
            users.forEach(user -> assertThat(Bounded.join(user)).isTrue());
            int all = round * threads;
            Bounded.until("all have run", () -> runs.get() == all);
            assertThat(made.get(0).workers()).hasSize(1);
            assertThat(kernel.queues()).containsExactly(made.get(0));
            assertThat(made).containsOnly(made.get(0));
            kernel.close();
        }
        assertThat(runs).hasValue(rounds * threads);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("the first use of a closed kernel's queue at a raised level is ESHUTDOWN")
    void firstUseOfAClosedKernel(SystemQueue queue) {
        Kernel kernel = fresh();
        kernel.close();
        Levels.on(SplMode.EAGER, spl -> {
            int s = spl.splhigh();
            Refusal.of(Errno.ESHUTDOWN, () -> queue.add(kernel, runs::incrementAndGet))
                    .contains(queue.name().toLowerCase(Locale.ROOT));
            spl.splx(s);
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("the first use in a cold kernel at a raised level waits until it is warm")
    void firstUseOfAColdKernel(SystemQueue queue) {
        Kernel kernel = kernels.with(settings -> settings.cold(true));
        Levels.on(SplMode.EAGER, spl -> {
            int s = spl.splhigh();
            assertThat(queue.add(kernel, runs::incrementAndGet)).isTrue();
            spl.splx(s);
        });
        assertThat(kernel.lwps()).isEmpty();
        kernel.warm();
        Bounded.until("it runs", () -> runs.get() == 1);
    }
}
