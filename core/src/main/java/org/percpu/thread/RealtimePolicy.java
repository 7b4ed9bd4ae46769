// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

/** What to do about a real-time priority when the process may lack the privilege for it. */
public enum RealtimePolicy {
    /**
     * Use it if the kernel grants it, otherwise SCHED_OTHER at nice 0. The fallback is logged once for the process and
     * stands in every thread's {@link ThreadState}. The default.
     */
    PREFER,
    /** Creating the thread fails, with the remedy in the message. */
    REQUIRE,
    /**
     * Never ask; all threads are time-sharing at nice 0 or nicer, also in a process that was started with a real-time
     * policy (chrt(1), CPUSchedulingPolicy of systemd).
     */
    NEVER
}
