// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import org.jspecify.annotations.Nullable;
import org.percpu.thread.KernelThread;
import org.percpu.thread.ThreadState;

/**
 * A worker of a queue and what it has done.
 *
 * @param queue the queue's full name
 * @param thread the worker's thread, as the Linux kernel reports it
 * @param pending works or tasks waiting for it, counted while others may add more
 * @param executed callbacks that have returned or thrown
 * @param faults callbacks that have thrown
 * @param longestRunNanos longest callback in nanoseconds; 0 unless {@link Kernel#timing()}, or a flight recording with
 *     org.percpu.WorkRun, was on
 * @param running the work or task in whose callback the worker is, as its {@code toString()} names it; null while the
 *     worker is in none
 * @param runningNanos for how long it has been in that callback, in nanoseconds; 0 while it is in none. While a queue
 *     is busy the worker looks at the clock after some callbacks only, so that this may count a few that were before
 *     it, each of less than 50 µs
 * @param waitsFor what the worker waits for: the queue's name in quotes while it waits for work, also if it spins; in
 *     its callback what {@link KernelThread#waitsFor()} tells; null while it runs
 */
public record WorkerState(
        String queue,
        ThreadState thread,
        int pending,
        long executed,
        long faults,
        long longestRunNanos,
        @Nullable String running,
        long runningNanos,
        @Nullable String waitsFor) {}
