// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.cpu.Cpu;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WorkerCounters;
import org.percpu.kernel.WorkerState;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.Listing;
import org.percpu.lwp.Lwp;
import org.percpu.queue.Append;
import org.percpu.queue.Ending;
import org.percpu.queue.Item;
import org.percpu.queue.SerialQueue;
import org.percpu.queue.SerialQueues;
import org.percpu.thread.Sched;

/**
 * A {@link java.util.concurrent.ScheduledExecutorService} with one worker, which is pinned to one CPU. Tasks run one at
 * a time, in the order in which they came.
 *
 * <pre>{@code
 * try (CpuExecutor orders = CpuExecutor.builder(Kernel.system(), "orders").cpu(cpu).build()) {
 *     Future<Receipt> receipt = orders.submit(() -> book(order));
 *     ...
 * }
 * }</pre>
 *
 * <p>Everything that {@code java.util.concurrent} says of executors and futures holds: what a thread did before it
 * submitted a task is visible to the task, and what the task did is visible to whoever has its result; a shut-down
 * executor rejects; {@link #shutdownNow} returns what never ran, in order, and interrupts what runs.
 *
 * <p><b>Memory.</b> The future of {@code submit} is the queue's own item, and nothing else is allocated.
 * {@link #execute} allocates one small object, and none for a {@link CpuTask}.
 *
 * <p><b>Cancelling.</b> {@code cancel} of a task that waits makes sure that it never runs, and lets go of what the task
 * refers to, at once. The queue keeps the empty future, 40 bytes, until its turn comes: its list cannot be left from the
 * middle. {@code cancel(true)} interrupts the task that runs; the interrupt reaches no other task. {@code cancel(false)}
 * lets a task that runs go on, and drops its result.
 *
 * <p><b>Time.</b> A delayed task waits on the clock of the CPU, the one of callout(9); that of an executor without a CPU
 * waits on the clock of the CPU where its first delayed task is scheduled. When its time comes, the clock appends it to
 * the queue. {@code cancel} takes a task that waits for its time off the clock at once. The first delayed task of a
 * kernel makes the kernel's clocks, a thread for each CPU, and so needs a caller that may sleep. Times and periods are
 * those of a ScheduledThreadPoolExecutor: a delay of zero or less is over at once, one of more than 292 years never; at a
 * fixed rate, runs that were missed are made up for one after the other.
 *
 * <p><b>A shutdown</b> lets delayed tasks wait for their time and run, and cancels periodic ones; the builder can set both
 * otherwise. Since {@link #close} and the close of the kernel wait for such tasks, cancel what need not run.
 *
 * <p><b>In a task of this executor</b>, {@code get} of a later task, {@code invokeAll}, {@code invokeAny}, {@code close}
 * and {@link #awaitTermination} would wait for the worker that waits. They throw EDEADLK.
 *
 * <p><b>Exceptions.</b> An exception that leaves a task of {@code execute} goes to the handler of the builder, else to
 * {@link Thread#setDefaultUncaughtExceptionHandler the JVM's}, else to the kernel's fault handler, which logs it. The
 * worker goes on; unlike in a ThreadPoolExecutor, it is still the same thread.
 *
 * <p><b>Waits and ends.</b> The worker belongs to a {@link Kernel}: it waits as {@link Kernel#waitStrategy} says, is
 * listed by {@link Kernel#queues}, and ends with its kernel, which drains the executor as any other queue. It is a
 * daemon: what is queued does not keep the JVM alive, see {@link Kernel#drainAtExit}.
 *
 * <p>All methods may be called from any thread, virtual ones too. None runs under the kernel lock.
 */
public final class CpuExecutor extends KernelExecutor {
    private final Kernel kernel;
    private final KernelCore core;
    private final @Nullable Cpu cpu;
    private final SerialQueue queue;
    private final DelayedTasks delayed;
    private final Listing listing;
    private final CountDownLatch terminated = new CountDownLatch(1);
    private final Runnable whenTerminated;
    private volatile boolean shutdown;
    private boolean left; // only the worker uses it

