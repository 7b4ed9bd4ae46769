// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;

/** What of this package works in this process: made at the first use, handlers before anything can be blocked or sent. */
final class Support {
    /** Forces a mode: eager or lazy. */
    static final String MODE = "percpu.spl";

    private static volatile @Nullable Support made;

    final LinuxCalls linux = Backend.linux();
    final @Nullable TopHalf topHalf;
    final String reason;
    final Signals signals;
    final SplMode mode;

    private Support() {
        String forced = System.getProperty(MODE, "");
        LibraryFile.Found found = LibraryFile.load(linux);
        topHalf = found.topHalf();
        reason = found.reason();
        mode = switch (forced.toLowerCase(Locale.ROOT)) {
            case "" -> topHalf != null ? SplMode.LAZY : SplMode.EAGER;
            case "eager" -> SplMode.EAGER;
            case "lazy" -> requireLazy();
            default -> throw new IllegalArgumentException("-D" + MODE + "=" + forced + ": must be eager or lazy");
        };
        signals = new Signals(linux, topHalf);
    }

    private SplMode requireLazy() {
        if (topHalf == null) {
            throw new UnsupportedOperationException("LAZY levels need libpercpu.so, and there is none: " + reason);
        }
        return SplMode.LAZY;
    }

    static Support get() {
        Support support = made;
        if (support == null) {
            synchronized (Support.class) {
                support = made;
                if (support == null) {
                    support = new Support();
                    made = support;
                }
            }
        }
        return support;
    }

    TopHalf requireTopHalf(String what) {
        TopHalf half = topHalf;
        if (half == null) {
            throw new UnsupportedOperationException(
                    what + " needs libpercpu.so, and there is none: " + reason + "; see SplSupport");
        }
        return half;
    }

    LinuxException failed(String call, long result, @Nullable String remedy) {
        int errno = (int) -result;
        return new LinuxException(call, errno, linux.strerror(errno), remedy);
    }
}
