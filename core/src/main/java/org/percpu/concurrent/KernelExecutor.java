// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.dispatch.Dispatchers;
import org.percpu.dispatch.LevelRules;
import org.percpu.kernel.KernelQueue;
import org.percpu.lwp.Blocking;
import org.percpu.lwp.Lwp;
import org.percpu.queue.Item;

/** What the executors over a kernel's queues have in common. */
abstract class KernelExecutor extends AbstractExecutorService
        implements ScheduledExecutorService, KernelQueue, AutoCloseable {
    /** How long close() waits for threads that have nothing left to run. */
    private static final Duration LEAVES = Duration.ofSeconds(1);

    private final String name;

    KernelExecutor(String name) {
        this.name = name;
    }

    /**
     * The executor's name.
     *
     * @return as given to the builder
     */
    @Override
    public String name() {
        return name;
    }

    /** Whether the calling thread is one of the workers. */
    abstract boolean isWorker();

    /** Waits until Linux has none of the workers any more. */
    abstract void awaitGone(Duration atMost);

    @Override
    protected <T extends @Nullable Object> RunnableFuture<T> newTaskFor(Callable<T> callable) {
        return new CpuFuture.OfCallable<>(callable);
    }

    @Override
    protected <T extends @Nullable Object> RunnableFuture<T> newTaskFor(Runnable runnable, T value) {
        return value == null ? new CpuFuture.OfRunnable<>(runnable) : new CpuFuture.WithResult<>(runnable, value);
    }

    /**
     * Executes all tasks, and waits until each has ended, as {@link AbstractExecutorService} does.
     *
     * @throws ErrnoException EDEADLK in a task of this executor
     */
    @Override
    public <T extends @Nullable Object> List<Future<T>> invokeAll(Collection<? extends Callable<T>> tasks)
            throws InterruptedException {
        requireOther("invokeAll");
        return super.invokeAll(tasks);
    }

    /**
     * Executes all tasks, and waits until each has ended or the time is over, as {@link AbstractExecutorService} does.
     *
     * @throws ErrnoException EDEADLK in a task of this executor
     */
    @Override
    public <T extends @Nullable Object> List<Future<T>> invokeAll(
            Collection<? extends Callable<T>> tasks, long timeout, TimeUnit unit) throws InterruptedException {
        requireOther("invokeAll");
        return super.invokeAll(tasks, timeout, unit);
    }

    /**
     * Executes tasks until one succeeds, as {@link AbstractExecutorService} does.
     *
     * @throws ErrnoException EDEADLK in a task of this executor
     */
    @Override
    public <T extends @Nullable Object> T invokeAny(Collection<? extends Callable<T>> tasks)
            throws InterruptedException, ExecutionException {
        requireOther("invokeAny");
        return super.invokeAny(tasks);
    }

    /**
     * Executes tasks until one succeeds or the time is over, as {@link AbstractExecutorService} does.
     *
     * @throws ErrnoException EDEADLK in a task of this executor
     */
    @Override
    public <T extends @Nullable Object> T invokeAny(
            Collection<? extends Callable<T>> tasks, long timeout, TimeUnit unit)
            throws InterruptedException, ExecutionException, TimeoutException {
        requireOther("invokeAny");
        return super.invokeAny(tasks, timeout, unit);
    }

    /**
     * Takes no further tasks, and waits until those that were taken have run, and their threads are gone. An interrupt
     * of the waiting thread interrupts the tasks that run, and drops the others, as {@link #shutdownNow}; the call goes
     * on waiting, and the thread is interrupted when it returns. {@code ExecutorService} has this method since Java 19;
     * here it is there on Java 17 too.
     *
     * @throws ErrnoException EDEADLK in a task of this executor
     */
    @Override
    public void close() {
        requireOther("close");
        boolean interrupted = false;
        shutdown();
        while (!isTerminated()) {
            try {
                boolean ended = awaitTermination(Long.MAX_VALUE, TimeUnit.NANOSECONDS);
                assert ended;
            } catch (InterruptedException e) {
                if (!interrupted) {
                    List<Runnable> dropped = shutdownNow();
                    assert dropped != null;
                    interrupted = true;
                }
            }
        }
        awaitGone(LEAVES);
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * {@link #close()} within a time: tasks that have not started when it is over are dropped. A task that still runs
     * then is not waited for.
     *
     * @param atMost how long to go on; zero drops at once
     * @return the tasks that never ran, as {@link #shutdownNow} returns them
     * @throws ErrnoException EDEADLK in a task of this executor, EINVAL for a time that is null or negative, EPERM if
     *     the caller must not sleep
     */
    @Override
    public abstract List<Runnable> drainAndDestroy(Duration atMost);

    /** Refuses a wait for this executor in one of its own tasks. */
    final void requireOther(String call) {
        if (isWorker()) {
            throw new ErrnoException(
                    Errno.EDEADLK,
                    call + " of executor " + name + " in one of its own tasks waits for its own worker: call it from"
                            + " another thread");
        }
    }

    final Duration requireTime(Duration atMost) {
        return Argument.requireTime(atMost, "drain of executor " + name, "atMost");
    }

    final RejectedExecutionException shutDown(Object task) {
        return new RejectedExecutionException("executor " + name + " is shut down: " + task + " was not taken");
    }

    static void requireTask(@Nullable Object task, @Nullable TimeUnit unit) {
        Objects.requireNonNull(task, "the task is null");
        Objects.requireNonNull(unit, "unit is null");
    }

    final void requirePeriod(@Nullable Runnable command, long period, @Nullable TimeUnit unit, String what) {
        requireTask(command, unit);
        if (period <= 0) {
            throw new IllegalArgumentException(
                    "executor " + name + ": " + command + " with a " + what + " of " + period + ": must be positive");
        }
    }

    /** The objects that users know of items that never ran, without futures that were cancelled. */
    static List<Runnable> faces(Item[] items) {
        List<Runnable> faces = new ArrayList<>(items.length);
        for (Item item : items) {
            Runnable face = face(item);
            if (!(face instanceof CpuFuture<?> future && future.isDone())) {
                faces.add(face);
            }
        }
        return faces;
    }

    /** The object that users know of an item. */
    static Runnable face(Item item) {
        return item instanceof Execution execution ? execution.command : (Runnable) item;
    }

    /** Blocks as every wait of the library does: with the kernel lock dropped, and not where sleeping is forbidden. */
    static <T extends @Nullable Object, X extends Throwable> T sleeping(Blocking<T, X> body) throws X {
        Lwp lwp = Lwp.current();
        if (lwp != null) {
            return lwp.kernel().sleeping("future", body);
        }
        if (Dispatchers.isUsed()) {
            String why = LevelRules.whyNotSleep(null);
            if (why != null) {
                throw new ErrnoException(
                        Errno.EPERM,
                        "a wait for a future by " + Thread.currentThread().getName() + " " + why);
            }
        }
        return body.block();
    }

    /** The name and how far it has come. */
    @Override
    public String toString() {
        String how = isTerminated() ? "terminated" : isShutdown() ? "shutting down" : "running";
        return "executor " + name + " [" + how + "]";
    }
}
