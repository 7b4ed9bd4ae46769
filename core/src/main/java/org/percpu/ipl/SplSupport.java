// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.dispatch.ClosedWorks;
import org.percpu.dispatch.LibPercpu;
import org.percpu.dispatch.Ports;
import org.percpu.dispatch.Rank;
import org.percpu.dispatch.Support;

/**
 * Which features of this package are available in this process, and why others are not.
 *
 * @param mode how new threads mask signals, see {@link Spl#mode()}
 * @param library path from which libpercpu.so was loaded, or null. The file may be gone; dlopen(path, RTLD_NOLOAD)
 *     finds the library
 * @param reason where the library came from, or why there is none and what to do, as a clause
 * @param off the features that need the library, if there is none
 * @param signals the signal that lines of each level ask for first, by {@link Ipl#rank()}; 0 for levels without one
 * @param skipped real-time signals that no line can have, each with the reason
 * @param freeSignals how many further lines can have a signal now; 0 without the library
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
     * Returns the current state. The first call loads libpercpu, as the first {@link Spl#current()} does. If that fails
     * for a cause that may pass, it is tried again by later calls, after a second at first.
     *
     * @return the state now
     * @throws UnsupportedOperationException if the library does not run on this system, or the libpercpu.so that
     *     {@code -Dpercpu.library.path} names is none of this version
     * @throws IllegalArgumentException if {@code -Dpercpu.spl} is neither eager nor lazy
     */
    public static SplSupport get() {
        Support support = Support.get();
        LibPercpu library = support.libPercpu();
        List<Integer> signals = new ArrayList<>();
        for (int rank = 0; rank < Rank.COUNT; rank++) {
            signals.add(support.signals.ofRank(rank));
        }
        return new SplSupport(
                support.isEager() ? SplMode.EAGER : SplMode.LAZY,
                library == null ? null : library.path(),
                support.reason(),
                library == null ? NEED_LIBRARY : List.of(),
                List.copyOf(signals),
                library == null ? support.signals.reserved() : support.signals.skipped(library),
                library == null ? 0 : support.signals.left(library));
    }

    /**
     * The signals that a level masks, as the kernel's set: bit {@code n - 1} is signal {@code n}. Only signals that
     * lines have now are in it.
     *
     * @param ipl any level
     * @return never contains a signal that the JVM or the C library uses
     */
    public static long mask(Ipl ipl) {
        return Support.get()
                .signals
                .mask(Argument.requireNonNull(ipl, "mask", "ipl").rank());
    }

    /**
     * Signals that came just when their line was closed. They are ignored. A signal that comes later does what it did
     * before a line had it: by default, a real-time signal ends the process.
     *
     * @return counted since the first use; 0 without libpercpu, where nothing is counted
     */
    public static long straySignals() {
        LibPercpu library = Support.get().libPercpu();
        return library == null ? 0 : library.counter(LibPercpu.STRAY);
    }

    /**
     * Signals of lines that were taken by another thread than the line's receiver, and passed on.
     *
     * @return counted since the first use; 0 without libpercpu
     */
    public static long forwardedSignals() {
        LibPercpu library = Support.get().libPercpu();
        return library == null ? 0 : library.counter(LibPercpu.FOREIGN);
    }

    /**
     * Lines and natively posted works whose memory is in use: those that are open, and closed ones whose run is still
     * to come or that a caller is inside. There is room for 4096.
     *
     * @return counted now; with a libpercpu that several class loaders share, those of all
     */
    public static int openHandles() {
        ClosedWorks.settle();
        return Ports.taken(Support.get());
    }
}
