// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.kernel.DelayState;
import org.percpu.lwp.Deadline;

/**
 * Keeps items from being pending. A disabled item has a negative number in the place of its owner, with a count of how
 * often it was disabled. So an append refuses it without a further look. The count belongs to the item and not to a
 * queue: a disabled item is refused by every queue.
 */
@SuppressWarnings("ReferenceEquality") // a work may define equals; its place in a queue is identity
public final class Disabling {
    private static final int DISABLED = Integer.MIN_VALUE;
    private static final int MOST = (1 << 28) - 1;

    private Disabling() {}

    /**
     * Whether an item is disabled.
     *
     * @param item any item
     * @return the state when the call looked
     */
    public static boolean isDisabled(Item item) {
        return item.isDisabled();
    }

    /**
     * Takes an item off the queue, or out of the works that a worker has taken, or off the list of those that wait for
     * their time.
     *
     * @param item any item
     * @param timer of the item, or null
     * @param call for messages
     * @param queues of the workqueue or task queue
     * @return false if it was not pending, or its append had not pushed it yet
     * @throws ErrnoException EINVAL if it is pending on another queue
     */
    public static boolean takeOff(Item item, @Nullable Delay timer, String call, ItemQueue... queues) {
        ItemQueue on = find(item, call, queues);
        if (on == null) {
            return false;
        }
        return (timer != null && on.delays().cancel(timer) == DelayState.WAITING) || on.remove(item);
    }

    /**
     * Takes an item off, and refuses further appends until it has been enabled as often as it was disabled.
     *
     * @param item any item
     * @param timer of the item, or null
     * @param call for messages
     * @param queues of the workqueue or task queue
     * @return whether it was pending
     * @throws ErrnoException EINVAL if it is pending on another queue, EBUSY if C code may post it
     */
    public static boolean disable(Item item, @Nullable Delay timer, String call, ItemQueue... queues) {
        for (ItemQueue queue : queues) {
            if (queue.door.hasItem(posted -> posted == item)) {
                throw new ErrnoException(
                        Errno.EBUSY,
                        call + " of " + item
                                + ", which has a handle for C code, and a post cannot be refused: close the"
                                + " handle first");
            }
        }
        boolean taken = false;
        while (true) {
            int owner = item.owner();
            if (owner <= 0) {
                if ((owner & MOST) == MOST) {
                    throw new ErrnoException(Errno.EINVAL, call + " of " + item + ": it is disabled too often");
                }
                if (Item.OWNER.compareAndSet(item, owner, (owner | DISABLED) + 1)) {
                    return taken;
                }
                continue;
            }
            ItemQueue on = find(item, call, queues);
            if (on == null) {
                continue;
            }
            if (timer != null && on.delays().cancel(timer) == DelayState.WAITING) {
                taken = true;
            } else if (on.remove(item, DISABLED + 1)) {
                return true;
            } else if (item.owner() > 0) {
                // Its append has not pushed it yet, or its worker is about to start it.
                LockSupport.parkNanos(item, NativeDoor.LOOK_NANOS);
            }
        }
    }

    /**
     * Takes one disable back.
     *
     * @param item a disabled item
     * @param call for messages
     * @return true if it can be appended again
     * @throws ErrnoException EINVAL if it is not disabled
     */
    public static boolean enable(Item item, String call) {
        while (true) {
            int owner = item.owner();
            if (owner >= 0) {
                throw new ErrnoException(Errno.EINVAL, call + " of " + item + ", which is not disabled");
            }
            int next = owner - 1 == DISABLED ? 0 : owner - 1;
            if (Item.OWNER.compareAndSet(item, owner, next)) {
                return next == 0;
            }
        }
    }

    /**
     * Waits until no queue runs an item.
     *
     * @param item any item
     * @param queues of the workqueue
     */
    public static void awaitNotRunning(Item item, ItemQueue... queues) {
        for (ItemQueue queue : queues) {
            if (queue.isRunning(item)) {
                boolean done = queue.await(() -> !queue.isRunning(item), Deadline.FOREVER);
                assert done;
            }
        }
    }

    private static @Nullable ItemQueue find(Item item, String call, ItemQueue... queues) {
        // Asked by number, as a look into the table of all queues allocates.
        for (ItemQueue queue : queues) {
            if (queue.owns(item)) {
                return queue;
            }
        }
        Inlet owner = Inlet.ownerOf(item);
        if (owner == null || Arrays.asList(queues).contains(owner)) {
            return null;
        }
        throw new ErrnoException(Errno.EINVAL, call + " of " + item + ": it is on " + owner + "; call it there");
    }
}
