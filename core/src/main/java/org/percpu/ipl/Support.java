// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;

/** What of this package works in this process: made at the first use. */
final class Support {
    /** Forces a mode: eager or lazy. */
    static final String MODE = "percpu.spl";

    private static volatile @Nullable Support made;

    /** How long after a load that failed the next one may be tried; doubled with each. */
    private static final long FIRST_RETRY_NANOS = 1_000_000_000L;

    final LinuxCalls linux = Backend.linux();
    final Signals signals = new Signals(linux);
    private final @Nullable SplMode forced;

    // Written under this.
    private volatile LibraryFile.Found found;
    private long retryNanos = FIRST_RETRY_NANOS;
    private long triedAt = System.nanoTime();

    private Support() {
        Words.load();
        String mode = System.getProperty(MODE, "");
        found = LibraryFile.load(linux);
        forced = switch (mode.toLowerCase(Locale.ROOT)) {
            case "" -> null;
            case "eager" -> SplMode.EAGER;
            case "lazy" -> requireLazy();
            default -> throw new IllegalArgumentException("-D" + MODE + "=" + mode + ": must be eager or lazy");
        };
    }

    private SplMode requireLazy() {
        if (found.topHalf() == null) {
            throw new UnsupportedOperationException("LAZY levels need libpercpu.so, and there is none: " + reason());
        }
        return SplMode.LAZY;
    }

    /** The library; null if there is none, or it could not be loaded and a further try must wait. */
    @Nullable
    TopHalf topHalf() {
        LibraryFile.Found now = found;
        return now.topHalf() == null && now.passing() ? retry() : now.topHalf();
    }

    /** What kept the library from being loaded may be over: a full disk, a limit. */
    private synchronized @Nullable TopHalf retry() {
        if (found.topHalf() == null && System.nanoTime() - triedAt >= retryNanos) {
            found = Loading.run(() -> LibraryFile.load(linux));
            retryNanos *= 2;
            triedAt = System.nanoTime();
        }
        return found.topHalf();
    }

    /** Where the library came from, or why there is none. */
    String reason() {
        return found.reason();
    }

    /** How new threads mask signals. */
    SplMode mode() {
        SplMode mode = forced;
        return mode != null ? mode : topHalf() != null ? SplMode.LAZY : SplMode.EAGER;
    }

    static Support get() {
        Support support = made;
        if (support == null) {
            synchronized (Support.class) {
                support = made;
                if (support == null) {
                    support = Loading.run(Support::new);
                    made = support;
                }
            }
        }
        return support;
    }

    TopHalf requireTopHalf(String what) {
        TopHalf half = topHalf();
        if (half == null) {
            throw new UnsupportedOperationException(
                    what + " needs libpercpu.so, and there is none: " + reason() + "; see SplSupport");
        }
        return half;
    }

    LinuxException failed(String call, long result, @Nullable String remedy) {
        int errno = (int) -result;
        return new LinuxException(call, errno, linux.strerror(errno), remedy);
    }
}
