// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;

/**
 * Policy, real-time priority and nice value of the calling thread. A new thread inherits all three from its creator, so
 * each is set even where it is the usual value. What was granted is read back: a sandbox may answer with success and do
 * nothing.
 */
final class Scheduling {
    private static final int TRIES = 3;
    private static final String SANDBOX =
            "a seccomp filter or another sandbox answers in the kernel's place: let it pass ";

    private Scheduling() {}

    /**
     * The scheduling of a thread, as the kernel reports it.
     *
     * @param tid kernel thread id, 0 for the calling thread
     * @return null if there is no such thread or the kernel does not tell
     */
    static @Nullable Sched of(int tid) {
        LinuxCalls linux = Backend.linux();
        // These are two calls, and the policy may change between them. Then a real-time policy is read with priority 0,
        // or the reverse.
        for (int i = 0; i < TRIES; i++) {
            int policy = linux.sched_getscheduler(tid);
            int priority = linux.sched_getparam(tid);
            int nice = linux.getpriority(LinuxCalls.PRIO_PROCESS, tid);
            if (policy < 0 || priority < 0 || nice < 0) {
                return null;
            }
            policy &= ~LinuxCalls.SCHED_RESET_ON_FORK;
            if (Sched.isRealtime(policy) == priority > 0) {
                return new Sched(policy, priority, 20 - nice);
            }
        }
        return null;
    }

    /**
     * Makes the calling thread a real-time thread, whose children are not.
     *
     * @return null if the kernel says that it is a real-time thread, otherwise the reason with its remedy
     */
    static @Nullable LinuxException becomeRealtime(Sched asked) {
        LinuxCalls linux = Backend.linux();
        String call = "pthread_setschedparam(self, " + asked + ")";
        int policy = asked.policy() | LinuxCalls.SCHED_RESET_ON_FORK;
        int result = linux.pthread_setschedparam(linux.pthread_self(), policy, asked.rtPriority());
        if (result < 0) {
            return Affinity.failed(call, result, Realtime.remedy(asked.rtPriority(), -result));
        }
        Sched now = of(0);
        return asked.equals(now)
                ? null
                : new LinuxException(call, Errno.EINVAL.number(), pretended(now), SANDBOX + "sched_setscheduler(2)");
    }

    /**
     * Makes the calling thread SCHED_OTHER with a nice value. An unprivileged thread can leave every policy but
     * SCHED_IDLE, and cannot always lower a nice value.
     *
     * @return null if the kernel says that it has both, otherwise why not
     */
    static @Nullable String becomeTimeSharing(int nice) {
        LinuxCalls linux = Backend.linux();
        Sched asked = Sched.other(nice);
        Sched found = of(0);
        if (asked.equals(found)) {
            return null;
        }
        List<String> refusals = new ArrayList<>();
        if (found == null || found.policy() != LinuxCalls.SCHED_OTHER) {
            int result = linux.pthread_setschedparam(linux.pthread_self(), LinuxCalls.SCHED_OTHER, 0);
            if (result < 0) {
                refusals.add(inherited(found, -result));
            }
        }
        if (found == null || found.nice() != nice || found.realtime()) {
            int result = linux.setpriority(LinuxCalls.PRIO_PROCESS, 0, nice);
            PoolThreads.niced(nice);
            if (result < 0) {
                refusals.add(notNice(nice, -result));
            }
        }
        Sched now = of(0);
        if (asked.equals(now)) {
            return null;
        }
        if (refusals.isEmpty()) {
            refusals.add(asked + ": " + pretended(now) + "; " + SANDBOX + "sched_setscheduler(2) and setpriority(2)");
        }
        return String.join("; ", refusals);
    }

    private static String pretended(@Nullable Sched now) {
        return now == null
                ? "it reported success, but the kernel does not tell what the thread has"
                : "it reported success, but the thread has " + now;
    }

    private static String inherited(@Nullable Sched found, int errno) {
        String refusal = "SCHED_OTHER was refused (" + Errno.name(errno) + "), so the thread keeps "
                + (found == null ? "the policy of its creator" : found + ", which it has from its creator");
        return found != null && found.policy() == LinuxCalls.SCHED_IDLE && errno == Errno.EPERM.number()
                ? refusal + ": start the process without chrt -i or CPUSchedulingPolicy=idle, or with "
                        + niceLimit(found.nice())
                : refusal + ": " + SANDBOX + "sched_setscheduler(2)";
    }

    private static String notNice(int nice, int errno) {
        boolean limited = errno == Errno.EACCES.number() || errno == Errno.EPERM.number();
        int now = 20 - Backend.linux().getpriority(LinuxCalls.PRIO_PROCESS, 0);
        return limited && nice < now
                ? "nice " + nice + " is below what RLIMIT_NICE allows: start the process without nice(1), or with "
                        + niceLimit(nice)
                : "nice " + nice + " was refused (" + Errno.name(errno) + "): " + SANDBOX + "setpriority(2)";
    }

    private static String niceLimit(int nice) {
        long[] limit = new long[2];
        boolean known = Backend.linux().getrlimit(LinuxCalls.RLIMIT_NICE, limit) >= 0;
        return "RLIMIT_NICE of at least " + (20 - nice) + (known ? " (now " + Realtime.text(limit[0]) + ")" : "")
                + " or CAP_SYS_NICE";
    }
}
