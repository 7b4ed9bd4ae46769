// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.percpu.kernel.TimeHistogram;

/**
 * Buckets as in an HDR histogram: sixteen for each power of two, up to two hours and a half. One thread counts, without
 * a fence; others may read.
 */
final class TimeBuckets implements TimeHistogram {
    private static final int SUB_BITS = 4;
    private static final int SUBS = 1 << SUB_BITS;
    private static final int MOST_BITS = 43;
    private static final long MOST = (1L << MOST_BITS) - 1;
    private static final int BUCKETS = (MOST_BITS - SUB_BITS + 1) << SUB_BITS;
    private static final VarHandle COUNTS = MethodHandles.arrayElementVarHandle(long[].class);
    private static final VarHandle TOTAL;
    private static final VarHandle MAX;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            TOTAL = lookup.findVarHandle(TimeBuckets.class, "total", long.class);
            MAX = lookup.findVarHandle(TimeBuckets.class, "max", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final long[] counts = new long[BUCKETS];
    private long total;
    private long max;

    TimeBuckets() {}

    /** The one thread that counts: one more time. Negative ones count as 0. */
    void record(long nanos) {
        long time = Math.min(Math.max(nanos, 0), MOST);
        int bucket = bucketOf(time);
        COUNTS.setOpaque(counts, bucket, counts[bucket] + 1);
        TOTAL.setOpaque(this, total + time);
        if (time > max) {
            MAX.setOpaque(this, time);
        }
    }

    /** Below 16 each time has a bucket; above it the bits behind the highest one choose the bucket. */
    static int bucketOf(long time) {
        if (time < SUBS) {
            return (int) time;
        }
        int shift = Long.SIZE - 1 - Long.numberOfLeadingZeros(time) - SUB_BITS;
        return ((shift + 1) << SUB_BITS) + ((int) (time >>> shift) & (SUBS - 1));
    }

    /** The longest time that counts in a bucket. */
    static long upperBound(int bucket) {
        if (bucket < SUBS) {
            return bucket;
        }
        int shift = (bucket >> SUB_BITS) - 1;
        return ((long) (SUBS + (bucket & (SUBS - 1)) + 1) << shift) - 1;
    }

    @Override
    public long count() {
        long count = 0;
        for (int i = 0; i < BUCKETS; i++) {
            count += (long) COUNTS.getOpaque(counts, i);
        }
        return count;
    }

    @Override
    public long totalNanos() {
        return (long) TOTAL.getOpaque(this);
    }

    @Override
    public long maxNanos() {
        return (long) MAX.getOpaque(this);
    }

    @Override
    public long percentileNanos(double percent) {
        long all = count();
        long wanted = Math.max(1, (long) Math.ceil(all * Math.min(percent, 100) / 100));
        long seen = 0;
        for (int i = 0; i < BUCKETS && all > 0; i++) {
            seen += (long) COUNTS.getOpaque(counts, i);
            if (seen >= wanted) {
                return Math.min(upperBound(i), maxNanos());
            }
        }
        return 0;
    }
}
