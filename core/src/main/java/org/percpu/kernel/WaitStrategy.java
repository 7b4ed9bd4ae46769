// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

/** What a worker does while its queue is empty. */
public enum WaitStrategy {
    /** Sleep at once. The cheapest for the machine, the dearest for the first work after a pause. */
    PARK,
    /** Spin, then sleep: for up to a hundred microseconds while that pays, for one or two when it has not lately. */
    SPIN_THEN_PARK,
    /** Never sleep: the worker's CPU is busy all the time. */
    BUSY_SPIN
}