    CpuExecutor(ExecutorBuilder<?> builder, String name, @Nullable Cpu cpu, Runnable whenTerminated) {
        super(name);
        this.kernel = builder.kernel;
        this.core = KernelCore.of(kernel);
        this.cpu = cpu;
        this.queue = new SerialQueue(kernel, name, new TaskCall(builder.handler), true);
        this.delayed = new DelayedTasks(kernel, cpu, queue, builder.policy);
        this.listing = new Listing(name, this, this::end, () -> {});
        this.whenTerminated = whenTerminated;
    }

    /**
     * Describes an executor.
     *
     * @param kernel whose CPUs and policies it uses
     * @param name of the executor and its thread
     * @return a builder with any CPU of the kernel and SCHED_OTHER at nice 0
     * @throws ErrnoException EINVAL if the name is empty
     */
    public static Builder builder(Kernel kernel, String name) {
        return new Builder(kernel, name);
    }

    /** Makes the worker. */
    void start(Sched sched) {
        queue.start(kernel.thread(name(), cpu, sched), EnumSet.of(Lwp.Flag.WORKER, Lwp.Flag.MPSAFE), this::workerLeft);
    }

    /** In the worker, as its last step; after an error a second time. */
    private void workerLeft() {
        shutdown = true;
        core.remove(listing);
        if (!left) {
            left = true;
            whenTerminated.run();
        }
        terminated.countDown();
    }

    private void list() {
        boolean added = false;
        try {
            added = core.add(listing);
        } finally {
            if (!added) {
                endUnlisted();
                core.remove(listing);
            }
        }
        if (!added) {
            throw core.closed("executor " + name());
        }
    }

    void endUnlisted() {
        Ending.ofUnlisted(kernel, queue).run();
    }

    /**
     * The CPU of the worker.
     *
     * @return null if the worker may run on every CPU of the kernel
     */
    public @Nullable Cpu cpu() {
        return cpu;
    }

    SerialQueue queue() {
        return queue;
    }

    DelayedTasks delayed() {
        return delayed;
    }

    /** Takes no further tasks; {@link #shutdown} or {@link #shutdownNow} follows. */
    void refuse() {
        shutdown = true;
    }

    @Override
    boolean isWorker() {
        return queue.isWorker();
    }

    /**
     * Appends a task. Never blocks, and makes a system call only if the worker sleeps.
     *
     * @param command the task
     * @throws RejectedExecutionException if the executor is shut down, or the task is a {@link CpuTask} that is pending
     * @throws NullPointerException if it is null
     */
    @Override
    public void execute(Runnable command) {
        Item item = command instanceof CpuFuture<?> || command instanceof CpuTask
                ? (Item) command
                : new Execution(Objects.requireNonNull(command, "command is null"));
        if (shutdown) {
            throw shutDown(command);
        }
        Append appended = queue.append(item);
        if (appended != Append.QUEUED) {
            throw appended == Append.CLOSED
                    ? shutDown(command)
                    : new RejectedExecutionException("executor " + name() + ": " + command
                            + " is pending already, on " + SerialQueue.ownerOf(item)
                            + "; it may be executed again when its run has begun");
        }
    }

    @Override
    public <V extends @Nullable Object> ScheduledFuture<V> schedule(Callable<V> callable, long delay, TimeUnit unit) {
        requireTask(callable, unit);
        return taken(!delayed.isOpen() ? null : delayed.schedule(callable, delay, unit), callable);
    }

    @Override
    public ScheduledFuture<?> schedule(Runnable command, long delay, TimeUnit unit) {
        requireTask(command, unit);
        return taken(!delayed.isOpen() ? null : delayed.schedule(command, delay, unit), command);
    }

    @Override
    public ScheduledFuture<?> scheduleAtFixedRate(Runnable command, long initialDelay, long period, TimeUnit unit) {
        requirePeriod(command, period, unit, "period");
        return taken(!delayed.isOpen() ? null : delayed.repeat(command, initialDelay, period, unit), command);
    }

