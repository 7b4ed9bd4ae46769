// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/** The part of a work or task that belongs to the queue: two links, an owner and an id, 16 bytes with compressed references. */
public abstract class Item {
    private static final VarHandle OWNER;

    static {
        try {
            OWNER = MethodHandles.lookup().findVarHandle(Item.class, "owner", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** What came before it to the same list; written by whoever pushes it, later by whoever owns the list. */
    @Nullable
    Item older;

    /** What came after it; written by whoever owns the list. */
    @Nullable
    Item newer;

    /** Of a worker's making, 0 before the first run; see {@link Worker#begin}. */
    int id;

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
     * Ends the item's being pending on a queue; from here on it may be enqueued again, and its links are not ours. False if it was not
     * pending there.
     */
    final boolean release(int queue) {
        return OWNER.compareAndSet(this, queue, 0);
    }

    /**
     * The same for who knows that the item is pending on its queue, without the fence: what the caller reads afterwards it may have read
     * before the item can be claimed anew.
     */
    final void lazyRelease() {
        OWNER.setRelease(this, 0);
    }

    /** The queue on which the item is pending, or 0; history as soon as it is known. */
    final int owner() {
        return (int) OWNER.getVolatile(this);
    }
}
