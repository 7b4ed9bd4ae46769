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
 * The queues by number. An item names its queue by a number. A reference that is written into an old object costs a
 * store barrier of the collector, with a fence in it, for each enqueue.
 *
 * @param <Q> the type of the queues
 */
final class QueueNumbers<Q> {
    /** The greatest number, all bits set. */
    static final int MOST = (1 << 28) - 1;

    private static final class Entry<Q> extends WeakReference<Q> {
        private final int number;

        Entry(Q queue, int number, ReferenceQueue<Q> gone) {
            super(queue, gone);
            this.number = number;
        }
    }

    private final ReferenceQueue<Q> gone = new ReferenceQueue<>();
    private final Map<Integer, Entry<Q>> entries = new ConcurrentHashMap<>();
    private final AtomicInteger last = new AtomicInteger();

    /** Gives a queue a number from 1 to {@link #MOST} that no other queue has. */
    int add(Q queue) {
        for (Reference<? extends Q> old = gone.poll(); old != null; old = gone.poll()) {
            entries.remove(((Entry<?>) old).number);
        }
        int number;
        do {
            number = last.incrementAndGet() & MOST;
        } while (number == 0 || entries.putIfAbsent(number, new Entry<>(queue, number, gone)) != null);
        return number;
    }

    /** Returns the queue of a number; null for 0. */
    @Nullable
    Q get(int number) {
        Entry<Q> entry = entries.get(number);
        return entry == null ? null : entry.get();
    }
}
