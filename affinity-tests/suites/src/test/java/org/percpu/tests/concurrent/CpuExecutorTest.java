// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.concurrent;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.percpu.bindings.spi.Errno;
import org.percpu.concurrent.CpuExecutor;
import org.percpu.concurrent.CpuTask;
import org.percpu.cpu.CpuSet;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.kernel.WorkerState;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Refusal;
import org.percpu.thread.Affinity;
import org.percpu.thread.Sched;

/** The executor of one CPU. */
@DisplayName("an executor on one CPU")
class CpuExecutorTest extends ScheduledContract {
    private static final int BYTES_OF_EXECUTE = 32;
    private static final int BYTES_OF_SUBMIT = 40;
    private static final int ROUNDS = 1000;
    private static final int WARM_ROUNDS = 300;

    @Override
    CpuExecutor make(Thread.@Nullable UncaughtExceptionHandler handler) {
        CpuExecutor.Builder builder = CpuExecutor.builder(test.get(), "exec").cpu(test.lastCpu());
        return closing((handler == null ? builder : builder.uncaughtExceptionHandler(handler)).build());
    }

    @Override
    CpuExecutor make(boolean delayedRun, boolean periodicGoOn) {
        return closing(CpuExecutor.builder(test.get(), "policies")
                .delayedTasksAfterShutdown(delayedRun)
                .periodicTasksAfterShutdown(periodicGoOn)
                .build());
    }

    @Override
    ExecutorService single() {
        return executor();
    }

    @Test
    @DisplayName("runs its tasks on the CPU that was named, in order, with the scheduling that was asked for")
    void placement() throws Exception {
        CpuExecutor executor = closing(CpuExecutor.builder(test.get(), "placed")
                .cpu(test.lastCpu())
                .sched(Sched.other(3))
                .build());
        CpuSet last = CpuSet.of(test.lastCpu().id());
        assertThat(executor.cpu()).isSameAs(test.lastCpu());
        assertThat(get(executor.submit(() -> Affinity.get()))).isEqualTo(last);
        AtomicInteger at = new AtomicInteger();
        for (int i = 0; i < ROUNDS; i++) {
            int expected = i;
            executor.execute(() -> assertThat(at.getAndIncrement()).isEqualTo(expected));
        }
        assertThat(get(executor.submit(at::get))).isEqualTo(ROUNDS);
        WorkerState worker = executor.workers().get(0);
        assertThat(worker.thread().allowed()).isEqualTo(last);
        assertThat(worker.thread().sched()).isEqualTo(Sched.other(3));
        CpuExecutor anywhere =
                closing(CpuExecutor.builder(test.get(), "anywhere").build());
        assertThat(anywhere.cpu()).isNull();
        assertThat(get(anywhere.submit(() -> Affinity.get())))
                .isEqualTo(test.get().topology().allowed());
    }

    @Test
    @DisplayName("execute allocates 32 bytes, nothing for a CpuTask, and submit the future of 40 bytes alone")
    void allocation() throws Exception {
        Machine.needsLinux("calls that allocate nothing");
        CpuExecutor executor =
                closing(CpuExecutor.builder(test.get(), "counted").build());
        Counting[] tasks = new Counting[ROUNDS];
        Arrays.setAll(tasks, i -> new Counting());
        Counting last = tasks[ROUNDS - 1];
        Runnable command = () -> {};
        Callable<Integer> callable = () -> 1;
        assertThat(fewest(last, executor, () -> {
                    for (Counting task : tasks) {
                        executor.execute(task);
                    }
                }))
                .isZero();
        Counting end = new Counting();
        assertThat(fewest(end, executor, () -> {
                    for (int i = 0; i < ROUNDS; i++) {
                        executor.execute(command);
                    }
                    executor.execute(end);
                }))
                .isEqualTo((long) BYTES_OF_EXECUTE * ROUNDS);
        assertThat(fewest(end, executor, () -> {
                    for (int i = 0; i < ROUNDS; i++) {
                        Future<Integer> unused = executor.submit(callable);
                    }
                    executor.execute(end);
                }))
                .isEqualTo((long) BYTES_OF_SUBMIT * ROUNDS);
    }

    /** The fewest bytes that a round of the caller takes; the last task of each round has run before the next one. */
    private static long fewest(Counting last, CpuExecutor executor, Runnable round) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long self = Thread.currentThread().getId();
        long least = Long.MAX_VALUE;
        for (int i = 0; i < WARM_ROUNDS; i++) {
            int runs = last.runs;
            long before = threads.getThreadAllocatedBytes(self);
            round.run();
            least = Math.min(least, threads.getThreadAllocatedBytes(self) - before);
            while (last.runs == runs) {
                Thread.onSpinWait();
            }
        }
        assertThat(executor.workers().get(0).pending()).isLessThanOrEqualTo(1);
        return least;
    }

    private static final class Counting extends CpuTask {
        volatile int runs;

        @Override
        @SuppressWarnings("NonAtomicVolatileUpdate") // one worker
        public void run() {
            runs++;
        }
    }

    @Test
    @DisplayName("spins where its kernel spins")
    void spinning() throws Exception {
        Kernel kernel = test.with(settings -> settings.waitStrategy(WaitStrategy.SPIN_THEN_PARK));
        CpuExecutor executor = closing(
                CpuExecutor.builder(kernel, "spins").cpu(kernel.cpus().get(0)).build());
        for (int i = 0; i < ROUNDS; i++) {
            assertThat(get(executor.submit(() -> 1))).isEqualTo(1);
        }
    }

    @Test
    @DisplayName("bad input: no name, a CPU that the kernel does not have")
    void badInput() {
        Refusal.of(Errno.EINVAL, () -> CpuExecutor.builder(test.get(), ""));
        Machine.needsCpus(2);
        CpuExecutor.Builder narrow = CpuExecutor.builder(
                test.with(kernel -> kernel.cpus(CpuSet.of(test.cpu(0).id()))), "narrow");
        Refusal.of(Errno.EINVAL, () -> narrow.cpu(test.lastCpu())).contains("does not have");
    }
}
