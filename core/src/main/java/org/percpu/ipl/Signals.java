// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;

/**
 * Which real-time signals are ours. From two above SIGRTMIN on, leaving out what HotSpot uses, one for each rank from the highest down,
 * so that the kernel, which hands out the lowest number first, does so in the order of the levels; what is left is for further lines.
 * Ranks of soft interrupts have no signal.
 */
final class Signals {
    static final int RANKS = Ipl.IPI.rank() + 1;
    static final int IPI = Ipl.IPI.rank();
    static final int SIGIO = 29;

    private static final int FIRST = 2;
    private static final int SIGUSR2 = 12;
    private static final int SIGNALS = 64;
    private static final int SIGSEGV = 11;
    private static final Path STATUS = Path.of("/proc/thread-self/status");
    private static final String CAUGHT = "SigCgt:";

    private final @Nullable TopHalf topHalf;
    private final int[] ofRank = new int[RANKS];
    private final List<String> skipped = new ArrayList<>();
    private final ArrayDeque<Integer> free = new ArrayDeque<>(); // guarded by this
    private final int[] rankOf = new int[SIGNALS + 1]; // guarded by this; 0 unless a line has the signal
    private final boolean[] ladderTaken = new boolean[RANKS]; // guarded by this

    /** All that have our handler. */
    private final long ours;

    /** Signals that lines have. */
    private volatile long routed;

    /** What each level masks, as the kernel's set. Replaced as a whole. */
    private volatile long[] masks = new long[RANKS];

    Signals(LinuxCalls linux, @Nullable TopHalf topHalf) {
        this.topHalf = topHalf;
        int suspend = suspendSignal();
        int reserved = linux.__libc_current_sigrtmax() - 2;
        int rank = IPI;
        long caught = topHalf == null ? caught() : 0;
        for (int n = linux.__libc_current_sigrtmin() + FIRST; n <= linux.__libc_current_sigrtmax(); n++) {
            if (n == suspend) {
                skipped.add(n + " (HotSpot suspends threads with it: _JAVA_SR_SIGNUM)");
            } else if (n == reserved) {
                skipped.add(n + " (the JDK interrupts blocked I/O with it)");
            } else if (topHalf == null ? (caught & bit(n)) != 0 : topHalf.install(n, 0) == -Errno.EBUSY.number()) {
                skipped.add(n + " (somebody else has installed a handler)");
            } else if (rank > 0) {
                // A soft rank gets a number of the ladder too, and does not use it: the numbers stay those of the
                // table.
                ofRank[rank] = isSoft(rank) ? 0 : n;
                rank--;
            } else {
                free.add(n);
            }
        }
        computeMasks();
        long all = maskUpTo(IPI);
        for (int n : free) {
            all |= bit(n);
        }
        ours = all;
        // All of ours: see percpu_install.
        for (int n = 1; n <= SIGNALS; n++) {
            if ((ours & bit(n)) != 0) {
                handle(linux, n, ours);
            }
        }
    }

    /** As HotSpot reads it (jdk.internal.misc.Signal has no say in this). */
    private static int suspendSignal() {
        String variable = System.getenv("_JAVA_SR_SIGNUM");
        if (variable != null) {
            try {
                int n = Integer.parseInt(variable.strip());
                return n > SIGSEGV && n <= SIGNALS ? n : SIGUSR2;
            } catch (NumberFormatException e) {
                return SIGUSR2;
            }
        }
        return SIGUSR2;
    }

    /**
     * Without the library the handler is a function that does nothing with a number: a signal that comes astray does not end the process.
     * Nor would one that is ignored, but that is inherited through exec: children would find it taken.
     */
    private void handle(LinuxCalls linux, int signal, long mask) {
        if (topHalf != null) {
            long result = topHalf.install(signal, mask);
            if (result != 0) {
                throw new LinuxException(
                        "sigaction(" + signal + ")", (int) -result, linux.strerror((int) -result), null);
            }
        } else {
            long libc = linux.dlopen(null);
            linux.call(linux.dlsym(libc, "signal"), signal, linux.dlsym(libc, "abs"), 0, 0, 0, 0);
        }
    }

