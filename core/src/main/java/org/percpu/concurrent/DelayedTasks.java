// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.clock.Clock;
import org.percpu.clock.Clocks;
import org.percpu.clock.GroupTimer.Alarm;
import org.percpu.clock.Time;
import org.percpu.clock.TimerGroup;
import org.percpu.cpu.Cpu;
import org.percpu.kernel.Kernel;
import org.percpu.queue.Append;
import org.percpu.queue.Item;
import org.percpu.queue.SerialQueue;
import org.percpu.queue.SerialQueues;

/** The tasks of an executor that wait on its clock. The first one makes the clocks of the kernel. */
final class DelayedTasks {
    /** What becomes of such tasks at a shutdown. */
    record Policy(boolean delayedRun, boolean periodicGoOn) {
        static final Policy DEFAULT = new Policy(true, false);
    }

    private static final Item[] NONE = {};

    private final Kernel kernel;
    private final @Nullable Cpu cpu;
    private final SerialQueue queue;
    private final Policy policy;

    private volatile @Nullable TimerGroup group;
    private volatile boolean shutdown;
    private volatile boolean dropped;

    /** Tasks whose time came when the queue had ended; guarded by itself. */
    private final List<Item> late = new ArrayList<>();

    DelayedTasks(Kernel kernel, @Nullable Cpu cpu, SerialQueue queue, Policy policy) {
        this.kernel = kernel;
        this.cpu = cpu;
        this.queue = queue;
        this.policy = policy;
    }

    boolean isWorker() {
        return queue.isWorker();
    }

    /** Whether a task may be scheduled. Makes the clocks of the kernel if they are not there yet. */
    boolean isOpen() {
        try {
            return !shutdown && group() != null;
        } catch (ErrnoException e) {
            if (e.errno() == Errno.ESHUTDOWN) {
                return false;
            }
            throw e;
        }
    }

    TimerGroup group() {
        TimerGroup made = group;
        return made != null ? made : make();
    }

    private TimerGroup make() {
        Clocks clocks = Clocks.of(kernel);
        Clock own = cpu == null ? null : clocks.of(cpu);
        synchronized (this) {
            TimerGroup made = group;
            if (made == null) {
                made = new TimerGroup(own == null ? clocks.current() : own, queue::close);
                if (shutdown) {
                    made.close(false, false, alarm -> {});
                }
                group = made;
            }
            return made;
        }
    }

    /** Returns null if the executor is shut down. */
    <V extends @Nullable Object> @Nullable DelayedFuture<V> schedule(Callable<V> task, long delay, TimeUnit unit) {
        return start(new DelayedFuture.OfCallable<>(this, task), unit.toNanos(delay));
    }

    @Nullable
    DelayedFuture<@Nullable Void> schedule(Runnable task, long delay, TimeUnit unit) {
        return start(new DelayedFuture.OfRunnable(this, task), unit.toNanos(delay));
    }

    /** With a negative period, its absolute value is the delay between two runs. */
    @Nullable
    DelayedFuture<@Nullable Void> repeat(Runnable task, long delay, long period, TimeUnit unit) {
        return start(new DelayedFuture.Periodic(this, task, unit.toNanos(period)), unit.toNanos(delay));
    }

    private <F extends DelayedFuture<?>> @Nullable F start(F future, long delay) {
        return future.timer.start(Time.after(Math.max(delay, 0))) ? future : null;
    }

    /** On the clock's thread: the time of a task is over. */
    void append(DelayedFuture<?> future) {
        // A future that is pending already was executed by a user.
        if (queue.append(future) == Append.CLOSED) {
            synchronized (late) {
                late.add(future);
            }
        }
    }

    /** Whether a periodic task may run once more. */
    boolean mayRepeat() {
        return !shutdown || (policy.periodicGoOn() && !dropped);
    }

    /** Takes no further tasks; the queue closes when nothing more can come from the clock. */
    void shutdown() {
        TimerGroup mine;
        synchronized (this) {
            shutdown = true;
            mine = group;
        }
        if (mine == null) {
            queue.close();
        } else {
            mine.close(policy.delayedRun(), policy.periodicGoOn(), DelayedTasks::cancel);
        }
    }

    private static void cancel(Alarm alarm) {
        boolean unused = ((DelayedFuture<?>) alarm).cancel(false);
    }

    /** Lets nothing more come from the clock. What waited there is handed out with what waited in the queue. */
    void drop() {
        TimerGroup mine;
        synchronized (this) {
            shutdown = true;
            dropped = true;
            mine = group;
        }
        if (mine == null) {
            return;
        }
        List<Item> back = new ArrayList<>();
        try {
            mine.close(false, false, alarm -> back.add((Item) alarm));
            mine.awaitHandover();
        } finally {
            synchronized (late) {
                back.addAll(late);
                late.clear();
            }
            SerialQueues.handBack(queue, back.toArray(NONE));
        }
    }
}
