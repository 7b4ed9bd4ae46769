// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

import java.util.List;
import java.util.Locale;
import org.percpu.bindings.spi.Argument;

/**
 * Interrupt priority levels of both systems on one ladder, spl(9). A higher level masks its own interrupts and all
 * lower ones.
 *
 * <p>The constants carry the names that mean the same in both systems, or that only one of them has. Where the systems
 * use one name for different levels ({@code IPL_BIO} and {@code IPL_NET} are NetBSD's {@code IPL_VM}, but levels of
 * their own in OpenBSD), {@link #netbsd(String)} and {@link #openbsd(String)} tell them apart.
 */
public enum Ipl {
    /** Nothing masked; the only level at which a thread may sleep. */
    NONE(0, List.of("NONE"), List.of("NONE")),
    /** Soft interrupts of the clock. */
    SOFTCLOCK(1, List.of("SOFTCLOCK"), List.of("SOFTCLOCK")),
    /** Soft interrupts of block devices; NetBSD only. */
    SOFTBIO(2, List.of("SOFTBIO"), List.of()),
    /** Soft interrupts of the network. */
    SOFTNET(3, List.of("SOFTNET"), List.of("SOFTNET")),
    /** Block devices; OpenBSD only. */
    BIO(4, List.of(), List.of("BIO")),
    /** Network devices; OpenBSD only. */
    NET(5, List.of(), List.of("NET")),
    /** Soft interrupts of serial lines. */
    SOFTSERIAL(6, List.of("SOFTSERIAL"), List.of("SOFTTTY", "SOFTSERIAL")),
    /** Terminals; OpenBSD only. */
    TTY(7, List.of(), List.of("TTY", "MPFLOOR")),
    /** Everything that may allocate memory; on NetBSD most devices. */
    VM(8, List.of("VM", "BIO", "NET", "TTY"), List.of("VM")),
    /** Audio devices; OpenBSD only. */
    AUDIO(9, List.of(), List.of("AUDIO")),
    /** Clocks and the scheduler. */
    SCHED(10, List.of("SCHED", "CLOCK", "AUDIO"), List.of("SCHED", "CLOCK", "STATCLOCK")),
    /** Everything that can be masked. */
    HIGH(11, List.of("HIGH", "SERIAL"), List.of("HIGH")),
    /** Inter-processor interrupts; OpenBSD only. */
    IPI(12, List.of(), List.of("IPI"));

    private static final Ipl[] LADDER = values();

    private final int rank;

    @SuppressWarnings("ImmutableEnumChecker") // made by List.of
    private final List<String> netbsdNames;

    @SuppressWarnings("ImmutableEnumChecker") // made by List.of
    private final List<String> openbsdNames;

    Ipl(int rank, List<String> netbsdNames, List<String> openbsdNames) {
        this.rank = rank;
        this.netbsdNames = netbsdNames;
        this.openbsdNames = openbsdNames;
    }

    /**
     * The place on the ladder: a level masks every level whose rank is not above its own.
     *
     * @return 0 for {@link #NONE} to 12 for {@link #IPI}
     */
    public int rank() {
        return rank;
    }

    /**
     * The level at a place of the ladder.
     *
     * @param rank 0 to 12
     * @return the level
     * @throws IllegalArgumentException if there is no such level
     */
    public static Ipl ofRank(int rank) {
        if (rank < 0 || rank >= LADDER.length) {
            throw new IllegalArgumentException("no level of rank " + rank + ": must be 0 (NONE) to 12 (IPI)");
        }
        return LADDER[rank];
    }

    /**
     * NetBSD's names of this level, the usual one first, without {@code IPL_}.
     *
     * @return empty if NetBSD does not have the level
     */
    public List<String> netbsdNames() {
        return netbsdNames;
    }

    /**
     * OpenBSD's names of this level, the usual one first, without {@code IPL_}.
     *
     * @return empty if OpenBSD does not have the level
     */
    public List<String> openbsdNames() {
        return openbsdNames;
    }

    /**
     * The level that NetBSD calls by a name.
     *
     * @param name such as {@code IPL_BIO}, {@code BIO} or {@code bio}
     * @return the level
     * @throws IllegalArgumentException if NetBSD has no such level
     */
    public static Ipl netbsd(String name) {
        String plain = plain(name);
        for (Ipl ipl : values()) {
            if (ipl.netbsdNames.contains(plain)) {
                return ipl;
            }
        }
        throw new IllegalArgumentException("no level IPL_" + plain + " in NetBSD: see spl(9)");
    }

    /**
     * The level that OpenBSD calls by a name.
     *
     * @param name such as {@code IPL_BIO}, {@code BIO} or {@code bio}
     * @return the level
     * @throws IllegalArgumentException if OpenBSD has no such level
     */
    public static Ipl openbsd(String name) {
        String plain = plain(name);
        for (Ipl ipl : values()) {
            if (ipl.openbsdNames.contains(plain)) {
                return ipl;
            }
        }
        throw new IllegalArgumentException("no level IPL_" + plain + " in OpenBSD: see spl(9)");
    }

    private static String plain(String name) {
        Argument.requireNonNull(name, "a level", "name");
        String upper = name.toUpperCase(Locale.ROOT);
        return upper.startsWith("IPL_") ? upper.substring(4) : upper;
    }
}
