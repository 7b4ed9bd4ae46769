// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;

/**
 * mutex(9) of both systems: a lock with an interrupt priority level.
 *
 * <table>
 * <caption>The two schemes</caption>
 * <tr><th></th><th>{@link #netbsd}</th><th>{@link #openbsd}</th></tr>
 * <tr><td>adaptive (may sleep, leaves the level alone)</td><td>NONE and the soft levels</td><td>none</td></tr>
 * <tr><td>spin (raises the level while held)</td><td>from BIO up</td><td>all; levels between NONE and TTY (IPL_MPFLOOR) become TTY</td></tr>
 * <tr><td>level on release</td><td>that before the first spin mutex, when the last one is released; any order</td>
 * <td>that before this mutex: release in reverse order, or the level drops early</td></tr>
 * </table>
 *
 * <p>Held together, they go back to the level before the first of all when the last one is released, in any order, and to none below
 * that of a mutex still held as long as one of NetBSD's is held or is the one released.
 *
 * <p>A spin mutex raises before it is taken: a handler on the same thread that wants the mutex too cannot then run while it is held.
 * "Spin" is a class, no way of waiting: while one is held the thread must not sleep and must not take an adaptive mutex. A taker spins
 * for a moment and then sleeps, since on Linux the holder may be off the CPU.
 *
 * <p>A thread that waits for a mutex runs its interrupts of higher levels meanwhile: than its own for an adaptive mutex, than the mutex's
 * for a spin mutex. So a handler must not take an adaptive mutex that its own thread may hold; it gets the "locking against myself" of a
 * handler that runs at any other time. {@link #lockInterruptibly} and {@link #tryLock(long, TimeUnit)} of a thread that has a level
 * hear {@link Thread#interrupt} some 2 ms late.
 *
 * <p>Not recursive. Use {@code Condvar} and {@code Sleepq} with it as the interlock; a spin mutex is released, and the level with it, while
 * the thread sleeps. Taking a mutex does not drop the kernel lock: take that first.
 *
 * @see <a href="https://man.netbsd.org/mutex.9">mutex(9)</a>
 */
@SuppressWarnings("ReferenceEquality") // threads and mutexes are compared by identity
public final class Mutex implements Lock {
    private static final int SPINS = 200;
    private static final Ipl MPFLOOR = Ipl.TTY;

    private final String name;
    private final Ipl ipl;
    private final int rank;
    private final boolean spin;
    private final boolean perMutex;
    private final @Nullable Consumer<String> strict;
    private final Sync sync = new Sync(this);

    // Of the holder.
    private int oldLevel; // OpenBSD
    private @Nullable Mutex below;

    /** Held or not, and by whom. */
    private static final class Sync extends Turnstile {
        private static final long serialVersionUID = 1L;

        private final transient Mutex mutex;

        Sync(Mutex mutex) {
            super(false);
            this.mutex = mutex;
        }

        /** Shown of a thread that waits for it. */
        @Override
        public String toString() {
            Thread holder = holder();
            return mutex + (holder == null ? "" : ", held by " + holder.getName());
        }
    }

    private Mutex(String name, Ipl ipl, boolean spin, boolean perMutex, @Nullable Consumer<String> strict) {
        this.name = name;
        this.ipl = ipl;
        this.rank = ipl.rank();
        this.spin = spin;
        this.perMutex = perMutex;
        this.strict = strict;
    }

    /**
     * mutex_init of NetBSD.
     *
     * @param name for messages
     * @param ipl highest level at which the mutex is taken; decides the class
     * @return a free mutex
     */
    public static Mutex netbsd(String name, Ipl ipl) {
        Argument.requireNonNull(name, "mutex_init", "name");
        Argument.requireNonNull(ipl, "mutex_init", "ipl");
        return new Mutex(name, ipl, !(ipl == Ipl.NONE || Signals.isSoft(ipl.rank())), false, null);
    }

    /**
     * mtx_init of OpenBSD.
     *
     * @param name for messages
     * @param ipl highest level at which the mutex is taken
     * @param strict told of mutexes that are not released in reverse order, or null
     * @return a free mutex
     */
    public static Mutex openbsd(String name, Ipl ipl, @Nullable Consumer<String> strict) {
        Argument.requireNonNull(name, "mtx_init", "name");
        Argument.requireNonNull(ipl, "mtx_init", "ipl");
        Ipl adjusted = ipl != Ipl.NONE && ipl.compareTo(MPFLOOR) < 0 ? MPFLOOR : ipl;
        return new Mutex(name, adjusted, true, true, strict);
    }

