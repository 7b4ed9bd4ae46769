// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.netbsd;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelQueue;
import org.percpu.kernel.ShutdownReport;
import org.percpu.netbsd.Softint;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;

/** Soft interrupts beside their working: what is refused, what the kernel knows of them, what becomes of them at its end. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SoftintMisuseTest {
    private static final int CLOCK = Softint.SOFTINT_CLOCK | Softint.SOFTINT_MPSAFE;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    @Test
    @Rule({"U6", "U7"})
    @DisplayName(
            "a disestablished soft interrupt is EINVAL, to schedule and once more to disestablish; its level goes on")
    void whatIsDisestablishedIsRefused() {
        AtomicInteger runs = new AtomicInteger();
        AtomicInteger others = new AtomicInteger();
        Softint gone = Softint.establish(test.get(), CLOCK, AtomicInteger::incrementAndGet, runs);
        Softint other = Softint.establish(test.get(), CLOCK, AtomicInteger::incrementAndGet, others);
        gone.schedule();
        gone.disestablish();
        assertThat(runs.get()).isEqualTo(1);
        Refusal.of(Errno.EINVAL, gone::schedule).contains("softclock", "disestablished");
        Refusal.of(Errno.EINVAL, gone::disestablish).contains("softclock", "disestablished already");
        other.schedule();
        other.disestablish();
        assertThat(others.get()).isEqualTo(1);
        assertThat(runs.get()).isEqualTo(1);
    }

    @Test
    @Rule("U23")
    @DisplayName(
            "U23: disestablishing what is pending in a cold kernel is EINVAL, as nothing runs there; when it is warm, it runs")
    void whatIsPendingInAColdKernel() {
        Kernel kernel = test.with(settings -> settings.cold(true));
        AtomicInteger runs = new AtomicInteger();
        Softint soft = Softint.establish(kernel, CLOCK, AtomicInteger::incrementAndGet, runs);
        soft.schedule();
        Bounded.run("disestablishes", () -> Refusal.of(Errno.EINVAL, soft::disestablish)
                .contains("softclock", "warm"));
        kernel.warm();
        soft.disestablish();
        assertThat(runs.get()).isEqualTo(1);
    }

    @Test
    @Rule({"U3", "U21"})
    @DisplayName("a CPU that the kernel does not have is EINVAL and names it, and nothing is scheduled")
    void anUnknownCpuIsRefused() {
        Machine.needsCpus(2);
        Cpu outside = test.cpu(0);
        Kernel small = test.with(settings -> settings.cpus(CpuSet.of(test.cpu(1).id())));
        AtomicInteger runs = new AtomicInteger();
        Softint soft = Softint.establish(small, CLOCK | Softint.SOFTINT_RCPU, AtomicInteger::incrementAndGet, runs);
        Refusal.of(Errno.EINVAL, () -> soft.scheduleCpu(outside)).contains(outside.toString());
        soft.scheduleCpu(test.cpu(1));
        soft.disestablish();
        assertThat(runs.get()).isEqualTo(1);
    }

    @Test
    @Rule("U20")
    @DisplayName("a handler that throws is reported with its soft interrupt, and the next ones run")
    void aHandlerThatThrowsIsReported() {
        List<TestKernel.Fault> faults = test.expectFaults();
        IllegalStateException thrown = new IllegalStateException("the handler's own");
        AtomicInteger runs = new AtomicInteger();
        Softint bad = Softint.establish(
                test.get(),
                CLOCK,
                arg -> {
                    throw thrown;
                },
                null);
        Softint good = Softint.establish(test.get(), CLOCK, AtomicInteger::incrementAndGet, runs);
        bad.schedule();
        bad.disestablish();
        good.schedule();
        good.disestablish();
        assertThat(runs.get()).isEqualTo(1);
        assertThat(faults).singleElement().satisfies(fault -> {
            assertThat(fault.thrown()).isSameAs(thrown);
            assertThat(fault.item()).hasToString("soft interrupt of softclock");
            assertThat(fault.queue()).startsWith("softclock/");
        });
    }

    @Test
    @DisplayName("the kernel lists a level once, with a thread on each of its CPUs")
    void theKernelListsLevels() {
        Softint one = Softint.establish(test.get(), CLOCK, arg -> {}, null);
        Softint two = Softint.establish(test.get(), CLOCK, arg -> {}, null);
        assertThat(test.get().queues()).extracting(KernelQueue::name).containsExactly("softclock");
        KernelQueue level = test.get().queues().get(0);
        assertThat(level.workers()).hasSameSizeAs(test.get().cpus());
        for (Cpu cpu : test.get().cpus()) {
            int tid = level.workers().get(cpu.index()).thread().tid();
            assertThat(Proc.allowed(tid)).isEqualTo(CpuSet.of(cpu.id()));
        }
        one.disestablish();
        two.disestablish();
    }

    @Test
    @Rule({"U7", "G24"})
    @DisplayName(
            "a shutdown without time returns the soft interrupts that were pending, each once, and then they are ESHUTDOWN")
    void aShutdownReturnsWhatIsPending() {
        Kernel kernel =
                test.with(settings -> settings.cpus(CpuSet.of(test.cpu(0).id())).interruptAtDeadline(false));
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        AtomicInteger runs = new AtomicInteger();
        Softint plug = Softint.establish(
                kernel,
                CLOCK,
                latch -> {
                    inside.countDown();
                    Bounded.arrive(latch);
                },
                go);
        Softint pending = Softint.establish(kernel, CLOCK, AtomicInteger::incrementAndGet, runs);
        plug.schedule();
        Bounded.arrive(inside);
        pending.schedule();
        pending.schedule();
        ShutdownReport report = Bounded.call("shuts down", () -> kernel.shutdown(Duration.ZERO));
        assertThat(report.worksNeverRun()).containsExactly(pending);
        assertThat(pending).hasToString("soft interrupt of softclock");
        Refusal.of(Errno.ESHUTDOWN, pending::schedule).contains("softclock", "closed");
        go.countDown();
        Bounded.until("its thread has ended", () -> kernel.lwps().isEmpty());
        assertThat(runs.get()).isZero();
    }
}
