// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.util.concurrent.atomic.AtomicLongArray;
import org.jspecify.annotations.Nullable;

/**
 * When items were enqueued, by their {@linkplain Item#id id}. It is a table for all queues of the process, because an item
 * has no room for a time. Two items share a place if their ids differ by a multiple of 65536. Then the one that was
 * enqueued last keeps it, and how long the other one waited is not known.
 */
final class Stamps {
    private static final int PLACES = 1 << 16;

    /** Null until somebody wants to know how long items wait. A place holds an id above a stamp. */
    private static volatile @Nullable AtomicLongArray table;

    private Stamps() {}

    /** Makes the table, 512 KiB. An enqueue does not, as it allocates nothing. */
    static void make() {
        if (table == null) {
            table = new AtomicLongArray(PLACES);
        }
    }

    /** Keeps a time; the push of the item makes it visible to the worker. */
    static void put(int id, int stamp) {
        AtomicLongArray places = table;
        if (places != null) {
            places.setPlain(id & (PLACES - 1), (long) id << Integer.SIZE | Integer.toUnsignedLong(stamp));
        }
    }

    /** Worker: returns the time and forgets it, or 0 if there is none. */
    static int take(int id) {
        AtomicLongArray places = table;
        if (places == null) {
            return 0;
        }
        int at = id & (PLACES - 1);
        long place = places.getPlain(at);
        if (place >>> Integer.SIZE != Integer.toUnsignedLong(id)) {
            return 0;
        }
        places.setPlain(at, 0);
        return (int) place;
    }
}
