// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.clock;

import org.jspecify.annotations.Nullable;

/**
 * A hierarchical timing wheel (Varghese and Lauck, scheme 7) for times in nanoseconds. Adding and removing take constant
 * time and allocate nothing. Entries come out in the order of their times, and those of one time in the order in which
 * they were added.
 *
 * <p>A time has eleven digits to the base 64. The wheel stands at a time, its {@code base}. An entry lies on the level
 * of the highest digit in which its time differs from the base, in the slot of the value that this digit has in its
 * time. So entries of a level are due before those of a higher level, those of a slot before those of a later slot, and
 * all entries of one time lie in one list. This holds all the time. When the base reaches a slot, the entries of the
 * slot move to lower levels, in their order, before anything else comes out.
 *
 * <p>That move may concern a million entries, and the caller holds a lock. So {@link #advance} moves a limited number
 * and goes on in the next call. Until then the rest stay in their slot, and a new entry whose time is one of theirs goes
 * to the end of their list.
 *
 * <p>The eleventh level has the last four bits. There the slots before that of the base follow after the last one, so
 * that times may wrap. A time and the base must lie less than 2^63 apart. Not safe for use by several threads.
 */
final class Wheel {
    private static final int BITS = 6;
    private static final int SLOTS = 1 << BITS;
    private static final int LEVELS = (Long.SIZE + BITS - 1) / BITS;
    private static final int TOP = LEVELS - 1;
    private static final int TOP_SLOTS = 1 << (Long.SIZE - TOP * BITS);

    /** The list of the entries whose time is over, in the place behind all slots. */
    private static final int DUE = LEVELS * SLOTS;

    private static final int NONE = -1;

    private final @Nullable Entry[] first = new Entry[DUE + 1];
    private final @Nullable Entry[] last = new Entry[DUE + 1];

    /** No entry of a slot has an earlier time. The earliest one may have been removed. */
    private final long[] earliest = new long[DUE];

    private final long[] occupied = new long[LEVELS]; // a bit for each slot that has entries
    private int levels; // a bit for each level that has entries
    private int size;
    private long base;

    /** The slot whose entries are being moved, or {@link #NONE}. The base is the first time of this slot. */
    private int moving = NONE;

    /**
     * An empty wheel.
     *
     * @param now the time at which it stands
     */
    Wheel(long now) {
        base = now;
    }

    /** How many entries there are, those that are due included. */
    int size() {
        return size;
    }

    /** Whether {@link #advance} has more to do. */
    boolean isMoving() {
        return moving != NONE;
    }

    /** Adds an entry, or moves it if it is on this wheel. A time that is not after the base is due at once. */
    void put(Entry entry, long deadline) {
        int slot = slotOf(deadline);
        relink(entry, entry.slot, slot, deadline);
    }

    /** Removes an entry that is on this wheel. */
    void remove(Entry entry) {
        relink(entry, entry.slot, Entry.NOWHERE, entry.deadline);
    }

    /**
     * Makes the entries due whose time is over.
     *
     * @param now the time
     * @param most how many entries to move to other levels at most; {@link #isMoving} tells if this was too few
     */
    void advance(long now, int most) {
        int left = most;
        while (true) {
            int slot = moving;
            if (slot == NONE) {
                if (levels == 0) {
                    break;
                }
                int level = Integer.numberOfTrailingZeros(levels);
                slot = level * SLOTS + firstOf(level);
                long start = startOf(slot);
                if (start - now > 0) {
                    break;
                }
                base = start;
                Entry only = first[slot];
                if (only != null && only.next == null && only.deadline - now <= 0) {
                    // It is alone in its slot, so there is nothing to sort.
                    relink(only, slot, DUE, only.deadline);
                    continue;
                }
                moving = slot;
            }
            left = move(slot, left);
            if (left < 0) {
                return;
            }
            moving = NONE;
        }
        if (now - base > 0) {
            base = now;
        }
    }

    /** Returns how many moves are left, or -1 if there were too few. */
    private int move(int slot, int moves) {
        int left = moves;
        Entry entry = first[slot];
        while (entry != null) {
            if (left == 0) {
                return -1;
            }
            left--;
            int to = slotBelow(entry.deadline);
            relink(entry, slot, to, entry.deadline);
            entry = first[slot];
        }
        return left;
    }

