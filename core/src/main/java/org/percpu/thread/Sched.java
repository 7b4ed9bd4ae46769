// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.LinuxCalls;

/**
 * A Linux scheduling setting, sched(7).
 *
 * @param policy {@code SCHED_OTHER}, {@code SCHED_RR}, {@code SCHED_FIFO} or another number of sched(7), without flags
 * @param rtPriority 1 (lowest) to 99 for the real-time policies, 0 otherwise
 * @param nice -20 (most urgent) to 19 for the time-sharing policies. Real-time threads do not use it; with their
 *     policies it is 0 whatever was given, so that equal settings are equal objects
 */
public record Sched(int policy, int rtPriority, int nice) {
    /** Time-sharing at nice 0: the setting of a thread unless another one is asked for. */
    public static final Sched DEFAULT = other(0);

    /**
     * Checks the ranges.
     *
     * @throws IllegalArgumentException if a value is out of range, or a real-time priority stands with a time-sharing
     *     policy
     */
    public Sched {
        boolean realtime = isRealtime(policy);
        if (realtime ? rtPriority < 1 || rtPriority > 99 : rtPriority != 0) {
            throw new IllegalArgumentException("real-time priority " + rtPriority + " with " + policyName(policy) + ": "
                    + (realtime ? "must be 1 to 99" : "must be 0"));
        }
        if (nice < -20 || nice > 19) {
            throw new IllegalArgumentException("nice value " + nice + ": must be -20 to 19");
        }
        if (realtime) {
            nice = 0;
        }
    }

    /**
     * Written out, as {@link #hashCode} is. The methods that a record has by itself are made at run time, and that
     * makes a start slower.
     */
    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Sched sched
                && sched.policy == policy
                && sched.rtPriority == rtPriority
                && sched.nice == nice;
    }

    @Override
    public int hashCode() {
        return (31 * policy + rtPriority) * 31 + nice;
    }

    /**
     * SCHED_OTHER.
     *
     * @param nice -20 (most urgent) to 19
     * @return the setting
     */
    public static Sched other(int nice) {
        return new Sched(LinuxCalls.SCHED_OTHER, 0, nice);
    }

    /**
     * SCHED_RR: fixed priority, equal priorities take turns.
     *
     * @param rtPriority 1 (lowest) to 99
     * @return the setting
     */
    public static Sched rr(int rtPriority) {
        return new Sched(LinuxCalls.SCHED_RR, rtPriority, 0);
    }

    /**
     * SCHED_FIFO: fixed priority, runs until it blocks.
     *
     * @param rtPriority 1 (lowest) to 99
     * @return the setting
     */
    public static Sched fifo(int rtPriority) {
        return new Sched(LinuxCalls.SCHED_FIFO, rtPriority, 0);
    }

    /**
     * Whether the policy is one of the two real-time ones.
     *
     * @return true for SCHED_RR and SCHED_FIFO
     */
    public boolean realtime() {
        return isRealtime(policy);
    }

    /**
     * The policy in words.
     *
     * @return such as {@code SCHED_RR}
     */
    public String policyName() {
        return policyName(policy);
    }

    static boolean isRealtime(int policy) {
        return policy == LinuxCalls.SCHED_RR || policy == LinuxCalls.SCHED_FIFO;
    }

    private static String policyName(int policy) {
        return switch (policy) {
            case LinuxCalls.SCHED_OTHER -> "SCHED_OTHER";
            case LinuxCalls.SCHED_FIFO -> "SCHED_FIFO";
            case LinuxCalls.SCHED_RR -> "SCHED_RR";
            case LinuxCalls.SCHED_BATCH -> "SCHED_BATCH";
            case LinuxCalls.SCHED_IDLE -> "SCHED_IDLE";
            case LinuxCalls.SCHED_DEADLINE -> "SCHED_DEADLINE";
            default -> "policy " + policy;
        };
    }

    /** Such as {@code SCHED_RR 18} or {@code SCHED_OTHER nice 0}. */
    @Override
    public String toString() {
        return realtime() ? policyName() + " " + rtPriority : policyName() + " nice " + nice;
    }
}
