// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/** The one word that producers and the worker both write. */
abstract class InboxHead extends Padded {
    volatile @Nullable Item head;
}

/**
 * Many producers, and consumers who take everything: a list whose newest item is the head. Empty is null, or a marker
 * that says what the consumer does.
 */
@SuppressWarnings("ReferenceEquality") // a work may define equals; its place in a queue is identity
final class Inbox extends InboxHead {
    /** What a push found. */
    enum Push {
        /** The item is in; the consumer is awake. */
        DONE,
        /** The item is in; the consumer sleeps and the pusher must ring. */
        RING,
        /** The inbox takes nothing more; the item is not in. */
        CLOSED
    }

    private static final class Marker extends Item {}

    /** Loaded before the first push: after the compare-and-set no step may fail. */
    private static final Push RING = Push.RING;

    private static final Push DONE = Push.DONE;

    private static final Item PARKED = new Marker();
    private static final Item SHUT = new Marker();

    /**
     * A pause takes some 40 ns on the machine where this was measured. So the wait is at most 10 us, and at most 80 ns
     * for each item of the last batch.
     */
    private static final int GATHER_PAUSES = 256;

    private static final int GATHER_PAUSES_PER_ITEM = 2;

    private static final VarHandle HEAD;

    static {
        try {
            HEAD = MethodHandles.lookup().findVarHandle(InboxHead.class, "head", Item.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    @SuppressWarnings("UnusedVariable") // keeps what lies behind off the line
    private int q00, q01, q02, q03, q04, q05, q06, q07, q08, q09, q10, q11, q12, q13, q14, q15;

    /** Any thread: pushes an item. Lock-free, allocates nothing. */
    Push push(Item item) {
        while (true) {
            Item found = head;
            if (found == SHUT) {
                item.older = null;
                return Push.CLOSED;
            }
            item.older = found == PARKED ? null : found;
            if (HEAD.compareAndSet(this, found, item)) {
                return found == PARKED ? RING : DONE;
            }
        }
    }

    /**
     * Any taker: takes everything pushed so far. Returns the newest item, whose links lead to the older ones, or null.
     * Leaves markers alone.
     */
    @Nullable
    Item take() {
        Item newest;
        do {
            newest = head;
            if (isMarker(newest)) {
                return null;
            }
        } while (!HEAD.compareAndSet(this, newest, null));
        return newest;
    }

    /**
     * A taker that keeps all others out: puts back what it has taken, behind what was pushed meanwhile. Returns RING if
     * the consumer must be woken. The inbox is not shut.
     */
    Push putBack(Item newest) {
        while (true) {
            Item found = head;
            if (found != null && !isMarker(found)) {
                Item oldest = found;
                for (Item older = oldest.older; older != null; older = oldest.older) {
                    oldest = older;
                }
                oldest.older = newest;
                return DONE;
            }
            if (HEAD.compareAndSet(this, found, newest)) {
                return found == null ? DONE : RING;
            }
        }
    }

    /** Taker: links the items that it has taken in the other direction as well. Returns the oldest. */
    static Item linkNewer(Item newest) {
        Item item = newest;
        for (Item older = item.older; older != null; older = item.older) {
            older.newer = item;
            item = older;
        }
        return item;
    }

    /**
     * Consumer: sets the marker that it, or another consumer, is going to sleep. Returns false if there is something to
     * take.
     */
    boolean park() {
        return HEAD.compareAndSet(this, null, PARKED) || head == PARKED;
    }

    /** Any thread: takes the marker away. Returns true if it was there; the caller must then ring. */
    boolean unpark() {
        return HEAD.compareAndSet(this, PARKED, null);
    }

    /** Consumer: shuts an empty inbox. Returns false if there is something to take. */
    boolean close() {
        return HEAD.compareAndSet(this, null, SHUT) || HEAD.compareAndSet(this, PARKED, SHUT) || head == SHUT;
    }

    /** Whether the inbox takes nothing more; true for ever then. */
    boolean isShut() {
        return head == SHUT;
    }

    /** Whether there is nothing to take. It may be stale on return. */
    boolean isEmpty() {
        return isMarker(head);
    }

    private static boolean isMarker(@Nullable Item item) {
        return item == null || item == PARKED || item == SHUT;
    }

    /**
     * For a consumer that keeps pace with a stream: waits, so that items gather. The more items the last batch had, the
     * longer the wait. Taking items two by two would move the head's cache line to and fro for each pair. The consumer
     * must not look at the head meanwhile, as a look takes the line away from the producers too.
     */
    static void gather(int itemsRun) {
        int pauses = Math.min(itemsRun, GATHER_PAUSES / GATHER_PAUSES_PER_ITEM) * GATHER_PAUSES_PER_ITEM;
        for (int i = 0; i < pauses; i++) {
            Thread.onSpinWait();
        }
    }

    /** Counts the waiting items by walking the list. The result is an estimate while a taker is at work. */
    int size() {
        Item item = head;
        int size = 0;
        while (item != null && !isMarker(item)) {
            size++;
            item = item.older;
        }
        return size;
    }
}
