// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import java.time.Duration;
import org.percpu.bindings.spi.Argument;

/** One time limit over several waits. */
public final class Deadline {
    /** A time that never runs out. */
    public static final Duration FOREVER = Duration.ofNanos(Long.MAX_VALUE);

    private final Duration atMost;
    private final long start = System.nanoTime();

    private Deadline(Duration atMost) {
        this.atMost = atMost;
    }

    /**
     * Starts the clock.
     *
     * @param atMost how long, not negative, {@link #FOREVER} for no limit
     * @return the limit
     * @throws org.percpu.bindings.spi.ErrnoException EINVAL if the time is null or negative
     */
    public static Deadline after(Duration atMost) {
        return new Deadline(Argument.requireTime(atMost, "a deadline", "atMost"));
    }

    /**
     * The time that is left.
     *
     * @return never negative
     */
    public Duration left() {
        if (atMost.compareTo(FOREVER) >= 0) {
            return FOREVER;
        }
        Duration left = atMost.minusNanos(System.nanoTime() - start);
        return left.isNegative() ? Duration.ZERO : left;
    }

    /**
     * Whether the time has run out.
     *
     * @return false for ever if there is no limit
     */
    public boolean isOver() {
        return left().isZero();
    }
}
