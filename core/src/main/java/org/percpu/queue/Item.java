// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/** The part of a work or task that belongs to the queue: a link and an owner, eight bytes with compressed references. */
public abstract class Item {
    private static final VarHandle OWNER;

    static {
        try {
            OWNER = MethodHandles.lookup().findVarHandle(Item.class, "owner", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** Successor in whichever list the item is on; written by whoever owns that list. */
    @Nullable
    Item next;

    /** {@linkplain RunQueue#number Number} of the queue on which the item is pending, or 0. */
    @SuppressWarnings("unused") // through OWNER
    private int owner;

    /** For subclasses of the manual pages' packages. */
    protected Item() {}

    /** Makes the item pending on a queue; false if it is pending already, here or elsewhere. */
    final boolean claim(int queue) {
        return OWNER.compareAndSet(this, 0, queue);
    }

    /**
     * Ends the item's being pending on a queue; from here on it may be enqueued again, and its link is not ours. False if it was not
     * pending there. A full fence.
     */
    final boolean release(int queue) {
        return OWNER.compareAndSet(this, queue, 0);
    }

    /** The queue on which the item is pending, or 0; history as soon as it is known. */
    final int owner() {
        return (int) OWNER.getVolatile(this);
    }
}
