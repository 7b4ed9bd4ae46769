// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.linux.Uninterrupted;
import org.percpu.lwp.Deadline;

/**
 * Takes single works back from a serial queue, whose worker neither locks nor compares anything for a work.
 *
 * <p>A caller first makes the worker attentive: it sets {@link SerialQueue#alert}, and puts a full fence into the
 * worker's thread by {@link Membarrier}. An attentive worker takes works out of the inbox under the monitor of the
 * doorbell, and looks under the monitor what the next work is, before it starts one. The worker may have looked at the
 * alert before the fence, and be about to take or start a work. So the caller waits until the worker is in a callback,
 * or has no works, and looks at that once more under the monitor. From then on the monitor keeps the worker from the
 * inbox and from the works that it has taken.
 *
 * <p>Where membarrier(2) does not exist, the caller waits for a millisecond instead, as {@link Waiters} does.
 */
@SuppressWarnings("ReferenceEquality") // a work may define equals; its place in a queue is identity
final class Recall {
    private static final long SECOND_LOOK_NANOS = 1_000_000;

    private final SerialQueue queue;

    // Guarded by the doorbell.
    private int callers;
    private boolean changed; // the batch, since the worker last looked
    private @Nullable Item oldest; // of the batch, if it has changed
    private @Nullable Item held; // the inbox, while a caller looks through it

    Recall(SerialQueue queue) {
        this.queue = queue;
    }

    /** Worker, which is attentive: takes what is in the inbox. */
    @Nullable
    Item take() {
        synchronized (queue.doorbell) {
            putBack();
            // No call follows: an error in it would lose the list.
            return queue.inbox.take();
        }
    }

    /** Worker, which is attentive: returns the next work of the batch, which it was about to start, or another, or null. */
    @Nullable
    Item next(Item item) {
        synchronized (queue.doorbell) {
            Item next = changed ? oldest : item;
            boolean quiet = callers == 0;
            // No call follows: an error in it would lose the batch.
            changed = false;
            oldest = null;
            if (quiet) {
                queue.alert = queue.dropping;
            }
            return next;
        }
    }

    /** Any thread: takes a work back. Returns false if it is not pending here, or was not pushed yet. */
    boolean remove(Item item, int owner) {
        if (!queue.owns(item)) {
            return false;
        }
        synchronized (queue.doorbell) {
            callers++;
            queue.alert = true;
        }
        try {
            if (!Membarrier.pass()) {
                long begin = System.nanoTime();
                Uninterrupted.until(() -> {
                    Uninterrupted.park(queue, SECOND_LOOK_NANOS);
                    return System.nanoTime() - begin >= SECOND_LOOK_NANOS;
                });
            }
            while (true) {
                if (!isOutside() && queue.needsCaller()) {
                    throw new ErrnoException(
                            Errno.EDEADLK,
                            "a cancel of " + item + " on " + queue + " in its worker, outside a callback: call it from"
                                    + " another thread");
                }
                NativeDoor.await(queue, () -> isOutside() || !queue.owns(item), Deadline.after(Deadline.FOREVER));
                synchronized (queue.doorbell) {
                    if (!queue.owns(item)) {
                        return false;
                    }
                    if (isOutside()) {
                        return removeFromBatch(item, owner) || removeFromInbox(item, owner);
                    }
                }
            }
        } finally {
            synchronized (queue.doorbell) {
                callers--;
                if (callers == 0 && !changed) {
                    queue.alert = queue.dropping;
                }
            }
        }
    }

    /** Whether the worker is in a callback, or has taken nothing. */
    private boolean isOutside() {
        return queue.ended() || !queue.batch.inQueue || !queue.batch.unstarted;
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // the doorbell is held and the worker is outside
    private boolean removeFromBatch(Item item, int owner) {
        Worker worker = queue.worker;
        int running = worker.current;
        Item first = null;
        boolean found = false;
        if (queue.batch.unstarted) {
            // Behind the oldest follows the work that runs, which may be pending again.
            for (Item next = worker.batch; next != null && isUnstarted(next, running); next = next.older) {
                first = next;
                found |= next == item;
            }
        }
        if (!found) {
            return false;
        }
        Item older = item.older;
        Item newer = item.newer;
        // No call up to the end.
        if (newer == null) {
            worker.batch = older;
        } else {
            newer.older = older;
        }
        if (item == first) {
            first = newer;
            if (newer == null) {
                queue.batch.unstarted = false;
            }
        } else if (older != null) {
            older.newer = newer;
        }
        oldest = first;
        changed = true;
        long due = worker.due;
        worker.due = due - 1;
        queue.deleted(item);
        item.older = null;
        item.newer = null;
        item.owner = owner;
        return true;
    }

    private boolean isUnstarted(Item item, int running) {
        return item.owner == queue.number && (item.id == 0 || item.id != running);
    }

    private boolean removeFromInbox(Item item, int owner) {
        putBack();
        held = queue.inbox.take();
        boolean found = held == item;
        if (found) {
            held = item.older;
        }
        for (Item newer = held; newer != null && !found; newer = newer.older) {
            if (newer.older == item) {
                newer.older = item.older;
                found = true;
            }
        }
        putBack();
        if (found) {
            queue.deleted(item);
            item.older = null;
            item.owner = owner;
        }
        return found;
    }

    /** Under the monitor: completes what an error has interrupted. */
    void putBack() {
        Item list = held;
        if (list != null) {
            Inbox.Push push = queue.inbox.putBack(list);
            held = null;
            if (push == Inbox.Push.RING) {
                queue.doorbell.ring();
            }
        }
    }
}