    /**
     * mutex_enter, mtx_enter.
     *
     * @throws IllegalMonitorStateException if the caller holds it, or, for an adaptive mutex, holds a spin mutex, is in a hard interrupt
     *     or at a level above the soft ones; for a spin mutex, in a handler of a higher level than the mutex's
     * @throws UnsupportedOperationException on a virtual thread, for a spin mutex
     */
    @Override
    public void lock() {
        Spl spl = enter();
        int before = spl == null ? 0 : spl.rank();
        boolean taken = false;
        try {
            if (spl != null) {
                raise(spl);
            }
            acquire();
            taken(spl, before);
            taken = true;
        } finally {
            if (!taken) {
                undo(spl, before);
            }
        }
    }

    private void acquire() {
        for (int i = 0; i < SPINS; i++) {
            if (sync.tryEnter()) {
                return;
            }
            Thread.onSpinWait();
        }
        sync.enter();
    }

    /** Checks, and answers with the level of a spin mutex's taker. */
    private @Nullable Spl enter() {
        if (isHeldByCurrentThread()) {
            throw new IllegalMonitorStateException("mutex " + name + ": locking against myself, on "
                    + Thread.currentThread().getName() + ": it is not recursive");
        }
        if (!spin) {
            Spl spl = Spl.currentIfUsed();
            if (spl != null && !spl.mayTakeAdaptive()) {
                throw new IllegalMonitorStateException("adaptive mutex " + name + " taken at " + spl.level() + " on "
                        + Thread.currentThread().getName()
                        + (spl.spinHeld > 0
                                ? ", with a spin mutex held"
                                : spl.inHardInterrupt() ? ", in an interrupt" : "")
                        + ": it may sleep; make it with a level of " + spl.level());
            }
            return null;
        }
        Spl spl = Spl.current();
        if (spl.inInterrupt() && spl.rank() > ipl.rank()) {
            throw new IllegalMonitorStateException("mutex " + name + " of " + ipl + " taken by a handler at "
                    + spl.level() + ": the thread it interrupted may hold it; make it with a level of " + spl.level());
        }
        return spl;
    }

    private void raise(Spl spl) {
        int cookie = spl.splraise(ipl);
        assert cookie >= 0;
    }

    private void taken(@Nullable Spl spl, int before) {
        if (spl == null) {
            return;
        }
        // No calls in here: an error would leave half of it.
        if (spl.spinHeld++ == 0) {
            spl.spinBase = before;
        }
        below = spl.spinTop;
        spl.spinTop = this;
        spl.spinFloor = spl.spinFloor > rank ? spl.spinFloor : rank;
        if (perMutex) {
            oldLevel = before;
        } else if (spl.spinCount++ == 0) {
            spl.spinOldLevel = before;
        }
    }

    /**
     * mutex_exit, mtx_leave. Interrupts that the level held back run before it returns.
     *
     * @throws IllegalMonitorStateException if the caller does not hold it
     */
    @Override
    public void unlock() {
        if (!isHeldByCurrentThread()) {
            Thread holder = sync.holder();
            throw new IllegalMonitorStateException(
                    "mutex " + name + " released by " + Thread.currentThread().getName() + ", which does not hold it: "
                            + (holder == null ? "nobody does" : holder.getName() + " does"));
        }
        if (!spin) {
            sync.leave();
            return;
        }
        Spl spl = Spl.current();
        int old = levelAfterUnlock(spl);
        int floor = Math.min(highestHeld(spl, this), old);
        Mutex after = spl.spinTop == this ? null : spl.spinTop;
        Mutex above = above(spl);
        try {
            release(spl, above, floor);
            lowerTo(spl, old);
        } catch (Throwable once) {
            if (!sync.isMine()) {
                // The mutex is free: its level must not stay.
                lowerTo(spl, old);
            }
            throw once;
        }
        Consumer<String> told = strict;
        if (after != null && told != null) {
            told.accept("mutex " + name + " released before " + after.name
                    + ", which was taken after it: the level goes to " + Ipl.ofRank(old) + " with a mutex held");
        }
    }

    /** The spin mutex that the thread has taken next; null if this is the last one. */
    private @Nullable Mutex above(Spl spl) {
        if (spl.spinTop == this) {
            return null;
        }
        Mutex above = spl.spinTop;
        while (above != null && above.below != this) {
            above = above.below;
        }
        return above;
    }

