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
 * The real-time signals of lines. A line takes one when it needs it, from those without a handler in the process, and gives it back when
 * it is closed; then the signal does what it did before.
 *
 * <p>Candidates are all real-time signals from two above SIGRTMIN on but for what HotSpot and the JDK use. The ladder gives each level a
 * number that its lines ask for first, the highest level the lowest number, so that the kernel, which hands out the lowest number first,
 * does so in the order of the levels. Levels of soft interrupts have no signals.
 *
 * <p>Another copy of this class, of another class loader, takes others: the handlers of a process are the table that all copies see. Looking
 * there and installing is under a lock of the whole JVM.
 */
public final class Signals {
    private static final int RANKS = Rank.COUNT;
    private static final int IPI = Rank.IPI;
    public static final int SIGIO = 29;

    private static final int FIRST = 2;
    private static final int SIGUSR2 = 12;
    private static final int SIGNALS = 64;
    private static final int SIGSEGV = 11;

    /** An interned string is the same object for every class loader. */
    private static final Object JVM_WIDE = "org.percpu.ipl.Signals: who takes a signal".intern();

    private final LinuxCalls linux;
    private final int[] ofRank = new int[RANKS];
    private final List<String> reserved = new ArrayList<>();
    private final List<Integer> candidates = new ArrayList<>();
    private final int[] rankOf = new int[SIGNALS + 1]; // guarded by JVM_WIDE; 0 unless a line has the signal

    /** Given back by their lines, and a handler was in the middle of them. */
    private final List<Integer> late = new ArrayList<>(); // guarded by JVM_WIDE

    private int watchers; // guarded by JVM_WIDE

    /** Signals that lines have. */
    private volatile long routed;

    /** What each level masks, as the kernel's set; handlers read it. */
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
                    // A soft rank has a number of the ladder too, which is there for any line.
                    ofRank[rank] = Rank.isSoft(rank) ? 0 : n;
                    rank--;
                }
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

    private static long bit(int signal) {
        return 1L << (signal - 1);
    }

    /** The doorbell between processors is masked at no level. */
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

    /** What a level masks, as the kernel's set. */
    public long mask(int rank) {
        return (long) LONG.getOpaque(masks, rank * Long.BYTES);
    }

    /** Address of the masks of all levels. */
    long masks() {
        return linux.address(masks);
    }

    /** All that lines could have: see percpu_install. */
    private long all() {
        long all = 0;
        for (int n : candidates) {
            all |= bit(n);
        }
        return all;
    }

    /** Signals that lines have, of whichever receiver. */
    long routed() {
        return routed;
    }

    /** The ladder's signal of a rank, 0 if it has none. */
    public int ofRank(int rank) {
        return ofRank[rank];
    }

    /** Signals that no line can have now, each with the reason. */
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

    /** Without the library nobody knows who handles what, and no line needs a signal. */
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

    /** Our handler without a line of ours: of a copy that shares the library, or given back late, which only percpu_release finds out. */
    private boolean isFree(LibPercpu half, int signal) {
        long handler = half.handler(signal);
        return handler == LibPercpu.BY_DEFAULT || handler == LibPercpu.IGNORED;
    }

    /**
     * A signal for a line: that of its rank, or another one.
     *
     * @throws LinuxException EAGAIN if there is none
     */
    public int take(LibPercpu half, int rank, String line) {
        synchronized (JVM_WIDE) {
            releaseLate(half);
            List<Integer> wanted = new ArrayList<>(candidates);
            // Those of other levels last: their lines would ask for them first.
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

    /** A further file is watched: takes SIGIO, which the kernel sends when a file's signal cannot be queued. 0 or -errno. */
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

    /** One file less is watched. */
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
