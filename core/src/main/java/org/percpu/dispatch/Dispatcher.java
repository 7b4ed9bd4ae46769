// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import static org.percpu.dispatch.Memory.INT;
import static org.percpu.dispatch.Memory.LONG;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The interrupts of one thread: which are pending, which may run at the thread's level, and the bell that wakes the
 * thread. {@code Spl} and {@code Receiver} show it to users.
 *
 * <p>Methods are for the thread itself, unless they say that any thread may call them.
 */
@SuppressWarnings("ReferenceEquality") // threads are compared by identity
public final class Dispatcher {
    /** For {@link #roomWasMade}. */
    public static final long ALL_SIGNALS = -1;

    private static final Source[] NONE = {};

    private final Thread owner;
    private final Support support;
    private final ByteBuffer memory;
    private final long address;
    private final int tid;
    private final Level level;
    private final HeldMutexes mutexes = new HeldMutexes();
    private final Bell bell;

    /** The sources by rank. The array is never changed; a new one replaces it under `this`. */
    private volatile Source[][] sources = new Source[Rank.COUNT][];

    // Only the thread uses these fields.
    private int interrupts; // handlers on the stack
    private int hardInterrupts; // how many of these are not soft

    /** What users see of it; the thread's own, made at the first use. */
    public @Nullable Object spl;

    /** As {@link #spl}. */
    public @Nullable Object receiver;

    Dispatcher(Support support, ByteBuffer memory) {
        this.support = support;
        this.owner = Thread.currentThread();
        this.memory = memory;
        this.address = support.linux.address(memory);
        this.tid = support.linux.gettid();
        Arrays.fill(sources, NONE);
        for (int at = 0; at < Memory.RECEIVER_BYTES; at += Long.BYTES) {
            memory.putLong(at, 0);
        }
        memory.putInt(Memory.TID, tid);
        memory.putLong(Memory.THREAD, support.linux.pthread_self());
        memory.putLong(Memory.MASKS, support.signals.masks());
        this.level = new Level(support, memory);
        this.bell = new Bell(support, memory);
        // The thread has inherited its creator's signal mask, and so the signals that its creator had masked.
        level.unmask(support.signals.mask(Rank.HIGH));
    }

    /**
     * The thread's level.
     *
     * @return always the same
     */
    public Level level() {
        return level;
    }

    /**
     * The spin mutexes that the thread holds.
     *
     * @return always the same
     */
    public HeldMutexes mutexes() {
        return mutexes;
    }

    /**
     * What works in this process. Any thread may ask.
     *
     * @return always the same
     */
    public Support support() {
        return support;
    }

    /**
     * The thread. Any thread may ask.
     *
     * @return always the same
     */
    public Thread owner() {
        return owner;
    }

    /**
     * Linux's number of the thread. Any thread may ask.
     *
     * @return always the same
     */
    public int tid() {
        return tid;
    }

    /**
     * The thread's memory, for libpercpu. Any thread may ask.
     *
     * @return an address that is valid as long as the process lives
     */
    public long address() {
        return address;
    }

    /**
     * Whether the caller is the thread.
     *
     * @return true on the thread itself
     */
    public boolean isCurrent() {
        return Thread.currentThread() == owner;
    }

    /**
     * Whether the thread lives. Any thread may ask.
     *
     * @return false when it has ended
     */
    public boolean isAlive() {
        return owner.isAlive();
    }

    /**
     * Whether the thread is in an interrupt handler.
     *
     * @return true in handlers of lines, soft or not
     */
    public boolean inInterrupt() {
        return interrupts > 0;
    }

    /**
     * How many handlers are on the thread's stack.
     *
     * @return 2 or more if a handler was interrupted by that of a higher level
     */
    public int interruptDepth() {
        return interrupts;
    }

    /**
     * Whether the thread is in a handler of a level that is not one of the soft ones.
     *
     * @return true in handlers of hardware levels
     */
    public boolean inHardInterrupt() {
        return hardInterrupts > 0;
    }

    // ---- running what is pending

    /**
     * Lowers the level, and runs the interrupts that the new level no longer masks.
     *
     * @param to rank, at most the one now
     */
    public void lower(int to) {
        if (level.lowerWord(to)) {
            lowered(to);
        }
    }

    /**
     * Runs the interrupts that the level no longer masks after it was lowered.
     *
     * @param to rank of the level now
     */
    public void lowered(int to) {
        if (level.isEager()) {
            level.unblock(to);
        }
        int ran = service(to);
        assert ran >= 0;
    }

    /**
     * Runs the interrupts that are pending and not masked.
     *
     * @return how many times handlers were called from here
     */
    public int poll() {
        Level.compilerFence();
        int now = level.rank();
        return level.hasPending(now) ? service(now) : 0;
    }

    /**
     * Runs pending ranks above a level, and lets the kernel deliver what the handler has blocked and the level does not
     * mask.
     */
    private int service(int to) {
        int ran = 0;
        while (true) {
            int pending = (int) INT.getVolatile(memory, Memory.PENDING);
            int runnable = pending & (-2 << to);
            if (runnable != 0) {
                int rank = Integer.SIZE - 1 - Integer.numberOfLeadingZeros(runnable);
                INT.getAndBitwiseAnd(memory, Memory.PENDING, ~(1 << rank));
                try {
                    ran += run(rank, to);
                } catch (Throwable t) {
                    // The error is not a handler's. It must not leave values behind that wait for the next interrupt.
                    INT.getAndBitwiseOr(memory, Memory.PENDING, 1 << rank);
                    throw t;
                }
            } else if ((pending & Memory.REMASK) == 0 || !remask(to)) {
                return ran;
            }
        }
    }