    /** Takes the mutex out of those held, and sets it free; an error leaves both as they were, or does both. */
    private void release(Spl spl, @Nullable Mutex above, int floor) {
        Mutex under = below;
        int floorBefore = spl.spinFloor;
        int count = perMutex ? 0 : 1;
        if (above == null) {
            spl.spinTop = under;
        } else {
            above.below = under;
        }
        below = null;
        spl.spinHeld--;
        spl.spinCount -= count;
        spl.spinFloor = floor;
        try {
            sync.leave();
        } catch (Throwable once) {
            if (sync.isMine()) {
                if (above == null) {
                    spl.spinTop = this;
                } else {
                    above.below = this;
                }
                below = under;
                spl.spinHeld++;
                spl.spinCount += count;
                spl.spinFloor = floorBefore;
            }
            throw once;
        }
    }

    private static void lowerTo(Spl spl, int rank) {
        if (rank < spl.rank()) {
            spl.lower(rank);
        }
    }

    /** The highest rank of the spin mutexes that a thread holds, one left out. */
    private static int highestHeld(Spl spl, @Nullable Mutex but) {
        int highest = 0;
        for (Mutex held = spl.spinTop; held != null; held = held.below) {
            highest = held == but ? highest : Math.max(highest, held.ipl.rank());
        }
        return highest;
    }

    /** The level that its release would go back to, at most the current one. */
    int levelAfterUnlock(Spl spl) {
        int old;
        if (spl.spinHeld == 1) {
            old = spl.spinBase;
        } else if (spl.spinCount == 0) {
            old = oldLevel;
        } else {
            int own = perMutex ? oldLevel : spl.spinCount == 1 ? spl.spinOldLevel : spl.rank();
            old = Math.max(own, highestHeld(spl, this));
        }
        return Math.min(old, spl.rank());
    }

    /** Releases the spin mutexes that a thread has taken since it held so many; their names as a clause, or nothing. */
    static String releaseAbove(Spl spl, int held) {
        StringBuilder names = new StringBuilder();
        for (Mutex top = spl.spinTop; top != null && spl.spinHeld > held; top = spl.spinTop) {
            names.append(names.length() == 0 ? " with " : " and ").append(top);
            top.unlock();
        }
        return names.length() == 0 ? "" : names.append(" held").toString();
    }

    @Override
    public boolean tryLock() {
        Spl spl = enter();
        int before = spl == null ? 0 : spl.rank();
        boolean taken = false;
        try {
            if (spl != null) {
                raise(spl);
            }
            if (sync.tryEnter()) {
                taken(spl, before);
                taken = true;
            }
        } finally {
            if (!taken) {
                undo(spl, before);
            }
        }
        return taken;
    }

    /** It was not taken in the end. An error may have come when it was, or before the level was raised. */
    private void undo(@Nullable Spl spl, int before) {
        if (sync.isMine()) {
            sync.leave();
        }
        if (spl != null) {
            lowerTo(spl, before);
        }
    }

    @Override
    public void lockInterruptibly() throws InterruptedException {
        if (!tryLock(Long.MAX_VALUE, TimeUnit.NANOSECONDS)) {
            throw new AssertionError("292 years have passed");
        }
    }

    @Override
    public boolean tryLock(long time, TimeUnit unit) throws InterruptedException {
        Argument.requireNonNull(unit, "tryLock", "unit");
        Spl spl = enter();
        int before = spl == null ? 0 : spl.rank();
        boolean taken = false;
        try {
            if (spl != null) {
                raise(spl);
            }
            if (sync.enterWithin(unit.toNanos(time))) {
                taken(spl, before);
                taken = true;
            }
        } finally {
            if (!taken) {
                undo(spl, before);
            }
        }
        return taken;
    }

    /**
     * Refuses: a wait must drop the kernel lock as well.
     *
     * @return never
     * @throws UnsupportedOperationException always; make a {@code Condvar} and wait with this mutex as its interlock
     */
    @Override
    public Condition newCondition() {
        throw new UnsupportedOperationException(
                "mutex " + name + " has no conditions of its own: make a Condvar and pass it the mutex");
    }

    /**
     * mutex_owned.
     *
     * @return whether the calling thread holds it
     */
    public boolean isHeldByCurrentThread() {
        return sync.isMine();
    }

    /**
     * Its class.
     *
     * @return true if it raises the level while it is held
     */
    public boolean isSpin() {
        return spin;
    }

    /**
     * Its level.
     *
     * @return as asked for, or IPL_MPFLOOR in its place
     */
    public Ipl ipl() {
        return ipl;
    }

    /** Name, class and level. */
    @Override
    public String toString() {
        return (spin ? "spin" : "adaptive") + " mutex " + name + " of " + ipl;
    }
}
