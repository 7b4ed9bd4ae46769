// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.Cpu;
import org.percpu.intr.InterruptLine;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.Lwp;
import org.percpu.netbsd.Softint;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;
import org.percpu.thread.Sched;

@Timeout(60)
@DisplayName("softint(9)")
class SoftintTest {
    private static final int NET = Softint.SOFTINT_NET | Softint.SOFTINT_MPSAFE | Softint.SOFTINT_RCPU;

    @RegisterExtension
    final TestKernel kernels = new TestKernel();

    @Test
    void handlerRunsOnceOnTheCpuItWasScheduledOnInTheThreadOfItsLevel() {
        Kernel kernel = kernels.get();
        for (Cpu cpu : kernel.cpus()) {
            List<String> ran = new CopyOnWriteArrayList<>();
            Softint soft = Softint.establish(
                    kernel,
                    NET,
                    arg -> ran.add(
                            arg + " " + thread() + " on " + Machine.linux().sched_getcpu()),
                    "a");
            soft.scheduleCpu(cpu);
            soft.disestablish();
            assertThat(ran).containsExactly("a softnet/" + cpu.index() + " on " + cpu.id());
        }
    }

    private static String thread() {
        Lwp lwp = Lwp.current();
        return lwp == null ? "no kernel thread" : lwp.name();
    }

    @Test
    void scheduledWhilePendingRunsOnceAndWhileRunningRunsAgain() {
        Kernel kernel = kernels.get();
        AtomicInteger runs = new AtomicInteger();
        CountDownLatch in = new CountDownLatch(1);
        Semaphore gate = new Semaphore(0);
        Cpu cpu = kernels.lastCpu();
        Softint soft = Softint.establish(
                kernel,
                NET,
                arg -> {
                    if (runs.incrementAndGet() == 1) {
                        in.countDown();
                        Bounded.acquire(gate, 1);
                    }
                },
                null);
        soft.scheduleCpu(cpu);
        Bounded.arrive(in);
        soft.scheduleCpu(cpu);
        soft.scheduleCpu(cpu);
        soft.scheduleCpu(cpu);
        gate.release();
        soft.disestablish();
        assertThat(runs).hasValue(2);
        assertThatThrownBy(soft::schedule).isInstanceOf(ErrnoException.class).hasMessageContaining("EINVAL");
        assertThatThrownBy(soft::disestablish).isInstanceOf(ErrnoException.class);
    }

    @Test
    void handlersOfALevelRunInTheOrderInWhichTheyWereScheduled() {
        Kernel kernel = kernels.get();
        List<Integer> order = new CopyOnWriteArrayList<>();
        Semaphore gate = new Semaphore(0);
        Cpu cpu = kernels.cpu(0);
        Softint first = Softint.establish(kernel, NET, arg -> Bounded.acquire(gate, 1), null);
        Softint second = Softint.establish(kernel, NET, order::add, 2);
        Softint third = Softint.establish(kernel, NET, order::add, 3);
        first.scheduleCpu(cpu);
        third.scheduleCpu(cpu);
        second.scheduleCpu(cpu);
        gate.release();
        List.of(first, second, third).forEach(Softint::disestablish);
        assertThat(order).containsExactly(3, 2);
    }

    @Test
    void withoutMpsafeTheKernelLockIsHeldAndSleepingIsRefused() {
        Kernel kernel = kernels.get();
        List<String> seen = new CopyOnWriteArrayList<>();
        Softint[] self = new Softint[1];
        self[0] = Softint.establish(
                kernel,
                Softint.SOFTINT_CLOCK,
                arg -> {
                    seen.add("holds " + kernel.lock().holds());
                    assertThatThrownBy(() -> kernel.sleepq().tsleep(seen, "nap", 1))
                            .isInstanceOf(ErrnoException.class)
                            .hasMessageContaining("interrupt thread");
                    assertThatThrownBy(self[0]::disestablish)
                            .isInstanceOf(ErrnoException.class)
                            .hasMessageContaining("EDEADLK");
                    seen.add("done");
                },
                null);
        self[0].schedule();
        self[0].disestablish();
        assertThat(seen).containsExactly("holds 1", "done");
    }

    @Test
    @DisplayName("The threads of the four levels are at PRI_SOFTCLOCK to PRI_SOFTSERIAL, in the order of the levels")
    void threadsHaveThePrioritiesOfTheirLevels() {
        Machine.needsRealtime();
        Kernel kernel = kernels.get();
        int[] levels = {
            Softint.SOFTINT_CLOCK, Softint.SOFTINT_BIO, Softint.SOFTINT_NET, Softint.SOFTINT_SERIAL,
        };
        List<Sched> seen = new CopyOnWriteArrayList<>();
        for (int level : levels) {
            Softint soft = Softint.establish(
                    kernel,
                    level | Softint.SOFTINT_MPSAFE,
                    arg -> seen.add(Proc.sched(Machine.linux().gettid())),
                    null);
            soft.schedule();
            soft.disestablish();
        }
        assertThat(seen).containsExactly(Pri.fixed(220), Pri.fixed(221), Pri.fixed(222), Pri.fixed(223));
    }

    @Test
    void scheduleWorksAtEveryLevelAndFromAnInterrupt() {
        AtomicInteger runs = new AtomicInteger();
        Softint soft = Softint.establish(
                kernels.get(), Softint.SOFTINT_SERIAL | Softint.SOFTINT_MPSAFE, arg -> runs.incrementAndGet(), null);
        InterruptLine line = InterruptLine.establish(
                kernels.get().interrupts(kernels.cpu(0)), "hard", Ipl.HIGH, value -> soft.schedule());
        assertThat(line.trigger()).isTrue();
        Bounded.until("the soft interrupt has run", () -> runs.get() == 1);
        line.close();
        soft.disestablish();
    }

    @Test
    @DisplayName("Bad input: unknown flags, a foreign CPU without RCPU")
    void misuseIsRefused() {
        assertThatThrownBy(() -> Softint.establish(kernels.get(), 0x40, arg -> {}, null))
                .isInstanceOf(ErrnoException.class)
                .hasMessageContaining("0x40");
        Softint local = Softint.establish(kernels.get(), Softint.SOFTINT_BIO | Softint.SOFTINT_MPSAFE, arg -> {}, null);
        assertThatThrownBy(() -> local.scheduleCpu(kernels.cpu(0)))
                .isInstanceOf(ErrnoException.class)
                .hasMessageContaining("SOFTINT_RCPU");
        local.disestablish();
    }
}