    /** Signals with a handler. signal(2) would tell too, but lose the flags and the mask of the handler that it replaces. */
    private static long caught() {
        try {
            for (String line : Files.readAllLines(STATUS, StandardCharsets.ISO_8859_1)) {
                if (line.startsWith(CAUGHT)) {
                    return Long.parseUnsignedLong(
                            line.substring(CAUGHT.length()).strip(), 16);
                }
            }
        } catch (IOException e) {
            throw new UnsupportedOperationException("levels need to know which signals are free: mount /proc", e);
        }
        throw new UnsupportedOperationException(
                "levels need to know which signals are free: " + STATUS + " has no " + CAUGHT);
    }

    static boolean isSoft(int rank) {
        return rank <= Ipl.SOFTNET.rank() || rank == Ipl.SOFTSERIAL.rank();
    }

    private static long bit(int signal) {
        return 1L << (signal - 1);
    }

    private long maskUpTo(int rank) {
        long mask = 0;
        for (int r = 1; r <= rank; r++) {
            if (ofRank[r] != 0) {
                mask |= bit(ofRank[r]);
            }
        }
        return mask;
    }

    /** The doorbell between processors is masked at no level. */
    private synchronized void computeMasks() {
        long[] computed = new long[RANKS];
        for (int r = 1; r < RANKS; r++) {
            long mask = maskUpTo(Math.min(r, IPI - 1));
            for (int n = 1; n <= SIGNALS; n++) {
                if (rankOf[n] != 0 && rankOf[n] <= r && rankOf[n] != IPI) {
                    mask |= bit(n);
                }
            }
            computed[r] = mask;
        }
        masks = computed;
        if (topHalf != null) {
            for (int r = 0; r < RANKS; r++) {
                topHalf.rankMask(r, computed[r]);
            }
        }
    }

    /** What a level masks, as the kernel's set. */
    long mask(int rank) {
        return masks[rank];
    }

    /** All that have our handler. */
    long ours() {
        return ours;
    }

    /** Signals that lines have, of whichever receiver. */
    long routed() {
        return routed;
    }

    /** The ladder's signal of a rank, 0 if it has none. */
    int ofRank(int rank) {
        return ofRank[rank];
    }

    List<String> skipped() {
        return List.copyOf(skipped);
    }

    synchronized int left() {
        int left = free.size();
        for (int r = 1; r < RANKS; r++) {
            left += ofRank[r] != 0 && !ladderTaken[r] ? 1 : 0;
        }
        return left;
    }

    /**
     * A signal for a line: that of its rank, or a free one. Signals of other ranks stay for lines of those.
     *
     * @throws LinuxException EAGAIN if there is none
     */
    synchronized int take(int rank, String line) {
        int signal;
        if (ofRank[rank] != 0 && !ladderTaken[rank]) {
            ladderTaken[rank] = true;
            signal = ofRank[rank];
        } else if (!free.isEmpty()) {
            signal = free.remove();
        } else {
            throw new LinuxException(
                    "signal(\"" + line + "\")",
                    Errno.EAGAIN.number(),
                    "no signal is free for a further line at " + Ipl.ofRank(rank),
                    "0 free signals are left for lines of this level (" + left()
                            + " belong to other levels): close a line that has one, or trigger this line from this process,"
                            + " which needs no signal");
        }
        rankOf[signal] = rank;
        routed |= bit(signal);
        computeMasks();
        return signal;
    }

    synchronized void giveBack(int signal, int rank) {
        rankOf[signal] = 0;
        routed &= ~bit(signal);
        if (ofRank[rank] == signal) {
            ladderTaken[rank] = false;
        } else {
            free.add(signal);
        }
        computeMasks();
    }
}
