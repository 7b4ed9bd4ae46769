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
 * Many producers, and consumers who take everything: a list whose newest item is the head. Empty is null, or a marker that says what the
 * consumer does.
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

    private static final Item PARKED = new Marker();
    private static final Item SHUT = new Marker();

    /** Together about a microsecond; one look, which is all if nothing more comes, is a tenth of that. */
    private static final int GATHER_LOOKS = 8;

    private static final int GATHER_SPINS = 4;

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

    /** Any thread. Lock-free, allocates nothing. */
    Push push(Item item) {
        while (true) {
            Item found = head;
            if (found == SHUT) {
                return Push.CLOSED;
            }
            item.next = found == PARKED ? null : found;
            if (HEAD.compareAndSet(this, found, item)) {
                return found == PARKED ? Push.RING : Push.DONE;
            }
        }
    }

    /** Any taker: everything pushed so far, oldest first, or null. Leaves markers alone. */
    @Nullable
    Item takeAll() {
        Item newest;
        do {
            newest = head;
            if (isMarker(newest)) {
                return null;
            }
        } while (!HEAD.compareAndSet(this, newest, null));
        Item oldest = null;
        while (newest != null) {
            Item older = newest.next;
            newest.next = oldest;
            oldest = newest;
            newest = older;
        }
        return oldest;
    }

    /** Consumer: says that it, or another, is going to sleep; false if there is something to take. */
    boolean park() {
        return HEAD.compareAndSet(this, null, PARKED) || head == PARKED;
    }

    /** Any thread: takes the marker away; true if it was there, and then whoever took it must ring. */
    boolean unpark() {
        return HEAD.compareAndSet(this, PARKED, null);
    }

    /** Consumer: shuts an empty inbox; false if there is something to take. */
    boolean close() {
        return HEAD.compareAndSet(this, null, SHUT) || HEAD.compareAndSet(this, PARKED, SHUT) || head == SHUT;
    }

    /** Nothing to take; history as soon as it is known. */
    boolean isEmpty() {
        return isMarker(head);
    }

    private static boolean isMarker(@Nullable Item item) {
        return item == null || item == PARKED || item == SHUT;
    }

    /**
     * Consumer that keeps pace with a stream: lets it gather. To take items two by two would move this cache line to and fro for each
     * pair; while more come in, a moment's wait makes a batch of them.
     */
    void gather() {
        Item seen = head;
        for (int look = 0; look < GATHER_LOOKS; look++) {
            for (int i = 0; i < GATHER_SPINS; i++) {
                Thread.onSpinWait();
            }
            Item found = head;
            if (found == seen) {
                return;
            }
            seen = found;
        }
    }

    /** How many items wait, counted by walking them; an estimate while a taker is at work. */
    int size(int atMost) {
        Item item = head;
        int size = 0;
        while (item != null && !isMarker(item) && size < atMost) {
            size++;
            item = item.next;
        }
        return size;
    }
}