    /** True if signals were unblocked, and may have been delivered already. */
    private boolean remask(int to) {
        INT.getAndBitwiseAnd(memory, Memory.PENDING, ~Memory.REMASK);
        long deferred = (long) LONG.getVolatile(memory, Memory.DEFERRED);
        long masked = support.signals.mask(to);
        if ((deferred & masked) != 0) {
            // These signals are looked at again when the level falls further.
            INT.getAndBitwiseOr(memory, Memory.PENDING, Memory.REMASK);
        }
        long free = deferred & ~masked;
        if (free == 0) {
            return false;
        }
        LONG.getAndBitwiseAnd(memory, Memory.DEFERRED, ~free);
        level.unmask(free);
        return true;
    }

    private int run(int rank, int to) {
        boolean hard = !Rank.isSoft(rank);
        int held = mutexes.count();
        int ran = 0;
        level.enter(rank);
        interrupts++;
        hardInterrupts += hard ? 1 : 0;
        try {
            for (Source source : sources[rank]) {
                ran += source.run();
                if (mutexes.count() > held) {
                    source.fault(new IllegalStateException("the handler of " + source + " returned at " + levelName()
                            + mutexes.releaseAbove(held) + ": they are released"));
                }
                int left = level.rank();
                if (left != rank) {
                    // NetBSD's count keeps a level that the handler's own mutex raised while the code interrupted holds
                    // one.
                    if (left < rank || !mutexes.keepsLevel()) {
                        source.fault(
                                new IllegalStateException("the handler of " + source + " returned at " + levelName()));
                    }
                    level.restore(rank);
                }
            }
        } finally {
            interrupts--;
            hardInterrupts -= hard ? 1 : 0;
            try {
                level.restore(to);
            } catch (Throwable t) {
                // The thread must not stay at the level of the handler. There was room on the stack for a handler just
                // now.
                level.restore(to);
            }
        }
        return ran;
    }

    private String levelName() {
        return Rank.name(level.rank());
    }

    /**
     * After a callback that returned at a raised level or with spin mutexes held: releases them and lowers to NONE.
     *
     * @return the level and the mutexes that there were, as a clause, or null if there was nothing to do
     */
    public @Nullable String leaveAll() {
        if (level.rank() == 0 && mutexes.count() == 0) {
            return null;
        }
        String left = "at " + levelName() + (mutexes.count() == 0 ? "" : mutexes.releaseAbove(0));
        if (level.rank() > 0) {
            lower(0);
        }
        return left;
    }

    /**
     * The bells of the thread. Any thread may ask.
     *
     * @return always the same
     */
    public Bell bell() {
        return bell;
    }

    // ---- sources

    /**
     * Any thread: something of a rank waits.
     *
     * @param rank of its source
     */
    public void notifyRank(int rank) {
        INT.getAndBitwiseOr(memory, Memory.PENDING, 1 << rank);
        bell.wakeup();
    }

    /**
     * As {@link #notifyRank}, for the thread itself, which looks at once and needs no ring.
     *
     * @param rank of its source
     */
    public void pend(int rank) {
        INT.getAndBitwiseOr(memory, Memory.PENDING, 1 << rank);
    }

    /**
     * Any thread: a full ring has room again, or is gone. The thread then lets the kernel deliver what it kept of these
     * signals.
     *
     * @param signals as the kernel's set
     */
    public void roomWasMade(long signals) {
        // The memory of a thread that has ended may belong to another thread.
        if (!isAlive()) {
            return;
        }
        long spilled = (long) LONG.getAndBitwiseAnd(memory, Memory.SPILLED, ~signals) & signals;
        if (spilled != 0) {
            LONG.getAndBitwiseOr(memory, Memory.DEFERRED, spilled);
            notifyRank(0);
        }
    }

    /**
     * Any thread: a source of this thread gets signals, which the thread may have blocked. It lets them in as soon as
     * its level does. No handler runs in here: the caller has the lock of the line.
     *
     * @param signals as the kernel's set
     */
    public void admit(long signals) {
        synchronized (this) {
            level.ownSignals |= signals;
        }
        LONG.getAndBitwiseOr(memory, Memory.DEFERRED, signals);
        notifyRank(0);
        if (isCurrent()) {
            boolean letIn = remask(level.rank());
            assert letIn || level.rank() > 0;
        }
    }

    /**
     * Any thread: a source of this thread gives signals back.
     *
     * @param signals as the kernel's set
     */
    public synchronized void dismiss(long signals) {
        level.ownSignals &= ~signals;
    }

    /**
     * Any thread: adds a source.
     *
     * @param source of this thread from now on
     */
    public synchronized void add(Source source) {
        Source[][] copy = sources.clone();
        Source[] same = Arrays.copyOf(copy[source.rank()], copy[source.rank()].length + 1);
        same[same.length - 1] = source;
        copy[source.rank()] = same;
        sources = copy;
    }

    /**
     * Any thread: removes a source.
     *
     * @param source added before
     */
    public synchronized void remove(Source source) {
        Source[][] copy = sources.clone();
        List<Source> same = new ArrayList<>(Arrays.asList(copy[source.rank()]));
        same.remove(source);
        copy[source.rank()] = same.toArray(NONE);
        sources = copy;
    }

    boolean hasSources() {
        for (Source[] same : sources) {
            if (same.length > 0) {
                return true;
            }
        }
        return false;
    }

    /**
     * How often the signal handler has blocked signals because the level masked one that came. Any thread may ask.
     *
     * @return counted since the thread asked for its level
     */
    public long deferrals() {
        return (long) LONG.getVolatile(memory, Memory.DEFERRALS);
    }

    /** Thread and level. Any thread may ask. */
    @Override
    public String toString() {
        return owner.getName() + " (tid " + tid + ") at " + Rank.name((int) INT.getVolatile(memory, Memory.LEVEL));
    }
}
