// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.concurrent;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.percpu.concurrent.CpuExecutor;
import org.percpu.concurrent.PerCpuExecutor;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelBuilder;
import org.percpu.kernel.WaitStrategy;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Affinity;

/** Executors in kernels with other settings than the usual ones. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("executors in a kernel")
class ExecutorKernelsTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    static Stream<Named<Consumer<KernelBuilder>>> kernels() {
        return Stream.of(
                Named.of("that follows its CPUs", kernel -> kernel.followCpus(true)
                        .pinWatch(Duration.ofMillis(20))),
                Named.of("with shared workers", kernel -> kernel.sharedWorkers(true)),
                Named.of("whose workers spin, then park", kernel -> kernel.waitStrategy(WaitStrategy.SPIN_THEN_PARK)),
                Named.of("whose workers park", kernel -> kernel.waitStrategy(WaitStrategy.PARK)),
                Named.of("that measures", kernel -> kernel.timing(true)));
    }

    @ParameterizedTest
    @MethodSource("kernels")
    @DisplayName("they run, delay, repeat, cancel, and return what has not run")
    void work(Consumer<KernelBuilder> settings) throws Exception {
        use(PerCpuExecutor.builder(test.with(settings), "each").build());
    }

    @Test
    @DisplayName("whose workers never sleep: they do the same on one CPU")
    void spinning() throws Exception {
        Kernel kernel = test.with(settings -> settings.waitStrategy(WaitStrategy.BUSY_SPIN)
                .cpus(CpuSet.of(test.lastCpu().id())));
        use(PerCpuExecutor.builder(kernel, "spins").build());
    }

    private static void use(PerCpuExecutor executor) throws Exception {
        for (CpuExecutor each : executor.all()) {
            Cpu cpu = each.cpu();
            assertThat(cpu).isNotNull();
            assertThat(each.submit(Affinity::currentCpu).get(Bounded.SECONDS, TimeUnit.SECONDS))
                    .isEqualTo(cpu.id());
            assertThat(each.schedule(Affinity::currentCpu, 1, TimeUnit.MILLISECONDS)
                            .get(Bounded.SECONDS, TimeUnit.SECONDS))
                    .isEqualTo(cpu.id());
        }
        CountDownLatch three = new CountDownLatch(3);
        Future<?> periodic = executor.scheduleAtFixedRate(three::countDown, 0, 1, TimeUnit.MILLISECONDS);
        Bounded.arrive(three);
        assertThat(periodic.cancel(true)).isTrue();
        ScheduledFuture<?> late = executor.schedule(() -> {}, 1, TimeUnit.HOURS);
        List<Runnable> returned = executor.shutdownNow();
        assertThat(returned).hasSize(1).first().isSameAs(late);
        assertThat(executor.awaitTermination(Bounded.SECONDS, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    @DisplayName("that is cold: tasks and delayed tasks are taken, and run when it is warm")
    void cold() throws Exception {
        Kernel kernel = test.with(settings -> settings.cold(true));
        CpuExecutor executor = CpuExecutor.builder(kernel, "cold").build();
        AtomicInteger ran = new AtomicInteger();
        Future<?> submitted = executor.submit(ran::incrementAndGet);
        Future<?> delayed = executor.schedule(ran::incrementAndGet, 1, TimeUnit.NANOSECONDS);
        Future<?> cancelled = executor.schedule(ran::incrementAndGet, 1, TimeUnit.HOURS);
        assertThat(cancelled.cancel(false)).isTrue();
        assertThat(submitted.isDone() || delayed.isDone()).isFalse();
        kernel.warm();
        submitted.get(Bounded.SECONDS, TimeUnit.SECONDS);
        delayed.get(Bounded.SECONDS, TimeUnit.SECONDS);
        assertThat(ran).hasValue(2);
        executor.close();
    }
}
