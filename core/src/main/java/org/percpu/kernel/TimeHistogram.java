// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

/**
 * How often times of each length were counted, in buckets of a fixed number. The bounds of a bucket differ by at most a
 * sixteenth. A thread that reads meets counts that go on.
 */
public interface TimeHistogram {
    /**
     * How many times were counted.
     *
     * @return never less than at an earlier call
     */
    long count();

    /**
     * The sum of all times.
     *
     * @return in nanoseconds
     */
    long totalNanos();

    /**
     * The longest time.
     *
     * @return in nanoseconds; 0 if there was none
     */
    long maxNanos();

    /**
     * The time that a part of all times did not exceed. It looks at each bucket, which takes less than a microsecond.
     *
     * @param percent 0 to 100, such as 99
     * @return the upper bound of the bucket in nanoseconds; 0 if nothing was counted
     */
    long percentileNanos(double percent);
}
