// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.concurrent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.percpu.bindings.spi.Errno;
import org.percpu.concurrent.CpuExecutor;
import org.percpu.concurrent.PerCpuExecutor;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.kernel.Kernel;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Scale;
import org.percpu.thread.Affinity;
import org.percpu.thread.CpuThread;

/** The executor with a worker on each CPU. */
@DisplayName("an executor on each CPU")
class PerCpuExecutorTest extends ScheduledContract {
    private static final int SUBMITTERS = 4;

    @Override
    PerCpuExecutor make(Thread.@Nullable UncaughtExceptionHandler handler) {
        PerCpuExecutor.Builder builder = PerCpuExecutor.builder(test.get(), "each");
        return closing((handler == null ? builder : builder.uncaughtExceptionHandler(handler)).build());
    }

    @Override
    PerCpuExecutor make(boolean delayedRun, boolean periodicGoOn) {
        return closing(PerCpuExecutor.builder(test.get(), "policies")
                .delayedTasksAfterShutdown(delayedRun)
                .periodicTasksAfterShutdown(periodicGoOn)
                .build());
    }

    @Override
    ExecutorService single() {
        return ((PerCpuExecutor) executor()).forKey("one key");
    }

    private PerCpuExecutor cpus() {
        return (PerCpuExecutor) executor();
    }

    @Test
    @DisplayName("runs a task on each CPU, by the kernel's word, and on the CPU that was named")
    void everyCpu() throws Exception {
        Map<Cpu, CpuSet> masks = cpus().invokeOnEach(Affinity::get);
        assertThat(masks.keySet()).containsExactlyElementsOf(test.get().cpus());
        masks.forEach((cpu, mask) -> assertThat(mask).isEqualTo(CpuSet.of(cpu.id())));
        for (Cpu cpu : test.get().cpus()) {
            assertThat(get(cpus().on(cpu).submit(() -> Affinity.get()))).isEqualTo(CpuSet.of(cpu.id()));
            assertThat(cpus().on(cpu).cpu()).isSameAs(cpu);
        }
        assertThat(cpus().all())
                .extracting(CpuExecutor::cpu)
                .containsExactlyElementsOf(test.get().cpus());
        assertThatThrownBy(() -> cpus().invokeOnEach(() -> {
                    throw new IllegalStateException("on each");
                }))
                .isInstanceOf(ExecutionException.class)
                .hasRootCauseMessage("on each");
        Refusal.of(Errno.EDEADLK, () -> {
            try {
                get(cpus().on(test.cpu(0)).submit(() -> cpus().invokeOnEach(() -> 1)));
            } catch (ExecutionException e) {
                throw e.getCause();
            }
        });
    }

