// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.cpu.Cpu;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WorkerCounters;
import org.percpu.kernel.WorkerState;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.Listing;
import org.percpu.queue.SerialQueue;
import org.percpu.queue.SerialQueues;

/**
 * An executor with a {@link CpuExecutor} on each CPU of a kernel.
 *
 * <pre>{@code
 * PerCpuExecutor cpus = PerCpuExecutor.builder(Kernel.system(), "stage").build();
 * CompletableFuture.supplyAsync(() -> price(order), cpus.forKey(order.customer()));
 * }</pre>
 *
 * <p>{@link #on} is the executor of one CPU, {@link #onCurrent} that of the CPU which the caller is on, and
 * {@link #forKey} that of a key: tasks of the same key run on the same CPU, one at a time and in order, so they need no
 * lock among themselves. {@link #execute} and the methods of {@code submit} and {@code schedule} use the CPU which the
 * caller is on. A periodic task stays there.
 *
 * <p>A shutdown is that of all its executors. {@link CpuExecutor} says what holds for each of them, and for the futures
 * and waits of this one: a task on any of the CPUs is a task of this executor.
 *
 * <p>In a kernel that follows its CPUs, a CPU that comes gets an executor too. Keys stay where they are: they are spread
 * over the CPUs of the moment when this executor was made.
 */
public final class PerCpuExecutor extends KernelExecutor {
    /** Spreads hash codes that differ in few bits (Knuth, multiplicative hashing). */
    private static final int GOLDEN = 0x9E3779B9;

    private final Kernel kernel;
    private final KernelCore core;
    private final Builder builder; // a copy
    private final Listing listing;
    private final CpuExecutor[] first;

    /** At the position of their CPU in the kernel's table. A longer array replaces this one when a CPU has come. */
    private volatile CpuExecutor[] executors;

    private final AtomicInteger working = new AtomicInteger();
    private volatile boolean shutdown;

    private PerCpuExecutor(Builder builder) {
        super(builder.name);
        this.kernel = builder.kernel;
        this.core = KernelCore.of(kernel);
        this.builder = new Builder(builder);
        this.listing = new Listing(name(), this, this::end, this::followCpus);
        List<Cpu> cpus = kernel.cpus();
        CpuExecutor[] made = new CpuExecutor[cpus.size()];
        this.first = made;
        this.executors = made;
        for (int i = 0; i < made.length; i++) {
            made[i] = executor(cpus.get(i));
        }
    }

    /**
     * Describes an executor.
     *
     * @param kernel on whose CPUs it runs
     * @param name of the executor; its threads have {@code /} and the {@linkplain Cpu#index() index} of their CPU
     *     behind it
     * @return a builder with SCHED_OTHER at nice 0
     * @throws ErrnoException EINVAL if the name is empty
     */
    public static Builder builder(Kernel kernel, String name) {
        return new Builder(kernel, name);
    }

    private CpuExecutor executor(Cpu cpu) {
        working.incrementAndGet();
        return new CpuExecutor(builder, name() + "/" + cpu.index(), cpu, this::workerLeft);
    }

    private void workerLeft() {
        if (working.decrementAndGet() == 0 && shutdown) {
            core.remove(listing);
        }
    }

    private void start() {
        int made = 0;
        boolean added = false;
        try {
            for (; made < first.length; made++) {
                first[made].start(builder.sched);
            }
            added = core.add(listing);
        } finally {
            if (!added) {
                shutdown = true;
                for (int i = 0; i < made; i++) {
                    first[i].endUnlisted();
                }
                core.remove(listing);
            }
        }
        if (!added) {
            throw core.closed("executor " + name());
        }
    }

    private synchronized void followCpus() {
        if (shutdown) {
            return;
        }
        List<Cpu> cpus = kernel.cpus();
        for (int i = executors.length; i < cpus.size(); i++) {
            CpuExecutor[] longer = Arrays.copyOf(executors, i + 1);
            longer[i] = executor(cpus.get(i));
            longer[i].start(builder.sched);
            executors = longer;
        }
    }

