// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.VarHandle;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.Cpu;
import org.percpu.events.Trace;
import org.percpu.kernel.DelayState;

/**
 * The items of a queue that wait for their time. Such an item is pending: the queue owns it from the beginning, so that
 * its expiry pushes it without another claim. Whoever takes it off this list, under the monitor, decides what becomes of
 * it: the clock, which pushes it, a cancel, or the end of the queue. A call of the clock that comes for an earlier time
 * finds the timer armed again, or the item gone, and does nothing.
 *
 * <p>A closing queue takes no more, and its workers stay until the list is empty.
 */
@SuppressWarnings("ReferenceEquality") // queues are compared by identity
public final class Delays {
    private final Outlet queue;
    private @Nullable Delay first; // the newest; under the monitor

    Delays(Outlet queue) {
        this.queue = queue;
    }

    /**
     * Makes an item pending that waits for its time. Allocates nothing.
     *
     * @param delay of the item
     * @param cpu of the queue, or null
     * @param moment when it goes to the queue
     * @param func given to an item that carries its call, as are the arguments
     * @param arg1 first argument
     * @param arg2 second argument
     * @return what became of it; CLOSED also if the kernel closes
     */
    public Append add(
            Delay delay,
            @Nullable Cpu cpu,
            long moment,
            @Nullable Object func,
            @Nullable Object arg1,
            @Nullable Object arg2) {
        Item item = delay.item;
        synchronized (this) {
            if (queue.closing || queue.dropping) {
                return Append.CLOSED;
            }
            while (!item.claim(queue.number)) {
                if (item.isDisabled()) {
                    throw new ErrnoException(
                            Errno.EBUSY,
                            "a delay of " + item + " on " + queue + ", which is disabled: enable it first");
                }
                // As in Inlet.append: the caller relies on the run that is to come.
                VarHandle.fullFence();
                if (Inlet.isPending(item)) {
                    queue.coalesced.add(1);
                    queue.payRingFor(item);
                    return Append.PENDING;
                }
            }
            int armed = -1;
            Delay before = first;
            try {
                item.carry(func, arg1, arg2);
                delay.older = before;
                delay.waitsOn = this;
                if (before != null) {
                    before.newer = delay;
                }
                first = delay;
                armed = delay.arm(cpu, moment);
            } finally {
                if (armed < 0) {
                    // No calls in here: the caller's stack may be exhausted. If the timer is armed, it finds nothing.
                    first = before;
                    if (before != null) {
                        before.newer = null;
                    }
                    delay.older = null;
                    delay.waitsOn = null;
                    item.owner = 0;
                }
            }
            return armed < 0 ? Append.CLOSED : Append.QUEUED;
        }
    }

    /** The clock: the time of an item is over. After an error it may be called again. */
    void expire(Delay delay) {
        if (queue.dropping) {
            // The end of the queue takes the item back, and may have the monitor for long.
            return;
        }
        Inbox.Push push = Inbox.Push.DONE;
        synchronized (this) {
            if (delay.waitsOn == this && !delay.isArmed()) {
                if (Trace.stamps()) {
                    queue.observe(delay.item);
                }
                push = queue.inbox.push(delay.item);
                // No call follows in here: an error would have the item pushed twice.
                Delay older = delay.older;
                Delay newer = delay.newer;
                if (newer == null) {
                    first = older;
                } else {
                    newer.older = older;
                }
                if (older != null) {
                    older.newer = newer;
                }
                delay.older = null;
                delay.newer = null;
                delay.waitsOn = null;
            }
        }
        try {
            if (push == Inbox.Push.RING || queue.doorbell.owed) {
                queue.doorbell.ring();
            }
        } catch (Throwable t) {
            queue.doorbell.owed = true;
            Inlet.ringFailed = true;
            throw t;
        }
    }

    /**
     * Moves an item that waits here to another time.
     *
     * @param delay of the item
     * @param cpu of the queue, or null
     * @param moment the new time
     * @return WAITING if it is moved, QUEUED if its time is over or it never waited, and null if it is not pending here
     * @throws ErrnoException ESHUTDOWN if the kernel is closed; it keeps its time
     */
    public @Nullable DelayState move(Delay delay, @Nullable Cpu cpu, long moment) {
        synchronized (this) {
            if (delay.waitsOn != this) {
                return queue.owns(delay.item) ? DelayState.QUEUED : null;
            }
            if (delay.arm(cpu, moment) < 0) {
                throw new ErrnoException(
                        Errno.ESHUTDOWN,
                        delay + " on " + queue + " cannot be moved to another time: the kernel is closed");
            }
            return DelayState.WAITING;
        }
    }

    /**
     * Takes back an item that waits here.
     *
     * @param delay of the item
     * @return WAITING if it was taken back, QUEUED if its time is over or it never waited, and null if it is not pending
     *     here
     */
    public @Nullable DelayState cancel(Delay delay) {
        synchronized (this) {
            if (delay.waitsOn != this) {
                return queue.owns(delay.item) ? DelayState.QUEUED : null;
            }
            unlink(delay);
        }
        if (queue.closing) {
            // Its workers may have nothing left to wait for.
            queue.doorbell.ring();
        }
        return DelayState.WAITING;
    }

    /** Takes back everything, for the end of a queue that is dropping. After an error it may be called again. */
    void takeBack(List<Item> released) {
        synchronized (this) {
            for (Delay delay = first; delay != null; delay = first) {
                synchronized (released) {
                    boolean added = released.add(delay.item);
                    assert added;
                }
                unlink(delay);
            }
        }
    }

    private void unlink(Delay delay) {
        Delay older = delay.older;
        Delay newer = delay.newer;
        if (newer == null) {
            first = older;
        } else {
            newer.older = older;
        }
        if (older != null) {
            older.newer = newer;
        }
        delay.older = null;
        delay.newer = null;
        delay.waitsOn = null;
        try {
            // Before the item is free: behind that, another thread may arm the timer.
            delay.disarm();
        } finally {
            delay.item.owner = 0;
        }
    }

    /**
     * Whether no item waits here.
     *
     * @return for a closing queue, true for ever from then on
     */
    public synchronized boolean isEmpty() {
        return first == null;
    }
}
