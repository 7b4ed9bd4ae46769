// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import static org.percpu.dispatch.Memory.LONG;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;

/**
 * The real-time signals of lines. A line takes a signal when it first needs one, from those that have no handler in the
 * process. A line that is closed gives its signal back; the signal then does what it did before.
 *
 * <p>Candidates are all real-time signals from SIGRTMIN + 2 on, except those that HotSpot and the JDK use. The ladder
 * gives each level a number, which the lines of that level ask for first. The highest level has the lowest number. The
 * kernel delivers the lowest number first, so it delivers in the order of the levels. Levels of soft interrupts have no
 * signals.
 *
 * <p>A copy of this class in another class loader takes other signals: all copies see the same table, the handlers of
 * the process. A copy looks at the table and installs its handler under one lock of the whole JVM.
 */
public final class Signals {
    private static final int RANKS = Rank.COUNT;
    private static final int IPI = Rank.IPI;
    public static final int SIGIO = 29;

    private static final int FIRST = 2;
    private static final int SIGUSR2 = 12;
    private static final int SIGNALS = 64;
    private static final int SIGSEGV = 11;

    /** The lock of the whole JVM. An interned string is the same object for every class loader. */
    private static final Object JVM_WIDE = "org.percpu.ipl.Signals: who takes a signal".intern();

    private final LinuxCalls linux;
    private final int[] ofRank = new int[RANKS];
    private final List<String> reserved = new ArrayList<>();
    private final List<Integer> candidates = new ArrayList<>();
    private final int[] rankOf = new int[SIGNALS + 1]; // guarded by JVM_WIDE; 0 unless a line has the signal

    /** Signals that their lines have given back while a handler was still running for them. */
    private final List<Integer> late = new ArrayList<>(); // guarded by JVM_WIDE

    private int watchers; // guarded by JVM_WIDE

    /** The signals that lines have, as the kernel's set. */
    private volatile long routed;

    /** What each level masks, as the kernel's set. Signal handlers read it. */
    private final ByteBuffer masks;

    Signals(LinuxCalls linux) {
        this.linux = linux;
        this.masks = linux.allocate(RANKS * Long.BYTES);
        int suspend = suspendSignal();
        int interrupts = linux.__libc_current_sigrtmax() - 2;
        int rank = IPI;
        for (int n = linux.__libc_current_sigrtmin() + FIRST; n <= linux.__libc_current_sigrtmax(); n++) {
            if (n == suspend) {
                reserved.add(n + " (HotSpot suspends threads with it: _JAVA_SR_SIGNUM)");
            } else if (n == interrupts) {
                reserved.add(n + " (the JDK interrupts blocked I/O with it)");
            } else {
                candidates.add(n);
                if (rank > 0) {
                    // A soft rank uses up a number of the ladder too. Any line may take that number.
                    ofRank[rank] = Rank.isSoft(rank) ? 0 : n;
                    rank--;
                }
            }
        }
    }

    /** Reads the variable as HotSpot does. jdk.internal.misc.Signal has no influence on it. */
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

    private static long bit(int signal) {
        return 1L << (signal - 1);
    }

    /** Computes what each level masks. No level masks the signal of IPI, the doorbell between processors. */
    private void computeMasks() {
        for (int r = 1; r < RANKS; r++) {
            long mask = 0;
            for (int n = 1; n <= SIGNALS; n++) {
                if (rankOf[n] != 0 && rankOf[n] <= r && rankOf[n] != IPI) {
                    mask |= bit(n);
                }
            }
            LONG.setVolatile(masks, r * Long.BYTES, mask);
        }
    }

    /** Returns what a level masks, as the kernel's set. */
    public long mask(int rank) {
        return (long) LONG.getOpaque(masks, rank * Long.BYTES);
    }

    /** Address of the masks of all levels. */
    long masks() {
        return linux.address(masks);
    }

    /** Returns all signals that lines could have: see percpu_install. */
    private long all() {
        long all = 0;
        for (int n : candidates) {
            all |= bit(n);
        }
        return all;
    }

    /** Returns the signals that lines of any receiver have. */
    long routed() {
        return routed;
    }

    /** Returns the ladder's signal of a rank, or 0 if the rank has none. */
    public int ofRank(int rank) {
        return ofRank[rank];
    }

