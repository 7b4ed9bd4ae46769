// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.util.concurrent.atomic.AtomicInteger;

/** The ids of items, see {@link Worker#name}. They start again when 2^32 of them have been given. */
final class ItemIds {
    /** Ids that a worker takes at a time. */
    private static final int MANY = 1024;

    private static final AtomicInteger LAST = new AtomicInteger();

    private ItemIds() {}

    /** Returns an id, which is not 0. */
    static int next() {
        int id = LAST.incrementAndGet();
        return id == 0 ? next() : id;
    }

    /**
     * Returns an id for a worker, which is not 0.
     *
     * @param last the one that it got before, or 0
     */
    static int next(int last) {
        int base = last % MANY == 0 ? LAST.getAndAdd(MANY) : last;
        // A range may begin anywhere, as single ids are given too. It ends at the next multiple of its length.
        return base + 1 == 0 ? next(0) : base + 1;
    }
}
