// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import org.jspecify.annotations.Nullable;
import org.percpu.events.Events;
import org.percpu.events.Trace;
import org.percpu.lwp.Reports;

/** The part of a queue that callers use to append items. */
public abstract class Inlet {
    private static final QueueNumbers<Inlet> NUMBERS = new QueueNumbers<>();
    /**
     * Loaded before the first append: if loading failed at the end of a stack, the class would stay unusable for ever.
     */
    private static final Append QUEUED = Append.QUEUED;

    /** True if a ring on this queue or another one has failed because stack or memory ran out. */
    static volatile boolean ringFailed;

    /** The bits of a mark that are the queue's number; the next two are for a {@link Portion}. */
    static final int NUMBER = QueueNumbers.MOST;

    static final int TAKEN = 1 << 28;
    static final int STARTING = 1 << 29;

    /** The queue's number. It is not 0, and no other living queue has it. */
    final int number = NUMBERS.add(this);

    /** How many appends have found their item pending. */
    final Tally coalesced = new Tally();

    final Inbox inbox = new Inbox();
    final Doorbell doorbell;
    private final String name;

    Inlet(String name, Doorbell doorbell) {
        this.name = name;
        this.doorbell = doorbell;
    }

    /**
     * The queue's name.
     *
     * @return as given to the constructor
     */
    public final String name() {
        return name;
    }

    /**
     * Makes an item pending and appends it. Allocates nothing, never waits, and makes a system call only if a worker
     * sleeps. What the caller wrote before is visible to the run that this leads to, or that was to come already
     * (OTQ-11).
     *
     * @param item any item
     * @return what became of it
     */
    public final Append append(Item item) {
        while (!item.claim(number)) {
            if (item.isDisabled()) {
                return Append.DISABLED;
            }
            // On some processors a failed compare-and-set orders nothing. The caller relies on the pending run to see
            // its writes, so they must be visible before it reads the mark for the last time. The worker does the
            // reverse: it clears the mark, executes a fence, and then reads what the caller wrote. The count is the
            // fence here.
            coalesced.add(1);
            if (isPending(item)) {
                payRingFor(item);
                return Append.PENDING;
            }
            coalesced.add(-1);
        }
        Inbox.Push push = null;
        try {
            if (Trace.stamps()) {
                observe(item);
            }
            push = inbox.push(item);
            if (push == Inbox.Push.RING || doorbell.owed) {
                doorbell.ring();
            }
        } catch (Throwable t) {
            // No calls in this block: the caller's stack may be exhausted.
            if (push == null) {
                item.owner = 0;
            } else {
                doorbell.owed = true;
                ringFailed = true;
            }
            throw t;
        }
        if (push == Inbox.Push.CLOSED) {
            item.owner = 0;
            return Append.CLOSED;
        }
        return QUEUED;
    }

    /**
     * As {@link #append(Item)}, for an item that carries its call. The item takes the call once it is pending, so that
     * no other thread writes to it.
     *
     * @param item any item
     * @param func given to the item, as are the arguments
     * @param arg1 first argument
     * @param arg2 second argument
     * @return what became of it
     */
    public final Append append(Item item, @Nullable Object func, @Nullable Object arg1, @Nullable Object arg2) {
        if (!item.claim(number)) {
            if (item.isDisabled()) {
                return Append.DISABLED;
            }
            coalesced.add(1);
            payRingFor(item);
            return Append.PENDING;
        }
        Inbox.Push push = null;
        try {
            item.carry(func, arg1, arg2);
            if (Trace.stamps()) {
                observe(item);
            }
            push = inbox.push(item);
            if (push == Inbox.Push.RING || doorbell.owed) {
                doorbell.ring();
            }
        } catch (Throwable t) {
            if (push == null) {
                item.owner = 0;
            } else {
                doorbell.owed = true;
                ringFailed = true;
            }
            throw t;
        }
        if (push == Inbox.Push.CLOSED) {
            item.owner = 0;
            return Append.CLOSED;
        }
        return QUEUED;
    }

    /** The caller has made the item pending and not pushed it yet, so that no other thread writes it. */
    final void observe(Item item) {
        if (item.id == 0) {
            item.id = ItemIds.next();
        }
        Stamps.put(item.id, Stamp.now());
        if (Trace.enqueues() && item.isOfUser()) {
            Events.enqueued(name, Reports.nameOf(item), item.id);
        }
    }

    /**
     * Whether an item is pending on any queue.
     *
     * @param item any item
     * @return the state when the call looked, which may be stale on return
     */
    public static boolean isPending(Item item) {
        return item.owner() > 0;
    }

    /**
     * Whether an item is pending on this queue.
     *
     * @param item any item
     * @return the state when the call looked, which may be stale on return
     */
    public final boolean owns(Item item) {
        int owner = item.owner();
        return owner > 0 && (owner & NUMBER) == number;
    }

    /**
     * The queue on which an item is pending; for messages, as it takes longer than {@link #owns}.
     *
     * @param item any item
     * @return null if it is not pending; the state when the call looked, which may be stale on return
     */
    public static @Nullable Inlet ownerOf(Item item) {
        int owner = item.owner();
        return owner <= 0 ? null : NUMBERS.get(owner & NUMBER);
    }

    /** A caller that finds an item pending relies on a run that is to come. */
    final void payRingFor(Item item) {
        if (ringFailed) {
            Inlet owner = ownerOf(item);
            if (owner != null) {
                owner.payRing();
            }
        }
    }

    /** Any thread: wakes a sleeper that an earlier caller failed to wake. */
    final void payRing() {
        if (doorbell.owed) {
            doorbell.ring();
        }
    }

    /** The name, for messages about items that are pending here. */
    @Override
    public final String toString() {
        return "queue " + name;
    }
}
