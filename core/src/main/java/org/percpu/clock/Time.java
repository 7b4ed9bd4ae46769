// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.clock;

import java.time.Duration;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;

/** The time by which timers run, CLOCK_MONOTONIC in nanoseconds, and spans of it. */
public final class Time {
    /** A moment that never comes: 292 years after the boot. */
    public static final long NEVER = Long.MAX_VALUE;

    static final long SECOND = 1_000_000_000L;

    // A constant, so that the compiler knows the backend.
    private static final LinuxCalls LINUX = Backend.linux();

    private Time() {}

    /**
     * The time.
     *
     * @return nanoseconds since the boot of the machine; on a real machine those of {@link System#nanoTime()}
     */
    public static long now() {
        return LINUX.clock_gettime(LinuxCalls.CLOCK_MONOTONIC);
    }

    /**
     * A moment from now.
     *
     * @param nanos a span, not negative
     * @return at most {@link #NEVER}
     */
    public static long after(long nanos) {
        long moment = now() + nanos;
        return moment < 0 ? NEVER : moment;
    }

    /**
     * The span of some ticks, rounded up.
     *
     * @param ticks not negative
     * @param hz ticks for each second
     * @return nanoseconds
     */
    public static long ofTicks(int ticks, int hz) {
        long rest = ticks % hz * SECOND;
        return ticks / hz * SECOND + (rest + hz - 1) / hz;
    }

    /**
     * A span in nanoseconds.
     *
     * @param span not negative
     * @return at most {@link #NEVER}
     */
    public static long nanos(Duration span) {
        return span.toSeconds() >= NEVER / SECOND ? NEVER : span.toNanos();
    }
}
