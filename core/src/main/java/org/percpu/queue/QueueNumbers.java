// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The queues by number. An item names its queue by a number, as a reference written into an old object costs a store barrier of the
 * collector, with a fence in it, for each enqueue.
 */
final class QueueNumbers {
    private static final class Entry extends WeakReference<ItemQueue> {
        private final int number;

        Entry(ItemQueue queue, int number) {
            super(queue, GONE);
            this.number = number;
        }
    }

    private static final ReferenceQueue<ItemQueue> GONE = new ReferenceQueue<>();
    private static final Map<Integer, Entry> ENTRIES = new ConcurrentHashMap<>();
    private static final AtomicInteger LAST = new AtomicInteger();

    private QueueNumbers() {}

    /** Gives a queue a number that is not 0 and that no other queue has. */
    static int add(ItemQueue queue) {
        for (Reference<? extends ItemQueue> gone = GONE.poll(); gone != null; gone = GONE.poll()) {
            ENTRIES.remove(((Entry) gone).number);
        }
        int number;
        do {
            number = LAST.incrementAndGet();
        } while (number == 0 || ENTRIES.putIfAbsent(number, new Entry(queue, number)) != null);
        return number;
    }

    /** Null for 0. */
    static @Nullable ItemQueue get(int number) {
        Entry entry = ENTRIES.get(number);
        return entry == null ? null : entry.get();
    }
}