    @Override
    public ScheduledFuture<?> scheduleWithFixedDelay(Runnable command, long initialDelay, long delay, TimeUnit unit) {
        requirePeriod(command, delay, unit, "delay");
        return taken(!delayed.isOpen() ? null : delayed.repeat(command, initialDelay, -delay, unit), command);
    }

    private <F> F taken(@Nullable F future, Object task) {
        if (future == null) {
            throw shutDown(task);
        }
        return future;
    }

    @Override
    public void shutdown() {
        shutdown = true;
        delayed.shutdown();
    }

    /**
     * Takes no further tasks, lets none begin, and interrupts the one that runs. It does not wait for that one.
     *
     * @return the tasks that never ran, in the order in which they came, without those that were cancelled; behind them
     *     the tasks that waited for their time, and the periodic ones. These are the Runnables as they were given to
     *     {@code execute}, and otherwise the futures, which can be run, or cancelled so that nobody waits for them.
     *     With several callers, each task is returned to one of them
     * @throws ErrnoException EPERM if the caller must not sleep; nothing is shut down then
     */
    @Override
    public List<Runnable> shutdownNow() {
        core.requireSleepable(name());
        shutdown = true;
        return faces(SerialQueues.drop(queue, true, delayed::drop));
    }

    @Override
    public boolean isShutdown() {
        return shutdown;
    }

    @Override
    public boolean isTerminated() {
        return terminated.getCount() == 0;
    }

    /**
     * Waits for the end of the last task after a shutdown.
     *
     * @throws ErrnoException EDEADLK in a task of this executor, EPERM if the caller must not sleep
     */
    @Override
    public boolean awaitTermination(long timeout, TimeUnit unit) throws InterruptedException {
        requireOther("awaitTermination");
        return sleeping(() -> terminated.await(timeout, unit));
    }

    @Override
    void awaitGone(Duration atMost) {
        Ending.ofUnlisted(kernel, queue).finish(Deadline.after(atMost));
    }

    @Override
    public List<Runnable> drainAndDestroy(Duration atMost) {
        return runnables(end().run(requireTime(atMost)));
    }

    @SuppressWarnings("unchecked") // face() returns nothing else
    static List<Runnable> runnables(List<?> faces) {
        return (List<Runnable>) faces;
    }

    private Ending end() {
        return new ExecutorEnding(
                kernel,
                () -> new CpuExecutor[] {this},
                () -> {
                    requireOther("drain");
                    core.requireSleepable(name());
                    shutdown = true;
                    return true;
                },
                () -> core.remove(listing));
    }

    @Override
    public List<WorkerCounters> counters() {
        return queue.counters();
    }

    @Override
    public List<WorkerState> workers() {
        return SerialQueues.states(new SerialQueue[] {queue});
    }

    /** What to make. Not safe for use by several threads at once. */
    public static final class Builder extends ExecutorBuilder<Builder> {
        private @Nullable Cpu cpu;

        private Builder(Kernel kernel, String name) {
            super(kernel, name);
        }

        /**
         * Pins the worker.
         *
         * @param place a CPU of the kernel
         * @return this builder
         */
        public Builder cpu(Cpu place) {
            Argument.requireNonNull(place, "executor " + name, "place");
            if (kernel.tableIndex(place) < 0) {
                throw new ErrnoException(
                        Errno.EINVAL,
                        "executor " + name + " on " + place + ", which kernel " + kernel.name()
                                + " does not have: it has " + kernel.cpus());
            }
            this.cpu = place;
            return this;
        }

        /**
         * Makes the executor. Its worker is in place when this returns.
         *
         * @return the executor
         * @throws ErrnoException EAGAIN if there are no more threads, EPERM if the caller must not sleep, ESHUTDOWN if
         *     the kernel is closed
         * @throws LinuxException if the worker cannot be pinned or scheduled as the kernel's policies require
         */
        public CpuExecutor build() {
            requireKernel();
            CpuExecutor executor = new CpuExecutor(this, name, cpu, () -> {});
            executor.start(sched);
            executor.list();
            return executor;
        }
    }
}
