// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import org.jspecify.annotations.Nullable;

/** The items of a shared queue that have left the inbox, in their order. Everything is called under the queue's lock. */
@SuppressWarnings("ReferenceEquality") // a task may define equals; its place in a queue is identity
final class ReadyList extends Padded {
    @Nullable
    Item first;

    @Nullable
    Item last;

    /**
     * How many items are linked. Written under the lock. Read without the lock, after a look at the inbox, which is
     * volatile.
     */
    int size;

    /** How many items came out of the inbox together; 0 after a sleep. */
    int lately;

    @SuppressWarnings("UnusedVariable") // keeps what lies behind off the line
    private int q00, q01, q02, q03, q04, q05, q06, q07, q08, q09, q10, q11, q12, q13, q14, q15;

    ReadyList() {}

    /** Puts linked items before the first one. Makes no call. */
    void addFirst(Item oldest, Item newest, int count) {
        Item next = first;
        oldest.older = null;
        newest.newer = next;
        if (next == null) {
            last = newest;
        } else {
            next.older = newest;
        }
        first = oldest;
        size += count;
    }

    /** Takes the first items out, which stay linked. Makes no call. */
    void removeFirst(Item newest, int count) {
        Item next = newest.newer;
        newest.newer = null;
        first = next;
        if (next == null) {
            last = null;
        } else {
            next.older = null;
        }
        size -= count;
    }

    /** Whether an item that is pending on the queue is linked here. */
    boolean links(Item item) {
        return item == last || item.newer != null;
    }

    void unlink(Item item) {
        Item older = item.older;
        Item newer = item.newer;
        if (older == null) {
            first = newer;
        } else {
            older.newer = newer;
        }
        if (newer == null) {
            last = older;
        } else {
            newer.older = older;
        }
        item.older = null;
        item.newer = null;
        size--;
    }
}
