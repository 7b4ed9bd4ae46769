// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.dispatch.Dispatcher;
import org.percpu.dispatch.Dispatchers;
import org.percpu.dispatch.HeldMutexes;
import org.percpu.dispatch.LevelRules;
import org.percpu.dispatch.Rank;
import org.percpu.dispatch.Turnstile;

/**
 * mutex(9) of both systems: a lock with an interrupt priority level.
 *
 * <table>
 * <caption>The two schemes</caption>
 * <tr><th></th><th>{@link #netbsd}</th><th>{@link #openbsd}</th></tr>
 * <tr><td>adaptive (may sleep, leaves the level alone)</td><td>NONE and the soft levels</td><td>none</td></tr>
 * <tr><td>spin (raises the level while held)</td><td>from BIO up</td><td>all; levels between NONE and TTY (IPL_MPFLOOR)
 * become TTY</td></tr>
 * <tr><td>level on release</td><td>that before the first spin mutex, when the last one is released; any order</td>
 * <td>that before this mutex: release in reverse order, or the level drops early</td></tr>
 * </table>
 *
 * <p>A thread may hold spin mutexes of both schemes together, and may release them in any order. When it releases the
 * last one, its level goes back to the level before the first one. As long as a mutex of NetBSD's scheme is held or is
 * the one released, the level does not drop below the level of a mutex that is still held.
 *
 * <p>A spin mutex raises the level before it is taken. So a handler on the same thread that wants the mutex too cannot
 * run while the mutex is held. "Spin" names the class of the mutex, not the way in which threads wait: a thread that
 * holds a spin mutex must not sleep and must not take an adaptive mutex. A thread that wants the mutex spins for a
 * moment and then sleeps, since on Linux the holder may be off the CPU.
 *
 * <p>A thread that waits for a mutex runs interrupts meanwhile. For an adaptive mutex these are the interrupts above
 * the thread's own level; for a spin mutex, those above the mutex's level. A handler must not take an adaptive mutex
 * that its own thread may hold. If it tries, it gets the error "locking against myself", as at any other time.
 *
 * <p>{@link #lockInterruptibly} and {@link #tryLock(long, TimeUnit)} of a thread that has a level hear
 * {@link Thread#interrupt} some 2 ms late.
 *
 * <p>A mutex is not recursive. It can be the interlock of a {@code Condvar} and a {@code Sleepq}: while the thread
 * sleeps, the mutex is released, and a spin mutex gives its level back too. Taking a mutex does not drop the kernel
 * lock, so take the kernel lock first.
 *
 * @see <a href="https://man.netbsd.org/mutex.9">mutex(9)</a>
 */
public final class Mutex implements Lock {
    private static final int SPINS = 200;
    private static final Ipl MPFLOOR = Ipl.TTY;

    private final String name;
    private final String label;
    private final Ipl ipl;
    private final boolean spin;
    private final @Nullable Consumer<String> strict;
    private final Sync sync = new Sync(this);

    private final HeldMutexes.Entry entry;

    /** Whether the mutex is held, and by which thread. */
    private static final class Sync extends Turnstile {
        private static final long serialVersionUID = 1L;

        private final transient Mutex mutex;

        Sync(Mutex mutex) {
            super(false);
            this.mutex = mutex;
        }

        @Override
        protected String lockName() {
            return mutex.label;
        }

        /** The thread dump of a thread that waits for the mutex shows this. */
        @Override
        public String toString() {
            Thread holder = holder();
            return mutex + (holder == null ? "" : ", held by " + holder.getName());
        }
    }

    private Mutex(String name, Ipl ipl, boolean spin, boolean perMutex, @Nullable Consumer<String> strict) {
        this.name = name;
        this.label = "mutex " + name;
        this.ipl = ipl;
        this.spin = spin;
        this.entry = new HeldMutexes.Entry(this, ipl.rank(), perMutex);
        this.strict = strict;
    }

    /**
     * mutex_init of NetBSD.
     *
     * @param name for messages
     * @param ipl highest level at which the mutex is taken; it decides the class of the mutex
     * @return a free mutex
     */
    public static Mutex netbsd(String name, Ipl ipl) {
        Argument.requireNonNull(name, "mutex_init", "name");
        Argument.requireNonNull(ipl, "mutex_init", "ipl");
        return new Mutex(name, ipl, !(ipl == Ipl.NONE || Rank.isSoft(ipl.rank())), false, null);
    }

