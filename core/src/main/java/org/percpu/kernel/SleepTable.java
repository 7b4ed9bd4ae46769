// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import org.jspecify.annotations.Nullable;
import org.percpu.lwp.WaitChannel;

/**
 * The channels of the objects on which threads sleep, by identity. The user guards the table. As {@code SleepQueue}, it
 * calls nothing between two stores, so the end of a stack cannot leave it half changed.
 */
@SuppressWarnings("ReferenceEquality")
final class SleepTable {
    private static final class Entry {
        private final Object ident;
        private final WaitChannel channel = new WaitChannel();
        private @Nullable Entry next;

        Entry(Object ident, @Nullable Entry next) {
            this.ident = ident;
            this.next = next;
        }
    }

    private static final int SIZE = 64; // a power of 2

    private final @Nullable Entry[] heads = new Entry[SIZE];

    /** The channel of an object, or null if there is none. */
    @Nullable
    WaitChannel find(Object ident) {
        Entry entry = heads[index(ident)];
        while (entry != null && entry.ident != ident) {
            entry = entry.next;
        }
        return entry == null ? null : entry.channel;
    }

    /** The channel of an object, which is made where there is none. */
    WaitChannel of(Object ident) {
        WaitChannel known = find(ident);
        if (known != null) {
            return known;
        }
        int index = index(ident);
        Entry entry = new Entry(ident, heads[index]);
        heads[index] = entry;
        return entry.channel;
    }

    /** The object has no channel any more. */
    void remove(Object ident) {
        int index = index(ident);
        Entry before = null;
        Entry entry = heads[index];
        while (entry != null && entry.ident != ident) {
            before = entry;
            entry = entry.next;
        }
        if (entry == null) {
            return;
        }
        if (before == null) {
            heads[index] = entry.next;
        } else {
            before.next = entry.next;
        }
    }

    private static int index(Object ident) {
        int hash = System.identityHashCode(ident);
        return (hash ^ (hash >>> 16)) & (SIZE - 1);
    }
}
