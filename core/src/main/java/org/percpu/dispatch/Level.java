// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.events.Events;
import org.percpu.events.Span;
import org.percpu.events.Trace;

/**
 * The level of one thread, and the thread's signal mask. The level is a word in native memory, which the signal handler
 * on the same thread reads. Only the thread itself may call the methods.
 */
public final class Level {
    private static final int LEVEL_WORD = Memory.LEVEL / Integer.BYTES;
    private static final int PENDING_WORD = Memory.PENDING / Integer.BYTES;

    private final LinuxCalls linux;
    private final Signals signals;
    private final ByteBuffer memory;
    private final IntBuffer words; // the same memory, for Words
    private final long address;
    private final long[] set = new long[1];

    private int rank;
    private @Nullable Span raised; // what a recording is told of the level
    private boolean eager;
    private long blocked; // by this object, in EAGER mode

    /** Signals of the lines of this thread. Written under the monitor of the dispatcher. */
    volatile long ownSignals;

    Level(Support support, ByteBuffer memory) {
        this.linux = support.linux;
        this.signals = support.signals;
        this.memory = memory;
        this.words = memory.asIntBuffer();
        this.address = linux.address(memory);
        this.eager = support.isEager();
    }

    /**
     * The rank of the level now.
     *
     * @return 0 to {@link Rank#IPI}
     */
    public int rank() {
        return rank;
    }

    /**
     * Returns whether each change of the level is a system call.
     *
     * @return false for lazy masking
     */
    public boolean isEager() {
        return eager;
    }

    /**
     * Changes how signals are masked. The caller is at rank 0.
     *
     * @param each whether each change of the level is a system call from now on
     */
    public void setEager(boolean each) {
        eager = each;
    }

    /**
     * Raises the level, or enters the level of a handler. After an error the level is as before, because the caller
     * gets no cookie with which it could go back.
     *
     * @param to rank of the new level
     */
    public void enter(int to) {
        int old = rank;
        try {
            set(to);
            compilerFence();
            if (eager) {
                block(to);
            }
        } catch (Throwable t) {
            set(old);
            throw t;
        }
    }

    /** A plain store, but of an aligned int, so the handler never sees half of it. */
    private void set(int to) {
        Words.put(words, address, LEVEL_WORD, to);
        rank = to;
        if (Trace.levels()) {
            record(to);
        }
    }

    private void record(int to) {
        Span before = raised;
        raised = null;
        if (before != null) {
            before.end();
        }
        raised = to == 0 ? null : Events.raised(Rank.name(to), to);
    }

    /**
     * A fence for the compilers. The handler runs on this same thread and is the only reader that needs the order, so
     * the processor needs no fence.
     */
    static void compilerFence() {
        VarHandle.releaseFence();
        VarHandle.acquireFence();
    }

    /**
     * Lowers the level word.
     *
     * @param to rank of the new level
     * @return true if the caller must call {@link Dispatcher#lowered}
     */
    public boolean lowerWord(int to) {
        compilerFence();
        set(to);
        compilerFence();
        return eager || hasPending(to);
    }

    /** A plain look: each caller has a fence before it, so that no loop looks only once. */
    boolean hasPending(int to) {
        return (Words.get(words, address, PENDING_WORD) & (-2 << to | Memory.REMASK)) != 0;
    }

    /** Restores a level without a look at what is pending. */
    void restore(int to) {
        set(to);
        compilerFence();
        if (eager) {
            block(to);
            unblock(to);
        }
    }

    private void block(int to) {
        long more = signals.mask(to) & ~blocked;
        if (more != 0) {
            mask(LinuxCalls.SIG_BLOCK, more);
            blocked |= more;
        }
    }

    void unblock(int to) {
        long less = blocked & ~signals.mask(to);
        if (less != 0) {
            blocked &= ~less;
            unmask(less);
        }
    }

    /**
     * Unblocks signals, but for two kinds. Signals of other threads' lines stay blocked once the handler has blocked
     * them here. Signals of own lines stay blocked until the rings of these have room. Each thread takes one of them at
     * most, and for that the rings have room in reserve. A thread that takes a bit out of SPILLED puts it into DEFERRED
     * afterwards, so what is left out here is looked at again.
     */
    void unmask(long less) {
        long spilled = (long) Memory.LONG.getVolatile(memory, Memory.SPILLED);
        mask(LinuxCalls.SIG_UNBLOCK, less & ~(signals.routed() & ~ownSignals) & ~spilled);
    }

    private void mask(int how, long which) {
        set[0] = which;
        int result = linux.pthread_sigmask(how, set, null);
        assert result == 0;
    }
}