    /**
     * mtx_init of OpenBSD.
     *
     * @param name for messages
     * @param ipl highest level at which the mutex is taken
     * @param strict is told when a mutex is not released in reverse order; may be null
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
     * @throws IllegalMonitorStateException if the caller holds the mutex; for an adaptive mutex, if the caller holds a
     *     spin mutex, is in a hard interrupt, or is at a level above the soft ones; for a spin mutex, if the caller is
     *     a handler of a higher level than the mutex's
     * @throws UnsupportedOperationException on a virtual thread, for a spin mutex
     */
    @Override
    public void lock() {
        Dispatcher dispatcher = check();
        int before = rank(dispatcher);
        boolean taken = false;
        try {
            raise(dispatcher);
            acquire();
            taken(dispatcher, before);
            taken = true;
        } finally {
            if (!taken) {
                undo(dispatcher, before);
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

    /**
     * Checks that the caller may take the mutex. Returns the caller's dispatcher for a spin mutex, and null for an
     * adaptive one.
     */
    private @Nullable Dispatcher check() {
        if (isHeldByCurrentThread()) {
            throw new IllegalMonitorStateException("mutex " + name + ": locking against myself, on "
                    + Thread.currentThread().getName() + ": it is not recursive");
        }
        if (!spin) {
            Dispatcher taker = Dispatchers.currentIfUsed();
            if (taker != null && !LevelRules.mayTakeAdaptive(taker)) {
                throw new IllegalMonitorStateException("adaptive mutex " + name + " taken at " + level(taker) + " on "
                        + Thread.currentThread().getName()
                        + (taker.mutexes().count() > 0
                                ? ", with a spin mutex held"
                                : taker.inHardInterrupt() ? ", in an interrupt" : "")
                        + ": it may sleep; make it with a level of " + level(taker));
            }
            return null;
        }
        Dispatcher taker = Dispatchers.current();
        if (taker.inInterrupt() && taker.level().rank() > ipl.rank()) {
            throw new IllegalMonitorStateException("mutex " + name + " of " + ipl + " taken by a handler at "
                    + level(taker) + ": the thread it interrupted may hold it; make it with a level of "
                    + level(taker));
        }
        return taker;
    }

    private static Ipl level(Dispatcher dispatcher) {
        return Ipl.ofRank(dispatcher.level().rank());
    }

    /** Returns the rank of a thread that takes a spin mutex. */
    private static int rank(@Nullable Dispatcher dispatcher) {
        return dispatcher == null ? 0 : dispatcher.level().rank();
    }

    private void raise(@Nullable Dispatcher dispatcher) {
        if (dispatcher != null && ipl.rank() > dispatcher.level().rank()) {
            dispatcher.level().enter(ipl.rank());
        }
    }

    private void taken(@Nullable Dispatcher dispatcher, int before) {
        if (dispatcher != null) {
            dispatcher.mutexes().taken(entry, before);
        }
    }

    /**
     * mutex_exit, mtx_leave. Interrupts that the level held back run before the call returns.
     *
     * @throws IllegalMonitorStateException if the caller does not hold the mutex
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
        Dispatcher dispatcher = Dispatchers.current();
        HeldMutexes held = dispatcher.mutexes();
        int old = held.levelAfter(entry, dispatcher.level().rank());
        Lock last = held.last();
        try {
            held.release(entry, sync, old);
            lowerTo(dispatcher, old);
        } catch (Throwable once) {
            if (!sync.isMine()) {
                // The mutex is free, so its level must not stay.
                lowerTo(dispatcher, old);
            }
            throw once;
        }
        Consumer<String> told = strict;
        if (told != null && last instanceof Mutex later && !later.equals(this)) {
            told.accept("mutex " + name + " released before " + later.name
                    + ", which was taken after it: the level goes to " + Ipl.ofRank(old) + " with a mutex held");
        }
    }

    private static void lowerTo(Dispatcher dispatcher, int rank) {
        if (rank < dispatcher.level().rank()) {
            dispatcher.lower(rank);
        }
    }

    @Override
    public boolean tryLock() {
        Dispatcher dispatcher = check();
        int before = rank(dispatcher);
        boolean taken = false;
        try {
            raise(dispatcher);
            if (sync.tryEnter()) {
                taken(dispatcher, before);
                taken = true;
            }
        } finally {
            if (!taken) {
                undo(dispatcher, before);
            }
        }
        return taken;
    }

    /** The take has failed. An error may have come after the mutex was taken, or before the level was raised. */
    private void undo(@Nullable Dispatcher dispatcher, int before) {
        if (sync.isMine()) {
            sync.leave();
        }
        if (dispatcher != null) {
            lowerTo(dispatcher, before);
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
        Dispatcher dispatcher = check();
        int before = rank(dispatcher);
        boolean taken = false;
        try {
            raise(dispatcher);
            if (sync.enterWithin(unit.toNanos(time))) {
                taken(dispatcher, before);
                taken = true;
            }
        } finally {
            if (!taken) {
                undo(dispatcher, before);
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
     * @return whether the calling thread holds the mutex
     */
    public boolean isHeldByCurrentThread() {
        return sync.isMine();
    }

    /**
     * Whether this is a spin mutex.
     *
     * @return true if the mutex raises the level while it is held
     */
    public boolean isSpin() {
        return spin;
    }

    /**
     * The mutex's level.
     *
     * @return the level that was asked for, or IPL_MPFLOOR in its place
     */
    public Ipl ipl() {
        return ipl;
    }

    /** Returns name, class and level. */
    @Override
    public String toString() {
        return (spin ? "spin" : "adaptive") + " mutex " + name + " of " + ipl;
    }
}