    /**
     * The executor of a CPU.
     *
     * @param cpu a CPU of the kernel
     * @return always the same for the CPU; it ends with this executor, and may be shut down alone
     * @throws ErrnoException EINVAL if this executor has none there
     */
    public CpuExecutor on(Cpu cpu) {
        int position = kernel.tableIndex(Argument.requireNonNull(cpu, "on of executor " + name(), "cpu"));
        CpuExecutor[] all = executors;
        if (position < 0 || position >= all.length) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    "executor " + name() + " has no worker on " + cpu + ": it has "
                            + kernel.cpus().subList(0, all.length));
        }
        return all[position];
    }

    /**
     * The executor of the CPU which the caller is on. It is sampled: the caller may have moved when the call returns.
     *
     * @return that of the kernel's first CPU if the caller is on a CPU without one
     */
    public CpuExecutor onCurrent() {
        CpuExecutor[] all = executors;
        int position = kernel.curcpuTableIndex();
        return all[position < all.length ? position : 0];
    }

    /**
     * The executor of a key. Keys are spread over the CPUs by their hash code, so keys that are equal have the same
     * executor.
     *
     * @param key any object whose hash code does not change
     * @return always the same for equal keys
     */
    public CpuExecutor forKey(Object key) {
        int hash = Argument.requireNonNull(key, "forKey of executor " + name(), "key")
                        .hashCode()
                * GOLDEN;
        return first[(int) ((Integer.toUnsignedLong(hash) * first.length) >>> Integer.SIZE)];
    }

    /**
     * The executors.
     *
     * @return one for each CPU, in the order of {@link Kernel#cpus()}
     */
    public List<CpuExecutor> all() {
        return List.of(executors);
    }

    /**
     * Runs a task once on each CPU, and waits until all have ended.
     *
     * @param task called by each worker; {@link org.percpu.thread.Affinity#currentCpu()} tells it where it is
     * @param <T> the type of the results
     * @return the result of each CPU, in the order of {@link Kernel#cpus()}
     * @throws InterruptedException if the caller was interrupted; tasks that have not begun are cancelled, those that
     *     run are interrupted
     * @throws ExecutionException if the task threw on a CPU; its cause is the first exception in the order of the CPUs.
     *     All have ended then
     * @throws RejectedExecutionException if the executor is shut down
     * @throws ErrnoException EDEADLK in a task of this executor
     */
    public <T extends @Nullable Object> Map<Cpu, T> invokeOnEach(Callable<T> task)
            throws InterruptedException, ExecutionException {
        Argument.requireNonNull(task, "invokeOnEach of executor " + name(), "task");
        requireOther("invokeOnEach");
        Map<Cpu, Future<T>> futures = new LinkedHashMap<>();
        boolean ended = false;
        try {
            for (CpuExecutor executor : executors) {
                Cpu cpu = executor.cpu();
                assert cpu != null;
                futures.put(cpu, executor.submit(task));
            }
            Map<Cpu, T> results = results(futures);
            ended = true;
            return results;
        } finally {
            if (!ended) {
                futures.values().forEach(future -> future.cancel(true));
            }
        }
    }

    private static <T extends @Nullable Object> Map<Cpu, T> results(Map<Cpu, Future<T>> futures)
            throws InterruptedException, ExecutionException {
        Map<Cpu, T> results = new LinkedHashMap<>();
        ExecutionException first = null;
        for (Map.Entry<Cpu, Future<T>> future : futures.entrySet()) {
            try {
                results.put(future.getKey(), future.getValue().get());
            } catch (ExecutionException e) {
                first = first == null ? e : first;
            }
        }
        if (first != null) {
            throw first;
        }
        return results;
    }

    /**
     * Appends a task to the queue of the CPU which the caller is on.
     *
     * @param command the task
     * @throws RejectedExecutionException as {@link CpuExecutor#execute}
     * @throws NullPointerException if it is null
     */
    @Override
    public void execute(Runnable command) {
        onCurrent().execute(command);
    }

    @Override
    public <V extends @Nullable Object> ScheduledFuture<V> schedule(Callable<V> callable, long delay, TimeUnit unit) {
        return onCurrent().schedule(callable, delay, unit);
    }

    @Override
    public ScheduledFuture<?> schedule(Runnable command, long delay, TimeUnit unit) {
        return onCurrent().schedule(command, delay, unit);
    }

    @Override
    public ScheduledFuture<?> scheduleAtFixedRate(Runnable command, long initialDelay, long period, TimeUnit unit) {
        return onCurrent().scheduleAtFixedRate(command, initialDelay, period, unit);
    }

    @Override
    public ScheduledFuture<?> scheduleWithFixedDelay(Runnable command, long initialDelay, long delay, TimeUnit unit) {
        return onCurrent().scheduleWithFixedDelay(command, initialDelay, delay, unit);
    }

    @Override
    boolean isWorker() {
        for (CpuExecutor executor : executors) {
            if (executor.isWorker()) {
                return true;
            }
        }
        return false;
    }

    @Override
    public void shutdown() {
        for (CpuExecutor executor : closed()) {
            executor.shutdown();
        }
    }

    /** From here on no CPU is added. */
    private synchronized CpuExecutor[] closed() {
        shutdown = true;
        if (working.get() == 0) {
            // Its executors were shut down one by one.
            core.remove(listing);
        }
        return executors;
    }

    /**
     * {@link CpuExecutor#shutdownNow} of all executors.
     *
     * @return the tasks that never ran, CPU by CPU
     * @throws ErrnoException EPERM if the caller must not sleep; nothing is shut down then
     */
    @Override
    public List<Runnable> shutdownNow() {
        core.requireSleepable(name());
        CpuExecutor[] all = closed();
        for (CpuExecutor executor : all) {
            executor.refuse();
        }
        List<Runnable> neverRun = new ArrayList<>();
        for (CpuExecutor executor : all) {
            neverRun.addAll(executor.shutdownNow());
        }
        return neverRun;
    }

    @Override
    public boolean isShutdown() {
        return shutdown;
    }

    @Override
    public boolean isTerminated() {
        return shutdown && Arrays.stream(executors).allMatch(CpuExecutor::isTerminated);
    }

    /**
     * Waits for the end of the last task after a shutdown.
     *
     * @throws ErrnoException EDEADLK in a task of this executor, EPERM if the caller must not sleep
     */
    @Override
    public boolean awaitTermination(long timeout, TimeUnit unit) throws InterruptedException {
        requireOther("awaitTermination");
        long nanos = Math.max(0, unit.toNanos(timeout));
        long start = System.nanoTime();
        for (CpuExecutor executor : executors) {
            long left = nanos == Long.MAX_VALUE ? nanos : nanos - (System.nanoTime() - start);
            if (!executor.awaitTermination(left, TimeUnit.NANOSECONDS)) {
                return false;
            }
        }
        return isTerminated();
    }

    @Override
    void awaitGone(Duration atMost) {
        for (CpuExecutor executor : executors) {
            executor.awaitGone(atMost);
        }
    }

    @Override
    public List<Runnable> drainAndDestroy(Duration atMost) {
        return CpuExecutor.runnables(end().run(requireTime(atMost)));
    }

    private ExecutorEnding end() {
        return new ExecutorEnding(
                kernel,
                () -> executors,
                () -> {
                    requireOther("drain");
                    core.requireSleepable(name());
                    CpuExecutor[] unused = closed();
                    return true;
                },
                () -> core.remove(listing));
    }

    private SerialQueue[] queues() {
        return Arrays.stream(executors).map(CpuExecutor::queue).toArray(SerialQueue[]::new);
    }

    @Override
    public List<WorkerCounters> counters() {
        return SerialQueues.counters(queues());
    }

    @Override
    public List<WorkerState> workers() {
        return SerialQueues.states(queues());
    }

    /** What to make. Not safe for use by several threads at once. */
    public static final class Builder extends ExecutorBuilder<Builder> {
        private Builder(Kernel kernel, String name) {
            super(kernel, name);
        }

        private Builder(Builder other) {
            super(other);
        }

        /**
         * Makes the executor. Its workers are in place when this returns.
         *
         * @return the executor
         * @throws ErrnoException EAGAIN if there are no more threads, EPERM if the caller must not sleep, ESHUTDOWN if
         *     the kernel is closed. Workers made before the failure are gone
         * @throws LinuxException if a worker cannot be pinned or scheduled as the kernel's policies require
         */
        public PerCpuExecutor build() {
            requireKernel();
            PerCpuExecutor executor = new PerCpuExecutor(this);
            executor.start();
            return executor;
        }
    }
}
