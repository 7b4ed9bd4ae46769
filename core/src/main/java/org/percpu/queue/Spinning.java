// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import org.percpu.kernel.WaitStrategy;

/**
 * How long an idle worker looks for items before it parks. With {@link WaitStrategy#SPIN_THEN_PARK} that adapts: a park that was soon
 * over makes the next spin longer, as spinning on would have been better; a long one makes it shorter, so that a queue which is used now
 * and then costs its CPU little.
 *
 * <p>The workers of a shared queue change the limit without a lock; what gets lost was a guess anyhow.
 */
final class Spinning extends Padded {
    /** A look takes about as long as the processor's pause instruction, 10 to 50 ns. */
    static final int LEAST = 50;

    static final int MOST = 4_000;

    /** What a sleep and a wake-up cost, and more. */
    static final long SOON_NANOS = 50_000;

    private final WaitStrategy strategy;
    private int limit = MOST / 2;

    Spinning(WaitStrategy strategy) {
        this.strategy = strategy;
    }

    /** Whether a worker that has looked so many times looks once more. */
    boolean goesOn(int looks) {
        return strategy == WaitStrategy.BUSY_SPIN || (strategy == WaitStrategy.SPIN_THEN_PARK && looks < limit);
    }

    /** A worker found nothing, parked, and was woken after so long. */
    void parked(long nanos) {
        limit = nanos < SOON_NANOS ? Math.min(limit * 2, MOST) : Math.max(limit / 2, LEAST);
    }
}
