// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import org.percpu.kernel.WaitStrategy;

/**
 * How long an idle worker looks for items before it parks. With {@link WaitStrategy#SPIN_THEN_PARK} the limit adapts. A
 * short park makes the next spin longer, since spinning on would have been better. A long park makes the next spin
 * shorter, so that a queue which is rarely used costs its CPU little.
 *
 * <p>The workers of a shared queue change the limit without a lock. A lost update does no harm, as the limit is a
 * guess.
 */
final class Spinning extends Padded {
    /** Fewest looks of a spin. One look takes about as long as the processor's pause instruction, 10 to 50 ns. */
    static final int LEAST = 50;

    static final int MOST = 4_000;

    /** A park that is over within this time was short. The time is longer than a sleep and a wake-up cost. */
    static final long SOON_NANOS = 50_000;

    private final WaitStrategy strategy;
    private int limit = MOST / 2;

    Spinning(WaitStrategy strategy) {
        this.strategy = strategy;
    }

    /** Returns whether a worker that has looked so many times looks once more. */
    boolean goesOn(int looks) {
        return strategy == WaitStrategy.BUSY_SPIN || (strategy == WaitStrategy.SPIN_THEN_PARK && looks < limit);
    }

    /** Adapts the limit: a worker found nothing, parked, and was woken after this time. */
    void parked(long nanos) {
        limit = nanos < SOON_NANOS ? Math.min(limit * 2, MOST) : Math.max(limit / 2, LEAST);
    }
}
