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
            OWNER = MethodHandles.lookup().findVarHandle(Item.class, "owner", Object.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** Successor in whichever list the item is on; written by whoever owns that list. */
    @Nullable
    Item next;

    /** The queue on which the item is pending, or null. */
    @SuppressWarnings("unused") // through OWNER
    private @Nullable Object owner;

    /** For subclasses of the manual pages' packages. */
    protected Item() {}

    /** Makes the item pending on a queue; false if it is pending already, here or elsewhere. */
    final boolean claim(Object queue) {
        return OWNER.compareAndSet(this, null, queue);
    }

    /**
     * Ends the item's being pending on a queue; from here on it may be enqueued again, and its link is not ours. False if it was not
     * pending there. A full fence.
     */
    final boolean release(Object queue) {
        return OWNER.compareAndSet(this, queue, null);
    }

    /** The queue on which the item is pending, or null; history as soon as it is known. */
    final @Nullable Object owner() {
        return OWNER.getVolatile(this);
    }
}
