// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

/**
 * How a worker runs an item, in two steps, because an item belongs to its owner again before the callback begins: first
 * {@link #load} copies out of it what the call needs, then {@link #invoke} makes the call from the copy. Each worker has its own.
 */
public abstract class Call {
    /** For the queues of the manual pages. */
    protected Call() {}

    /**
     * Reads what the call needs. After an error it may come again for the same item, from which it has taken what it needs already.
     *
     * @param item still pending
     */
    public abstract void load(Item item);

    /**
     * Calls the function.
     *
     * @param item the same; by now it may be pending again, and its owner may have changed it
     * @throws Throwable whatever the callback throws
     */
    public abstract void invoke(Item item) throws Throwable;

    /** The call has thrown, perhaps an error before {@link #invoke} could begin. */
    public void threw() {}
}
