// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/**
 * The spin mutexes that one thread holds, and the level to which each release goes back. Only the thread itself uses
 * this object.
 */
@SuppressWarnings("ReferenceEquality") // mutexes are compared by identity
public final class HeldMutexes {
    /** One mutex, as its holder sees it. The holder alone reads and writes it. */
    public static final class Entry {
        private final Lock mutex;
        private final int rank;
        private final boolean perMutex;
        private int oldLevel; // OpenBSD
        private @Nullable Entry below;

        /**
         * For a mutex.
         *
         * @param mutex it
         * @param rank of its level
         * @param perMutex whether it keeps the level before it, as OpenBSD's do
         */
        public Entry(Lock mutex, int rank, boolean perMutex) {
            this.mutex = mutex;
            this.rank = rank;
            this.perMutex = perMutex;
        }
    }

    private int count;
    private int floor; // the highest level of all mutexes, or what releases in the wrong order have left of it
    private int base; // the level before the first
    private int counted; // NetBSD's
    private int countedOldLevel; // the level before the first of NetBSD's
    private @Nullable Entry top; // the last taken

    HeldMutexes() {}

    /**
     * How many spin mutexes are held.
     *
     * @return 0 if none is
     */
    public int count() {
        return count;
    }

    /** The rank below which the level must not go. */
    public int floor() {
        return floor;
    }

    /** Whether a mutex of NetBSD's is held, which keeps the level up. */
    boolean keepsLevel() {
        return counted > 0;
    }

    /**
     * The mutex that was taken last.
     *
     * @return null if none is held
     */
    public @Nullable Lock last() {
        Entry entry = top;
        return entry == null ? null : entry.mutex;
    }

    /**
     * Notes a mutex that was taken.
     *
     * @param entry the mutex
     * @param before rank of the level before it
     */
    public void taken(Entry entry, int before) {
        // No calls in this block: an error would leave half of the changes.
        if (count++ == 0) {
            base = before;
        }
        entry.below = top;
        top = entry;
        floor = floor > entry.rank ? floor : entry.rank;
        if (entry.perMutex) {
            entry.oldLevel = before;
        } else if (counted++ == 0) {
            countedOldLevel = before;
        }
    }

    /**
     * The level to which the release of a mutex would go back.
     *
     * @param entry a mutex that is held
     * @param now rank of the level
     * @return at most the level now
     */
    public int levelAfter(Entry entry, int now) {
        int old;
        if (count == 1) {
            old = base;
        } else if (counted == 0) {
            old = entry.oldLevel;
        } else {
            int own = entry.perMutex ? entry.oldLevel : counted == 1 ? countedOldLevel : now;
            old = Math.max(own, highest(entry));
        }
        return Math.min(old, now);
    }

    /** Returns the highest rank of the mutexes that are held, except one. */
    private int highest(@Nullable Entry but) {
        int highest = 0;
        for (Entry held = top; held != null; held = held.below) {
            highest = held == but ? highest : Math.max(highest, held.rank);
        }
        return highest;
    }

    /**
     * Takes a mutex off the list and sets it free. After an error, either both are done or neither.
     *
     * @param entry the mutex
     * @param lock what it is made of
     * @param old what {@link #levelAfter} has said
     */
    public void release(Entry entry, Turnstile lock, int old) {
        int floorAfter = Math.min(highest(entry), old);
        Entry above = above(entry);
        Entry under = entry.below;
        int floorBefore = floor;
        int one = entry.perMutex ? 0 : 1;
        if (above == null) {
            top = under;
        } else {
            above.below = under;
        }
        entry.below = null;
        count--;
        counted -= one;
        floor = floorAfter;
        try {
            lock.leave();
        } catch (Throwable once) {
            if (lock.isMine()) {
                if (above == null) {
                    top = entry;
                } else {
                    above.below = entry;
                }
                entry.below = under;
                count++;
                counted += one;
                floor = floorBefore;
            }
            throw once;
        }
    }

    /** Returns the mutex that was taken next, or null if this is the last one. */
    private @Nullable Entry above(Entry entry) {
        if (top == entry) {
            return null;
        }
        Entry above = top;
        while (above != null && above.below != entry) {
            above = above.below;
        }
        return above;
    }

    /** Returns the entry of a lock, if the lock is a spin mutex that this thread holds. */
    @Nullable
    Entry find(@Nullable Lock lock) {
        Entry held = top;
        while (held != null && held.mutex != lock) {
            held = held.below;
        }
        return held;
    }

    /**
     * Releases the mutexes that were taken since so many were held. Returns their names as a clause, or an empty text.
     */
    String releaseAbove(int held) {
        StringBuilder names = new StringBuilder();
        for (Entry last = top; last != null && count > held; last = top) {
            names.append(names.length() == 0 ? " with " : " and ").append(last.mutex);
            last.mutex.unlock();
        }
        return names.length() == 0 ? "" : names.append(" held").toString();
    }
}
