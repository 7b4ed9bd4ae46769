// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;

/** Which features of this package work in this process. Made at the first use. */
public final class Support {
    /** Forces a mode: eager or lazy. */
    static final String MODE = "percpu.spl";

    private static volatile @Nullable Support made;

    /** How long after a failed load the next one may be tried. The time doubles with each failure. */
    private static final long FIRST_RETRY_NANOS = 1_000_000_000L;

    public final LinuxCalls linux = Backend.linux();
    public final Signals signals = new Signals(linux);
    private final @Nullable Boolean forced;

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
            case "eager" -> true;
            case "lazy" -> requireLazy();
            default -> throw new IllegalArgumentException("-D" + MODE + "=" + mode + ": must be eager or lazy");
        };
    }

    private boolean requireLazy() {
        if (found.libPercpu() == null) {
            throw new UnsupportedOperationException("LAZY levels need libpercpu.so, and there is none: " + reason());
        }
        return false;
    }

    /** The library; null if there is none, or it could not be loaded and a further try must wait. */
    public @Nullable LibPercpu libPercpu() {
        LibraryFile.Found now = found;
        return now.libPercpu() == null && now.passing() ? retry() : now.libPercpu();
    }

    /** Tries to load the library again, if the cause of the failure may be over: a full disk, a limit. */
    private synchronized @Nullable LibPercpu retry() {
        if (found.libPercpu() == null && System.nanoTime() - triedAt >= retryNanos) {
            found = Loading.run(() -> LibraryFile.load(linux));
            retryNanos *= 2;
            triedAt = System.nanoTime();
        }
        return found.libPercpu();
    }

    /** Where the library came from, or why there is none. */
    public String reason() {
        return found.reason();
    }

    /** Whether new threads mask signals by a system call at each change of their level. */
    public boolean isEager() {
        Boolean eager = forced;
        return eager != null ? eager : libPercpu() == null;
    }

    public static Support get() {
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

    public LibPercpu requireLibPercpu(String what) {
        LibPercpu half = libPercpu();
        if (half == null) {
            throw new UnsupportedOperationException(
                    what + " needs libpercpu.so, and there is none: " + reason() + "; see SplSupport");
        }
        return half;
    }

    public LinuxException failed(String call, long result, @Nullable String remedy) {
        int errno = (int) -result;
        return new LinuxException(call, errno, linux.strerror(errno), remedy);
    }
}
