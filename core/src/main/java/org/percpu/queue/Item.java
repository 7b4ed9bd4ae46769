// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The part of a work or task that belongs to the queue: two links, an owner and an id, 16 bytes with compressed
 * references.
 */
public abstract class Item {
    static final VarHandle OWNER;

    static {
        try {
            OWNER = MethodHandles.lookup().findVarHandle(Item.class, "owner", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** The item that came before this one to the same list. The pusher writes it, later the owner of the list. */
    @Nullable
    Item older;

    /** The item that came after this one. The owner of the list writes it. */
    @Nullable
    Item newer;

    /**
     * The number that the first worker gives the item, or its first enqueue if that is timed; 0 before. See
     * {@link Worker#name}.
     */
    int id;

    /**
     * {@linkplain Inlet#number Number} of the queue on which the item is pending, or 0; with a
     * bit more in a {@link Portion}; negative while it is {@linkplain Disabling disabled}. A worker that knows the item
     * to be pending here clears it by setRelease, without a fence: later reads may be reordered before the release.
     */
    volatile int owner;

    /** For subclasses of the manual pages' packages. */
    protected Item() {}

    /**
     * Takes what the call needs, for items that carry it. Called by the thread that has made the item pending, before
     * any other thread can find it in the queue.
     *
     * @param func the function
     * @param arg1 its first argument
     * @param arg2 its second argument
     */
    protected void carry(@Nullable Object func, @Nullable Object arg1, @Nullable Object arg2) {}

    /** False for the library's own items, which no recording tells of. */
    boolean isOfUser() {
        return true;
    }

    /** Makes the item pending on a queue; false if it is pending already, here or elsewhere. */
    final boolean claim(int queue) {
        return OWNER.compareAndSet(this, 0, queue);
    }

    final boolean isDisabled() {
        return owner < 0;
    }

    /** The queue on which the item is pending, or 0. It may be stale on return. */
    final int owner() {
        return owner;
    }
}
