// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

import org.jspecify.annotations.Nullable;
import org.percpu.cpu.CpuSet;

/**
 * What a {@link CpuThread} was asked to be and what the kernel says it is, read at the moment of
 * {@link CpuThread#state()}.
 *
 * @param name full name; the kernel keeps its first 15 bytes
 * @param tid kernel thread id
 * @param alive false once the thread has ended; the kernel's values are then the last ones known
 * @param bound whether the thread was asked to be on these CPUs and no others; a thread that is not bound runs on those
 *     that are there
 * @param asked CPUs asked for; for a thread that is not bound, the current CPUs of its kernel or process
 * @param allowed the kernel's affinity mask now
 * @param lastCpu CPU it ran on last, or -1 if unknown
 * @param schedAsked scheduling asked for
 * @param sched scheduling the kernel reports now
 * @param pinPolicy what was to happen if pinning failed
 * @param realtimePolicy what was to happen if the real-time policy was denied
 * @param denial why the asked scheduling was not granted, or null
 * @param warning what is dangerous about the scheduling that was granted, such as a finite RLIMIT_RTTIME, or null
 * @param pinsLost how often the mask was found changed from outside; a CPU that stays offline counts once. Always 0 for
 *     a thread that is not bound
 * @param timerSlackNanos by how many nanoseconds Linux may wake the thread late from a timed sleep while it is
 *     time-sharing, as Linux said when the thread began. percpu asks for 1; a thread that asks for nothing has what its
 *     creator has, usually 50000. -1 if unknown
 */
public record ThreadState(
        String name,
        int tid,
        boolean alive,
        boolean bound,
        CpuSet asked,
        CpuSet allowed,
        int lastCpu,
        Sched schedAsked,
        Sched sched,
        PinPolicy pinPolicy,
        RealtimePolicy realtimePolicy,
        @Nullable String denial,
        @Nullable String warning,
        long pinsLost,
        long timerSlackNanos) {

    /**
     * Whether the thread is bound and has the mask that was asked for.
     *
     * @return true if the kernel's mask is exactly the asked set; false for a thread that is not bound
     */
    public boolean pinned() {
        return bound && allowed.equals(asked);
    }

    /** One line for a log. */
    @Override
    public String toString() {
        return name + " tid " + tid + (alive ? "" : " (ended)") + " asked {" + asked + "} allowed {" + allowed
                + "} last cpu "
                + lastCpu + ", " + sched + (sched.equals(schedAsked) ? "" : " (asked " + schedAsked + ")")
                + (denial == null ? "" : ": " + denial) + (warning == null ? "" : "; " + warning)
                + (pinsLost == 0 ? "" : ", pin lost " + pinsLost + "x");
    }
}
