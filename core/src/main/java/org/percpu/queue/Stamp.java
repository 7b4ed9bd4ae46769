// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

/**
 * The time of an enqueue in an int, so that it fits beside an id in {@link Stamps}. The unit is 256 ns, and
 * the clock comes round after 18 minutes: an item that waits longer seems to have waited less.
 */
final class Stamp {
    /** What {@link #waited} returns for an item without a stamp. */
    static final long UNKNOWN = -1;

    private static final int SHIFT = 8;

    private Stamp() {}

    /** Returns the time now, which is never 0. */
    static int now() {
        int now = (int) (System.nanoTime() >>> SHIFT);
        return now == 0 ? 1 : now;
    }

    /**
     * Returns how long ago a stamp was made, in nanoseconds.
     *
     * @param stamp 0 for none
     * @param nanoTime by System.nanoTime()
     */
    static long waited(int stamp, long nanoTime) {
        return stamp == 0 ? UNKNOWN : Integer.toUnsignedLong((int) (nanoTime >>> SHIFT) - stamp) << SHIFT;
    }
}
