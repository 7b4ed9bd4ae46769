// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

/** The places of the ladder of levels, as numbers: what {@code Ipl} is to users. */
public final class Rank {
    /** The doorbell between processors, which no level masks. */
    public static final int IPI = 12;

    /** How many places there are. */
    public static final int COUNT = IPI + 1;

    /** The highest level that a thread may be at and still take a mutex that sleeps. */
    public static final int SOFT_MAX = 6;

    /** The highest level except {@link #IPI}. */
    public static final int HIGH = 11;

    private static final int SOFTNET = 3;

    private static final String[] NAMES = {
        "NONE",
        "SOFTCLOCK",
        "SOFTBIO",
        "SOFTNET",
        "BIO",
        "NET",
        "SOFTSERIAL",
        "TTY",
        "VM",
        "AUDIO",
        "SCHED",
        "HIGH",
        "IPI"
    };

    private Rank() {}

    /**
     * The name of a place, for messages.
     *
     * @param rank 0 to {@link #IPI}
     * @return as the constant of {@code Ipl}
     */
    public static String name(int rank) {
        return NAMES[rank];
    }

    /**
     * Whether the interrupts of a level are soft ones, which have no signal.
     *
     * @param rank 0 to {@link #IPI}
     * @return true for NONE too
     */
    public static boolean isSoft(int rank) {
        return rank <= SOFTNET || rank == SOFT_MAX;
    }
}
