// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import java.util.concurrent.Callable;
import java.util.concurrent.Delayed;
import java.util.concurrent.RunnableScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.clock.GroupTimer;
import org.percpu.clock.Time;

/**
 * The future of a task that waits on the clock of its executor, and then goes through the queue as any other one.
 *
 * @param <V> the type of the result
 */
abstract class DelayedFuture<V extends @Nullable Object> extends CpuFuture<V>
        implements RunnableScheduledFuture<V>, GroupTimer.Alarm {
    final DelayedTasks tasks;
    final GroupTimer timer;

    DelayedFuture(DelayedTasks tasks, Object task) {
        super(task);
        this.tasks = tasks;
        this.timer = new GroupTimer(tasks.group(), this);
    }

    /** The future of a callable. */
    static final class OfCallable<V extends @Nullable Object> extends DelayedFuture<V> {
        OfCallable(DelayedTasks tasks, Callable<V> task) {
            super(tasks, task);
        }

        @Override
        @SuppressWarnings("unchecked") // the constructor takes nothing else
        V call(Object task) throws Exception {
            return ((Callable<V>) task).call();
        }
    }

    /** The future of a runnable. */
    static final class OfRunnable extends DelayedFuture<@Nullable Void> {
        OfRunnable(DelayedTasks tasks, Runnable task) {
            super(tasks, task);
        }

        @Override
        @Nullable
        Void call(Object task) {
            ((Runnable) task).run();
            return null;
        }
    }

    /** The future of a task that runs again and again. It ends by an exception or by a cancel. */
    static final class Periodic extends DelayedFuture<@Nullable Void> {
        private final long period;

        /** With a negative period, its absolute value is the delay between two runs. */
        Periodic(DelayedTasks tasks, Runnable task, long period) {
            super(tasks, task);
            this.period = period;
        }

        @Override
        @Nullable
        Void call(Object task) {
            ((Runnable) task).run();
            return null;
        }

        @Override
        public boolean repeats() {
            return true;
        }

        @Override
        public void run() {
            if (tasks.mayRepeat() && runAndReset() && timer.repeat(next())) {
                // From here on it may be running again.
                if (isCancelled()) {
                    // The cancel came before it was armed, and has not found it on the clock.
                    boolean unused = timer.cancel();
                }
            } else {
                // It does nothing if the task has ended by itself.
                boolean unused = cancel(false);
                timer.retire();
            }
        }

        private long next() {
            long last = timer.moment();
            return period < 0 ? Time.after(-period) : last > Time.NEVER - period ? Time.NEVER : last + period;
        }
    }

    @Override
    public boolean repeats() {
        return false;
    }

    @Override
    public boolean isPeriodic() {
        return repeats();
    }

    @Override
    public boolean due() {
        tasks.append(this);
        return repeats();
    }

    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
        boolean cancelled = super.cancel(mayInterruptIfRunning);
        if (cancelled) {
            boolean unused = timer.cancel();
        }
        return cancelled;
    }

    /**
     * A task that is to come on the worker that waits would never come.
     *
     * @throws ErrnoException EDEADLK
     */
    @Override
    boolean isOwnWorker() {
        return tasks.isWorker();
    }

    @Override
    public long getDelay(TimeUnit unit) {
        return unit.convert(timer.moment() - Time.now(), TimeUnit.NANOSECONDS);
    }

    @Override
    public int compareTo(Delayed other) {
        if (other == this) {
            return 0;
        }
        return other instanceof DelayedFuture<?> delayed
                ? Long.compare(timer.moment(), delayed.timer.moment())
                : Long.compare(getDelay(TimeUnit.NANOSECONDS), other.getDelay(TimeUnit.NANOSECONDS));
    }
}
