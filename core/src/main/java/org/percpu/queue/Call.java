// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

/**
 * How a worker runs an item. There are two steps, because the item belongs to its owner again before the callback
 * begins. First {@link #load} copies out of the item what the call needs. Then {@link #invoke} makes the call from the
 * copy. Each worker has a Call of its own.
 */
public abstract class Call {
    /** For the queues of the manual pages. */
    protected Call() {}

    /**
     * Reads what the call needs. After an error it may be called again for the same item, even if it has already taken
     * what it needs.
     *
     * @param item the item, which is still pending
     */
    public abstract void load(Item item);

    /**
     * Calls the function.
     *
     * @param item the item that was loaded; by now it may be pending again, and its owner may have changed it
     * @throws Throwable whatever the callback throws
     */
    public abstract void invoke(Item item) throws Throwable;

    /** Called when the call has thrown. The throwable may be an error that came before {@link #invoke} could begin. */
    public void threw() {}
}
