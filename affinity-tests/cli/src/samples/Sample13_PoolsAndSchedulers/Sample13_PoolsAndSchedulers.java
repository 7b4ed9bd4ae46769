// SPDX-License-Identifier: BSD-2-Clause
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.percpu.concurrent.CpuExecutor;
import org.percpu.concurrent.PinnedThreadFactory;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuTopology;
import org.percpu.kernel.Kernel;
import org.percpu.thread.Affinity;

/**
 * A ThreadPoolExecutor whose threads have a CPU each, and executors for a framework that takes those of the JDK, as Spring's
 * {@code ConcurrentTaskExecutor} and {@code ConcurrentTaskScheduler} do. Spring's {@code ThreadPoolTaskExecutor} takes the factory:
 * {@code setThreadFactory}.
 *
 * <pre>
 * java --enable-native-access=ALL-UNNAMED -cp ../../../target/percpu-cli.jar Sample13_PoolsAndSchedulers.java
 * </pre>
 *
 * <p>On a machine with the CPUs 0 and 1 it prints:
 *
 * <pre>
 * the pool's threads were on the CPUs [0, 1]
 * the task executor ran on CPU 1
 * the scheduler ticked 3 times on CPU 1
 * </pre>
 */
public final class Sample13_PoolsAndSchedulers {
    private Sample13_PoolsAndSchedulers() {}

    /** In the shape of Spring's: the framework knows its own interface, and wraps what it is given. */
    private record TaskExecutor(Executor executor) {
        void execute(Runnable task) {
            executor.execute(task);
        }
    }

    /** In the shape of Spring's. */
    private record TaskScheduler(ScheduledExecutorService executor) {
        ScheduledFuture<?> scheduleAtFixedRate(Runnable task, long millis) {
            return executor.scheduleAtFixedRate(task, 0, millis, TimeUnit.MILLISECONDS);
        }
    }

    public static void main(String[] args) throws Exception {
        var cpus = CpuTopology.system().allowedCpus();
        pool(cpus.size(), PinnedThreadFactory.builder("pool-%d").cpus(cpus).build());
        Cpu last = cpus.get(cpus.size() - 1);
        try (Kernel kernel = Kernel.builder("spring").build();
                CpuExecutor executor =
                        CpuExecutor.builder(kernel, "tasks").cpu(last).build()) {
            CountDownLatch ran = new CountDownLatch(1);
            new TaskExecutor(executor).execute(() -> {
                System.out.println("the task executor ran on CPU " + Affinity.currentCpu());
                ran.countDown();
            });
            ran.await();
            CountDownLatch ticks = new CountDownLatch(3);
            Set<Integer> seen = new ConcurrentSkipListSet<>();
            ScheduledFuture<?> future = new TaskScheduler(executor)
                    .scheduleAtFixedRate(
                            () -> {
                                seen.add(Affinity.currentCpu());
                                ticks.countDown();
                            },
                            1);
            ticks.await();
            future.cancel(false);
            System.out.println(
                    "the scheduler ticked 3 times on CPU " + seen.iterator().next());
        }
    }

    private static void pool(int size, PinnedThreadFactory factory) throws Exception {
        ExecutorService pool =
                new ThreadPoolExecutor(size, size, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), factory);
        CyclicBarrier together = new CyclicBarrier(size);
        Callable<Integer> where = () -> {
            together.await();
            return Affinity.currentCpu();
        };
        Set<Integer> seen = new TreeSet<>();
        for (var future : pool.invokeAll(java.util.Collections.nCopies(size, where))) {
            seen.add(future.get());
        }
        System.out.println("the pool's threads were on the CPUs " + seen);
        pool.shutdown();
    }
}
