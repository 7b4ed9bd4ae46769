// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

/** What a worker does while its queue is empty. */
public enum WaitStrategy {
    /** Sleep at once. This costs the machine least, and costs most for the first work after a pause. */
    PARK,
    /**
     * Spin, then sleep. The worker spins for up to a hundred microseconds while spinning pays, and for one or two when
     * it has not paid lately.
     */
    SPIN_THEN_PARK,
    /** Never sleep: the worker's CPU is busy all the time. */
    BUSY_SPIN
}
