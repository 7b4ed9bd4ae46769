// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.queue.Inlet;
import org.percpu.queue.Item;
import org.percpu.queue.ItemQueue;

/**
 * The future of a task, which is the queue's item at the same time.
 *
 * <p>One field holds, one after the other, the task, the thread that runs it, and its outcome. Each step of the state is
 * a compare-and-set, and who makes a step may write the field: the runner from RUNNING on, unless a cancel has taken
 * the state to INTERRUPTING. Then the canceller still needs the runner's thread.
 *
 * @param <V> the type of the result
 */
abstract class CpuFuture<V extends @Nullable Object> extends Item implements RunnableFuture<V> {
    private static final int NEW = 0;
    private static final int RUNNING = 1;
    private static final int COMPLETING = 2;
    private static final int NORMAL = 3;
    private static final int EXCEPTIONAL = 4;
    private static final int CANCELLED = 5;
    private static final int INTERRUPTING = 6;
    private static final int INTERRUPTED = 7;

    private static final int SPINS = 100;

    private static final long PAUSE_NANOS = 50_000;

    private static final VarHandle STATE;

    static {
        try {
            STATE = MethodHandles.lookup().findVarHandle(CpuFuture.class, "state", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** A thread that waits for the outcome. */
    private static final class Waiter {
        final Thread thread = Thread.currentThread();
        private @Nullable Waiter next;
    }

    private volatile int state;

    /** The task while NEW, the runner's thread while RUNNING and INTERRUPTING, the outcome behind it. */
    private @Nullable Object content;

    /** Changed under this object's monitor. */
    private volatile @Nullable Waiter waiters;

    CpuFuture(Object task) {
        this.content = Objects.requireNonNull(task, "task is null");
    }

    /** Calls the task. */
    abstract V call(Object task) throws Exception;

    /** The future of a callable. */
    static final class OfCallable<V extends @Nullable Object> extends CpuFuture<V> {
        OfCallable(Callable<V> task) {
            super(task);
        }

        @Override
        @SuppressWarnings("unchecked") // the constructor takes nothing else
        V call(Object task) throws Exception {
            return ((Callable<V>) task).call();
        }
    }

    /** The future of a runnable without a result. */
    static final class OfRunnable<V extends @Nullable Object> extends CpuFuture<V> {
        OfRunnable(Runnable task) {
            super(task);
        }

        @Override
        @SuppressWarnings("NullAway") // the caller of submit() has asked for a null of this type
        V call(Object task) {
            ((Runnable) task).run();
            return null;
        }
    }

    /** The future of a runnable with a result. */
    static final class WithResult<V extends @Nullable Object> extends CpuFuture<V> {
        private final V result;

        WithResult(Runnable task, V result) {
            super(task);
            this.result = result;
        }

        @Override
        V call(Object task) {
            ((Runnable) task).run();
            return result;
        }
    }

    /** Runs the task, unless it was run or cancelled before. Any thread may do so that has the future. */
    @Override
    public void run() {
        Object task = begin();
        if (task == null) {
            return;
        }
        V result;
        try {
            result = call(task);
        } catch (Throwable t) {
            finish(t, EXCEPTIONAL);
            return;
        }
        finish(result, NORMAL);
    }

    /** Runs the task, and makes the future as it was, so that it can run again. Returns false if it has ended. */
    final boolean runAndReset() {
        Object task = begin();
        if (task == null) {
            return false;
        }
        try {
            call(task);
        } catch (Throwable t) {
            finish(t, EXCEPTIONAL);
            return false;
        }
        if (STATE.compareAndSet(this, RUNNING, COMPLETING)) {
            content = task;
            state = NEW;
            return true;
        }
        wasCancelled();
        return false;
    }

    /** Returns the task for the thread that runs it, and null for others. */
    private @Nullable Object begin() {
        if (state != NEW || !STATE.compareAndSet(this, NEW, COMPLETING)) {
            return null;
        }
        // A canceller finds COMPLETING for a moment, and looks again.
        Object task = content;
        content = Thread.currentThread();
        state = RUNNING;
        return task;
    }

    private void finish(@Nullable Object outcome, int end) {
        if (STATE.compareAndSet(this, RUNNING, COMPLETING)) {
            content = outcome;
            state = end;
            wakeWaiters();
            return;
        }
        wasCancelled();
    }

    private void wasCancelled() {
        // The interrupt of the canceller is meant for this task, so it must not come later.
        for (int looks = 0; state == INTERRUPTING; looks++) {
            pause(looks);
        }
        if (state == INTERRUPTED) {
            boolean unused = Thread.interrupted();
        }
        content = null;
    }

    /** For a step that another thread is in the middle of. That thread may need this CPU. */
    private static void pause(int looks) {
        if (looks < SPINS) {
            Thread.onSpinWait();
            return;
        }
        boolean interrupted = Thread.interrupted();
        LockSupport.parkNanos(PAUSE_NANOS);
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
        for (int looks = 0; ; looks++) {
            switch (state) {
                case NEW -> {
                    if (STATE.compareAndSet(this, NEW, CANCELLED)) {
                        // The queue keeps the item until its turn, but not what the task refers to.
                        content = null;
                        wakeWaiters();
                        return true;
                    }
                }
                case RUNNING -> {
                    if (!mayInterruptIfRunning) {
                        if (STATE.compareAndSet(this, RUNNING, CANCELLED)) {
                            wakeWaiters();
                            return true;
                        }
                    } else if (STATE.compareAndSet(this, RUNNING, INTERRUPTING)) {
                        interruptRunner();
                        return true;
                    }
                }
                case COMPLETING -> pause(looks);
                default -> {
                    return false;
                }
            }
        }
    }

    private void interruptRunner() {
        try {
            if (content instanceof Thread runner) {
                runner.interrupt();
            }
        } finally {
            state = INTERRUPTED;
            wakeWaiters();
        }
    }

    @Override
    public boolean isCancelled() {
        return state >= CANCELLED;
    }

    @Override
    public boolean isDone() {
        return state >= NORMAL;
    }

    @Override
    public V get() throws InterruptedException, ExecutionException {
        if (!isDone()) {
            requireOther();
            boolean done = KernelExecutor.sleeping(() -> awaitDone(false, 0));
            assert done;
        }
        return outcome();
    }

    @Override
    public V get(long timeout, TimeUnit unit) throws InterruptedException, ExecutionException, TimeoutException {
        long nanos = unit.toNanos(timeout);
        if (!isDone()) {
            if (nanos > 0) {
                requireOther();
            }
            if (!KernelExecutor.sleeping(() -> awaitDone(true, nanos))) {
                throw new TimeoutException(this + " is not done after " + timeout + " " + unit);
            }
        }
        return outcome();
    }

    /** A worker that waited for what it is to run itself would wait for ever. */
    private void requireOther() {
        boolean mine = state == RUNNING ? Thread.currentThread().equals(content) : isOwnWorker();
        if (mine && !isDone()) {
            throw new ErrnoException(
                    Errno.EDEADLK,
                    Thread.currentThread().getName() + " waits for " + this
                            + ", which it is to run itself: get the result in another thread, or run the task at once");
        }
    }

    /** Whether the calling thread is the worker to which this future will come. */
    boolean isOwnWorker() {
        return Inlet.ownerOf(this) instanceof ItemQueue queue && queue.isWorker();
    }

    private boolean awaitDone(boolean timed, long nanos) throws InterruptedException {
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
        long start = System.nanoTime();
        Waiter waiter = new Waiter();
        enter(waiter);
        try {
            while (!isDone()) {
                if (!timed) {
                    LockSupport.park(this);
                } else {
                    long left = nanos - (System.nanoTime() - start);
                    if (left <= 0) {
                        return false;
                    }
                    LockSupport.parkNanos(this, left);
                }
                if (Thread.interrupted()) {
                    throw new InterruptedException();
                }
            }
            return true;
        } finally {
            leave(waiter);
        }
    }

    private synchronized void enter(Waiter waiter) {
        waiter.next = waiters;
        waiters = waiter;
    }

    private synchronized void leave(Waiter waiter) {
        Waiter before = null;
        for (Waiter each = waiters; each != null; each = each.next) {
            if (each == waiter) {
                if (before == null) {
                    waiters = each.next;
                } else {
                    before.next = each.next;
                }
                return;
            }
            before = each;
        }
    }

    /** The state is one of the ends. A waiter enters before it looks at the state. */
    private void wakeWaiters() {
        if (waiters != null) {
            synchronized (this) {
                for (Waiter each = waiters; each != null; each = each.next) {
                    LockSupport.unpark(each.thread);
                }
            }
        }
    }

    @SuppressWarnings({"unchecked", "NullAway"}) // finish() writes what call() returns
    private V outcome() throws ExecutionException {
        int end = state;
        if (end == NORMAL) {
            return (V) content;
        }
        if (end == EXCEPTIONAL) {
            throw new ExecutionException((Throwable) content);
        }
        throw new CancellationException(this + " was cancelled");
    }

    /** The task, as long as it has not begun, and how far it has come. */
    @Override
    public String toString() {
        int now = state;
        String how =
                switch (now) {
                    case NEW -> "not run";
                    case RUNNING, COMPLETING -> "running";
                    case NORMAL -> "completed normally";
                    case EXCEPTIONAL -> "completed exceptionally: " + content;
                    default -> "cancelled";
                };
        return "future [" + how + (now == NEW ? ", task = " + content : "") + "]";
    }
}
