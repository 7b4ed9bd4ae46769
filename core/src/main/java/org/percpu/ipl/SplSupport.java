// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What of this package works in this process, and why the rest does not.
 *
 * @param mode how new threads mask signals, see {@link Spl#mode()}
 * @param library path from which libpercpu.so was loaded, or null
 * @param reason where the library came from, or why there is none, as a clause
 * @param off the features that need the library, if there is none
 * @param signals the ladder's signal of each level, by {@link Ipl#rank()}; 0 for levels without one
 * @param skipped real-time signals left alone, each with the reason
 * @param freeSignals how many further lines can have a signal
 */
public record SplSupport(
        SplMode mode,
        @Nullable String library,
        String reason,
        List<String> off,
        List<Integer> signals,
        List<String> skipped,
        int freeSignals) {
    private static final List<String> NEED_LIBRARY = List.of(
            "LAZY levels (raising and lowering without a system call)",
            "interrupt lines triggered by another process, a timer or a file",
            "percpu_post and percpu_trigger from C");

    /**
     * Looks. The first call loads libpercpu and installs the handlers of its signals, as the first {@link Spl#current()} does.
     *
     * @return the state now
     * @throws UnsupportedOperationException if the library does not run on this system, or the libpercpu.so that
     *     {@code -Dpercpu.library.path} names is none of this version
     * @throws IllegalArgumentException if {@code -Dpercpu.spl} is neither eager nor lazy
     */
    public static SplSupport get() {
        Support support = Support.get();
        TopHalf half = support.topHalf;
        List<Integer> signals = new ArrayList<>();
        for (int rank = 0; rank < Signals.RANKS; rank++) {
            signals.add(support.signals.ofRank(rank));
        }
        return new SplSupport(
                support.mode,
                half == null ? null : half.path(),
                support.reason,
                half == null ? NEED_LIBRARY : List.of(),
                List.copyOf(signals),
                support.signals.skipped(),
                support.signals.left());
    }

    /**
     * What a level masks, as the kernel's set: bit {@code n - 1} is signal {@code n}.
     *
     * @param ipl any level
     * @return never contains a signal that the JVM or the C library uses
     */
    public static long mask(Ipl ipl) {
        return Support.get().signals.mask(ipl.rank());
    }

    /**
     * Signals of ours that came while no line had them. They are ignored.
     *
     * @return counted since the first use; 0 without libpercpu, where nobody counts
     */
    public static long straySignals() {
        TopHalf half = Support.get().topHalf;
        return half == null ? 0 : half.counter(TopHalf.STRAY);
    }

    /**
     * Signals of lines that were taken by another thread than the line's receiver, and passed on.
     *
     * @return counted since the first use; 0 without libpercpu
     */
    public static long forwardedSignals() {
        TopHalf half = Support.get().topHalf;
        return half == null ? 0 : half.counter(TopHalf.FOREIGN);
    }
}
