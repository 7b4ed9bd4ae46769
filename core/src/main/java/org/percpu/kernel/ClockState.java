// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.Cpu;
import org.percpu.thread.ThreadState;

/**
 * The clock of a CPU and what it has done.
 *
 * @param cpu whose timers it runs
 * @param thread its thread, as the Linux kernel reports it
 * @param pending timers that wait for their time
 * @param next how long until the clock looks for the first of them, zero if that time is over, null if nothing is
 *     pending. If the first one was cancelled, it may look too early
 * @param fired functions that were called, the one that runs included
 * @param late how many of them were called more than a tick after their time
 * @param worstLate the greatest lateness of all
 */
public record ClockState(
        Cpu cpu, ThreadState thread, int pending, @Nullable Duration next, long fired, long late, Duration worstLate) {}
