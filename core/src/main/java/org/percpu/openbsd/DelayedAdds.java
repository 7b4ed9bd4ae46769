// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.openbsd;

import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.clock.Time;
import org.percpu.dispatch.Dispatchers;
import org.percpu.kernel.DelayState;
import org.percpu.lwp.KernelCore;
import org.percpu.queue.Append;
import org.percpu.queue.Delay;
import org.percpu.queue.Inlet;
import org.percpu.queue.Item;

/** What taskq and workq have in common for items that wait for their time. */
final class DelayedAdds {
    private final ThreadedQueue threads;

    DelayedAdds(ThreadedQueue threads) {
        this.threads = threads;
    }

    /** Returns false if the item is pending. */
    boolean add(
            String call,
            Item item,
            Delay timer,
            Duration delay,
            @Nullable Object func,
            @Nullable Object arg1,
            @Nullable Object arg2) {
        long moment = moment(call, delay);
        threads.requireOpen(call);
        requireTimer(call, item, timer);
        return add(call, timer, moment, func, arg1, arg2) == Append.QUEUED;
    }

    private Append add(
            String call,
            Delay timer,
            long moment,
            @Nullable Object func,
            @Nullable Object arg1,
            @Nullable Object arg2) {
        Append appended = threads.queue.delays().add(timer, null, moment, func, arg1, arg2);
        if (appended == Append.CLOSED) {
            throw threads.kernel.isClosed()
                    ? KernelCore.of(threads.kernel).closed("a delay of " + timer + " on " + threads.label())
                    : threads.destroyed(call);
        }
        return appended;
    }

    /** Moves an item that waits, or adds one that is not pending. */
    DelayState modify(String call, Item item, Delay timer, Duration delay) {
        long moment = moment(call, delay);
        while (true) {
            DelayState found = move(call, item, timer, moment);
            boolean isPending = found == DelayState.WAITING || found == DelayState.QUEUED;
            if (isPending || add(call, timer, moment, null, null, null) == Append.QUEUED) {
                return found;
            }
        }
    }

    /** Moves an item that waits. */
    DelayState move(String call, Item item, Delay timer, Duration delay) {
        return move(call, item, timer, moment(call, delay));
    }

    private DelayState move(String call, Item item, Delay timer, long moment) {
        requireTimer(call, item, timer);
        threads.requireOpen(call);
        while (isPending(call, item)) {
            DelayState found = threads.queue.delays().move(timer, null, moment);
            if (found != null) {
                return found;
            }
        }
        return threads.queue.isRunning(item) ? DelayState.RUNNING : DelayState.IDLE;
    }

    /** Takes an item back, from the queue too. */
    DelayState cancel(String call, Item item, Delay timer) {
        requireTimer(call, item, timer);
        if (Dispatchers.isUsed()) {
            threads.requireLevel(call);
        }
        while (isPending(call, item)) {
            DelayState found = threads.queue.delays().cancel(timer);
            if (found == DelayState.WAITING || (found == DelayState.QUEUED && threads.queue.remove(item))) {
                return found;
            }
            if (found == DelayState.QUEUED) {
                // A thread has begun it, or an add has not pushed it yet, and this call came first.
                break;
            }
        }
        return threads.queue.isRunning(item) ? DelayState.RUNNING : DelayState.IDLE;
    }

    /** Whether it is pending here. */
    private boolean isPending(String call, Item item) {
        if (threads.queue.owns(item)) {
            // Asked by number, as a look into the table of all queues allocates.
            return true;
        }
        Inlet owner = Inlet.ownerOf(item);
        if (owner != null && owner != threads.queue) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    call + " of " + item + " on " + threads.name() + ": it is on " + owner + "; call it there");
        }
        return owner != null;
    }

    private static long moment(String call, Duration delay) {
        return Time.after(Time.nanos(Argument.requireTime(delay, call, "delay")));
    }

    private void requireTimer(String call, Item item, Delay timer) {
        if (timer.kernel() != threads.kernel) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    call + " on " + threads.name() + " of " + item + ", whose timer is of kernel "
                            + timer.kernel().name() + ": make the task for kernel " + threads.kernel.name());
        }
    }
}