    @Test
    @DisplayName("a pinned caller's tasks stay on its CPU")
    void current() throws Exception {
        for (Cpu cpu : List.of(test.cpu(0), test.lastCpu())) {
            List<Integer> seen = new ArrayList<>();
            CpuThread caller = CpuThread.builder("caller").cpu(cpu).start(() -> {
                try {
                    assertThat(cpus().onCurrent().cpu()).isSameAs(cpu);
                    seen.add(get(cpus().submit(Affinity::currentCpu)));
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            });
            Bounded.until("it ends", () -> !caller.thread().isAlive());
            assertThat(seen).containsExactly(cpu.id());
        }
    }

    @Test
    @DisplayName(
            "equal keys have the same CPU, keys that follow each other are spread evenly, and what they run needs no lock")
    void keys() throws Exception {
        assertThat(cpus().forKey("customer 7")).isSameAs(cpus().forKey("customer " + 7));
        int[] hits = new int[test.get().cpus().size()];
        for (int key = 0; key < 10_000; key++) {
            hits[cpus().all().indexOf(cpus().forKey(key))]++;
        }
        for (int hit : hits) {
            assertThat(hit).isBetween(9_000 / hits.length, 11_000 / hits.length);
        }
        int[] counts = new int[8];
        List<CompletableFuture<Void>> all = new ArrayList<>();
        for (int i = 0; i < 4000; i++) {
            int key = i % counts.length;
            all.add(CompletableFuture.runAsync(() -> counts[key]++, cpus().forKey(key)));
        }
        CompletableFuture.allOf(all.toArray(new CompletableFuture<?>[0])).get(Bounded.SECONDS, TimeUnit.SECONDS);
        assertThat(Arrays.stream(counts).sum()).isEqualTo(4000);
    }

    @Test
    @DisplayName("a CPU that the kernel does not have is refused")
    void badInput() {
        Machine.needsCpus(2);
        Kernel kernel =
                test.with(settings -> settings.cpus(CpuSet.of(test.cpu(0).id())));
        PerCpuExecutor narrow = closing(PerCpuExecutor.builder(kernel, "narrow").build());
        Refusal.of(Errno.EINVAL, () -> narrow.on(test.lastCpu())).contains("no worker on");
        Refusal.of(Errno.EINVAL, () -> PerCpuExecutor.builder(test.get(), ""));
    }

    @Test
    @DisplayName(
            "4 threads submit, 4 cancel, and a shutdownNow comes in the middle: each task ran, was cancelled, returned or rejected, once")
    @SuppressWarnings("CollectionUndefinedEquality") // the set compares identities
    void storm() throws Exception {
        int tasks = Scale.of(200_000, 1_000_000);
        PerCpuExecutor executor = cpus();
        List<CpuExecutor> all = executor.all();
        AtomicIntegerArray runs = new AtomicIntegerArray(tasks);
        AtomicReferenceArray<@Nullable Future<?>> futures = new AtomicReferenceArray<>(tasks);
        AtomicBoolean[] rejected = new AtomicBoolean[tasks];
        Arrays.setAll(rejected, i -> new AtomicBoolean());
        LongAdder submitted = new LongAdder();
        AtomicBoolean over = new AtomicBoolean();
        List<FutureTask<Boolean>> threads = new ArrayList<>();
        for (int s = 0; s < SUBMITTERS; s++) {
            int first = s;
            threads.add(Bounded.startCode("submits", () -> {
                for (int i = first; i < tasks; i += SUBMITTERS) {
                    int number = i;
                    try {
                        futures.set(i, all.get(i % all.size()).submit(() -> runs.incrementAndGet(number)));
                    } catch (RejectedExecutionException e) {
                        rejected[i].set(true);
                    }
                    submitted.increment();
                }
            }));
            threads.add(Bounded.startCode("cancels", () -> {
                while (!over.get()) {
                    for (int i = first; i < tasks && !over.get(); i += 7) {
                        Future<?> future = futures.get(i);
                        if (future != null) {
                            future.cancel(i % 2 == 0);
                        }
                    }
                }
            }));
        }
        Bounded.until("half of them", () -> submitted.sum() >= tasks / 2);
        List<Runnable> returned = executor.shutdownNow();
        for (int i = 0; i < threads.size(); i += 2) {
            assertThat(Bounded.join(threads.get(i))).isTrue();
        }
        over.set(true);
        for (FutureTask<Boolean> thread : threads) {
            assertThat(Bounded.join(thread)).isTrue();
        }
        awaitEnd(executor);
        Set<Object> back = Collections.newSetFromMap(new IdentityHashMap<>());
        back.addAll(returned);
        assertThat(back).as("returned once").hasSameSizeAs(returned);
        int[] kinds = new int[4];
        for (int i = 0; i < tasks; i++) {
            Future<?> future = futures.get(i);
            boolean wasRejected = rejected[i].get();
            assertThat(future == null).isEqualTo(wasRejected);
            assertThat(runs.get(i)).as("runs of task %d", i).isLessThanOrEqualTo(1);
            if (future == null) {
                assertThat(runs.get(i)).isZero();
                kinds[0]++;
            } else if (future.isCancelled()) {
                // It may have been running, or it was returned first and cancelled then.
                kinds[1]++;
            } else if (future.isDone()) {
                assertThat(runs.get(i)).isEqualTo(1);
                assertThat(back.contains(future)).isFalse();
                kinds[2]++;
            } else {
                assertThat(runs.get(i)).isZero();
                assertThat(back.contains(future))
                        .as("returned, as it has not run")
                        .isTrue();
                kinds[3]++;
            }
        }
        System.out.println("rejected, cancelled, ran, returned: " + Arrays.toString(kinds));
        assertThat(Arrays.stream(kinds).sum()).isEqualTo(tasks);
    }
}
