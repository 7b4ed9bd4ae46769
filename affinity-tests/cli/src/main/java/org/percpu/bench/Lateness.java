// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;

/** How late one contender was on one CPU. Noting a sample allocates nothing. */
public final class Lateness {
    private static final long MOST = TimeUnit.SECONDS.toNanos(100);
    private static final int DIGITS = 3;

    /** A percentile needs so many samples above it. */
    private static final int LEAST_ABOVE = 10;

    private final Histogram histogram = new Histogram(MOST, DIGITS);
    private long missed;

    /** Without samples. */
    Lateness() {}

    void add(long nanos, long samples) {
        histogram.recordValueWithCount(Math.min(nanos, MOST), samples);
    }

    void missed(long periods) {
        missed += periods;
    }

    /**
     * The number of samples.
     *
     * @return 0 if the contender was left out
     */
    public long count() {
        return histogram.getTotalCount();
    }

    /**
     * Periods that were left out because the one before came too late.
     *
     * @return over all rounds
     */
    public long missed() {
        return missed;
    }

    /**
     * The greatest lateness.
     *
     * @return nanoseconds
     */
    public long max() {
        return histogram.getMaxValue();
    }

    /**
     * A percentile.
     *
     * @param percent above 0 and below 100
     * @return nanoseconds; -1 if there are fewer than ten samples above it
     */
    public long percentile(double percent) {
        boolean tooFew = count() * (100 - percent) / 100 < LEAST_ABOVE;
        return tooFew ? -1 : histogram.getValueAtPercentile(percent);
    }
}
