// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import org.jspecify.annotations.Nullable;
import org.percpu.queue.Barriers.Barrier;

/**
 * The items that the only worker of a shared queue has taken together, under one lock, and then starts one by one
 * without the lock.
 *
 * <p>An item of the portion is pending under the number {@code taken} instead of the queue's number. The worker claims
 * it by a compare-and-set from {@code taken} to {@code starting}. A thread that takes items back gives the rest of the portion back to
 * the ready list first, from the newest item to the oldest, by compare-and-sets from {@code taken} to the queue's
 * number. The first one that fails is of an item that has started, and so have all older ones. Only the worker writes
 * {@code taken} into an item, so an item that was taken back and added again is never mistaken for one of the portion,
 * although the worker may still have a link to it. The links of an item change only when it is not in the portion.
 */
final class Portion extends Padded {
    /** The most items of a portion: taking one item back may have to give so many back. */
    private static final int MOST = 64;

    /** The number under which items of the portion are pending. */
    final int taken;

    /** The number of the item that the worker is about to start. No other thread touches such an item. */
    final int starting;

    private final int number;
    private final ReadyList ready;

    // Under the queue's lock.
    private @Nullable Worker worker;
    private @Nullable Item newest;
    private @Nullable Item returned; // the oldest item that was given back and is not linked yet, after an error
    private int count;

    @SuppressWarnings("UnusedVariable") // keeps what lies behind off the line
    private int q00, q01, q02, q03, q04, q05, q06, q07, q08, q09, q10, q11, q12, q13, q14, q15;

    Portion(int number, ReadyList ready) {
        this.number = number;
        this.taken = number | Inlet.TAKEN;
        this.starting = number | Inlet.STARTING;
        this.ready = ready;
    }

    /** Worker: takes the first items of the ready list up to the next barrier. After an error it is called again. */
    void take(Worker me, Item oldest) {
        // An error in here leaves the items in the ready list, and the worker marks them once more.
        Item end = oldest;
        int items = 0;
        for (Item item = oldest; item != null && items < MOST && !(item instanceof Barrier); item = item.newer) {
            int named = me.name(item);
            assert named != 0;
            Item.OWNER.setOpaque(item, taken);
            end = item;
            items++;
        }
        WorkerProgress.BATCH.setRelease(me, end);
        long due = me.executed + items;
        ready.removeFirst(end, items);
        // No call up to the end.
        me.due = due;
        worker = me;
        newest = end;
        returned = null;
        count = 0;
    }

    /** Gives the items that have not started back to the ready list. After an error it is called again. */
    @SuppressWarnings("NonAtomicVolatileUpdate") // the lock of the queue is held
    void giveBack() {
        Item oldest = returned;
        Item item = oldest == null ? newest : oldest.older;
        while (item != null && Item.OWNER.compareAndSet(item, taken, number)) {
            oldest = item;
            returned = item;
            count++;
            item = item.older;
        }
        Item end = newest;
        if (oldest != null && end != null) {
            // No call up to the end.
            Worker mine = worker;
            if (mine != null) {
                // From there the running item is found.
                mine.batch = oldest.older;
                mine.due -= count;
            }
            ready.addFirst(oldest, end, count);
        }
        newest = null;
        returned = null;
        count = 0;
    }

    /** Worker: looks for more, so nothing of the portion is left to start. */
    void end() {
        if (isHalfGivenBack()) {
            giveBack();
        }
        newest = null;
    }

    /** Whether an error has kept {@link #giveBack} from its end. */
    boolean isHalfGivenBack() {
        return returned != null;
    }

    /** Whether an item has not started. It may be stale on return. */
    boolean isLeft() {
        Item last = newest;
        return last != null && last.owner() == taken;
    }
}