    /** Takes the first entry that is due. Returns null if there is none. */
    @Nullable
    Entry poll() {
        Entry entry = first[DUE];
        if (entry != null) {
            remove(entry);
        }
        return entry;
    }

    /** One of the first entries; null if there is none. */
    @Nullable
    Entry peek() {
        Entry entry = first[DUE];
        if (entry == null && levels != 0) {
            int level = Integer.numberOfTrailingZeros(levels);
            entry = first[level * SLOTS + firstOf(level)];
        }
        return entry;
    }

    /** Takes any entry. Returns null if there is none. */
    @Nullable
    Entry pollAny() {
        Entry entry = peek();
        if (entry != null) {
            remove(entry);
        }
        return entry;
    }

    /**
     * When to call {@link #advance} next, of a wheel that is not empty. No entry is due before that, and perhaps none
     * is due then, since the earliest one may have been removed.
     */
    long next() {
        if (first[DUE] != null || moving != NONE) {
            return base;
        }
        int level = Integer.numberOfTrailingZeros(levels);
        return earliest[level * SLOTS + firstOf(level)];
    }

    private int slotOf(long deadline) {
        long ahead = deadline - base;
        if (ahead <= 0) {
            return ahead == 0 && moving != NONE ? moving : DUE;
        }
        int level = levelOf(deadline);
        if (moving != NONE && level < moving / SLOTS) {
            // Entries of the same time may still wait to be moved.
            return moving;
        }
        return level * SLOTS + digit(deadline, level);
    }

    /** Where an entry of the slot that is being moved goes. */
    private int slotBelow(long deadline) {
        if (deadline == base) {
            return DUE;
        }
        int level = levelOf(deadline);
        return level * SLOTS + digit(deadline, level);
    }

    private int levelOf(long deadline) {
        return (Long.SIZE - 1 - Long.numberOfLeadingZeros(deadline ^ base)) / BITS;
    }

    private static int digit(long time, int level) {
        return (int) (time >>> (level * BITS)) & (SLOTS - 1);
    }

    /** The first slot of a level that has entries, counted from the base. */
    private int firstOf(int level) {
        long slots = occupied[level];
        if (level == TOP) {
            int at = digit(base, TOP);
            long turned = (slots | slots << TOP_SLOTS) >>> at;
            return (at + Long.numberOfTrailingZeros(turned)) & (TOP_SLOTS - 1);
        }
        return Long.numberOfTrailingZeros(slots);
    }

    /** The first time of a slot. */
    private long startOf(int slot) {
        int level = slot / SLOTS;
        long digit = slot % SLOTS;
        long above = level == TOP ? 0 : base & -1L << ((level + 1) * BITS);
        return above | digit << (level * BITS);
    }

    /**
     * Takes an entry out of a slot and puts it at the end of another; either may be {@link Entry#NOWHERE}. This makes no
     * call: an error comes before it, and leaves the entry where it was.
     */
    private void relink(Entry entry, int from, int to, long deadline) {
        if (from != Entry.NOWHERE) {
            Entry before = entry.prev;
            Entry after = entry.next;
            if (before != null) {
                before.next = after;
                entry.prev = null;
            } else {
                first[from] = after;
            }
            if (after != null) {
                after.prev = before;
                entry.next = null;
            } else {
                last[from] = before;
            }
            if (before == null && after == null && from != DUE) {
                int level = from / SLOTS;
                occupied[level] &= ~(1L << from);
                if (occupied[level] == 0) {
                    levels &= ~(1 << level);
                }
            }
            size--;
        }
        entry.slot = to;
        entry.deadline = deadline;
        if (to != Entry.NOWHERE) {
            Entry tail = last[to];
            last[to] = entry;
            if (tail != null) {
                entry.prev = tail;
                tail.next = entry;
                if (to != DUE && deadline - earliest[to] < 0) {
                    earliest[to] = deadline;
                }
            } else {
                first[to] = entry;
                if (to != DUE) {
                    int level = to / SLOTS;
                    earliest[to] = deadline;
                    occupied[level] |= 1L << to;
                    levels |= 1 << level;
                }
            }
            size++;
        }
    }
}