    /** Returns the signals that no line can have now, each with the reason. */
    public List<String> skipped(LibPercpu half) {
        List<String> skipped = new ArrayList<>(reserved);
        synchronized (JVM_WIDE) {
            for (int n : candidates) {
                long handler = half.handler(n);
                if (handler != LibPercpu.BY_DEFAULT && handler != LibPercpu.IGNORED && handler != LibPercpu.OURS) {
                    skipped.add(n + " (" + Holder.of(handler) + " has a handler for it)");
                }
            }
        }
        return skipped;
    }

    /**
     * Returns the signals that no line can ever have. For use without the library: the handlers are then unknown, and
     * no line needs a signal.
     */
    public List<String> reserved() {
        return List.copyOf(reserved);
    }

    public int left(LibPercpu half) {
        synchronized (JVM_WIDE) {
            int left = 0;
            for (int n : candidates) {
                left += rankOf[n] == 0 && isFree(half, n) ? 1 : 0;
            }
            return left;
        }
    }

    /**
     * Returns whether a signal has no handler. The library's own handler without a line of this copy is not free:
     * another copy that shares the library may have the line, or the signal was given back while its handler ran, which
     * only percpu_release can tell.
     */
    private boolean isFree(LibPercpu half, int signal) {
        long handler = half.handler(signal);
        return handler == LibPercpu.BY_DEFAULT || handler == LibPercpu.IGNORED;
    }

    /**
     * Takes a signal for a line: the signal of the line's rank, or another one.
     *
     * @throws LinuxException EAGAIN if no signal is free
     */
    public int take(LibPercpu half, int rank, String line) {
        synchronized (JVM_WIDE) {
            releaseLate(half);
            List<Integer> wanted = new ArrayList<>(candidates);
            // The signals of other levels come last: lines of those levels would ask for them first.
            wanted.sort((a, b) -> Integer.compare(reluctance(rank, a), reluctance(rank, b)));
            for (int n : wanted) {
                if (rankOf[n] == 0 && isFree(half, n) && half.install(n, all(), false) == 0) {
                    rankOf[n] = rank;
                    routed |= bit(n);
                    computeMasks();
                    return n;
                }
            }
            throw new LinuxException(
                    "signal(\"" + line + "\")",
                    Errno.EAGAIN.number(),
                    "no signal is free for a further line at " + Rank.name(rank),
                    whoHasThem(half) + "; or trigger this line from this process, which needs no signal");
        }
    }

    private int reluctance(int rank, int signal) {
        if (signal == ofRank[rank]) {
            return 0;
        }
        for (int of : ofRank) {
            if (of == signal) {
                return 2;
            }
        }
        return 1;
    }

    private String whoHasThem(LibPercpu half) {
        int mine = 0;
        Map<String, Integer> others = new TreeMap<>();
        for (int n : candidates) {
            long handler = half.handler(n);
            if (rankOf[n] != 0) {
                mine++;
            } else if (handler == LibPercpu.OURS) {
                others.merge("another class loader's copy of percpu that shares libpercpu", 1, Integer::sum);
            } else if (!isFree(half, n)) {
                others.merge(Holder.of(handler), 1, Integer::sum);
            }
        }
        StringBuilder who =
                new StringBuilder("of " + candidates.size() + " signals lines of this copy of percpu have " + mine);
        others.forEach((holder, count) ->
                who.append(", ").append(holder).append(" has ").append(count));
        return who.append(": close a line that has one")
                .append(others.isEmpty() ? "" : ", here or there")
                .toString();
    }

    public void giveBack(LibPercpu half, int signal) {
        synchronized (JVM_WIDE) {
            rankOf[signal] = 0;
            routed &= ~bit(signal);
            computeMasks();
            late.add(signal);
            releaseLate(half);
        }
    }

    private void releaseLate(LibPercpu half) {
        late.removeIf(half::release);
    }

    /**
     * Counts one more watched file, and takes SIGIO. The kernel sends SIGIO when it cannot queue a file's signal.
     * Returns 0 or -errno.
     */
    public long takeSigio(LibPercpu half) {
        synchronized (JVM_WIDE) {
            long handler = half.handler(SIGIO);
            long result = half.install(SIGIO, all(), handler > LibPercpu.OURS && Holder.isPercpu(handler));
            if (result == 0) {
                watchers++;
            }
            return result;
        }
    }

    /** Counts one watched file less, and gives SIGIO back after the last one. */
    public void giveSigioBack(LibPercpu half) {
        synchronized (JVM_WIDE) {
            watchers--;
            if (watchers == 0) {
                late.add(SIGIO);
                releaseLate(half);
            }
        }
    }
}
