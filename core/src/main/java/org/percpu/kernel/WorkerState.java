// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import org.percpu.thread.ThreadState;

/**
 * A worker of a queue and what it has done.
 *
 * @param queue the queue's full name
 * @param thread the worker's thread, by the Linux kernel's word
 * @param pending works or tasks waiting for it, counted while others may add more
 * @param executed callbacks that have returned or thrown
 * @param faults callbacks that have thrown
 * @param longestRunNanos longest callback in nanoseconds; 0 unless {@link Kernel#timing()}, or a flight recording with
 *     org.percpu.WorkRun, was on
 */
public record WorkerState(
        String queue, ThreadState thread, int pending, long executed, long faults, long longestRunNanos) {}
