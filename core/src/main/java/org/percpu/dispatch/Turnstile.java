// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.AbstractOwnableSynchronizer;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.StackRoom;
import org.percpu.events.Events;
import org.percpu.events.Span;
import org.percpu.events.Trace;

/**
 * turnstile(9): a lock that one thread holds, not recursively, and the threads that wait for the lock, in the order in
 * which they came. {@link Mutex} and the kernel lock are made of it. The locks of {@code java.util.concurrent} would
 * not do, because C code cannot wake their waiters.
 *
 * <p>A thread that has a level runs handlers while it waits, as far as the level allows, and keeps its place. A handler
 * that wants the same lock uses the place of its thread.
 *
 * <p><b>No wake-up is lost.</b> A thread that leaves first marks the lock as free, and then looks for the first waiter.
 * A thread that comes first takes a place, and then looks whether the lock is free. All four accesses are volatile, so
 * at least one of the two threads sees the other.
 *
 * <p>The thread dumps of waiters show what {@code toString} returns.
 */
public abstract class Turnstile extends AbstractOwnableSynchronizer {
    private static final long serialVersionUID = 1L;
    private static final VarHandle HELD;
    private static final VarHandle TAKES;

    static {
        try {
            HELD = MethodHandles.lookup().findVarHandle(Turnstile.class, "held", int.class);
            TAKES = MethodHandles.lookup().findVarHandle(Turnstile.class, "takes", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** The pause between two tries of a thread that has no memory for its sleep. */
    private static final long PAUSE_NANOS = 100_000;

    private final transient boolean fair;

    @SuppressWarnings("UnusedVariable") // through HELD
    private transient volatile int held;

    /** What a recording is told of the hold. Only the holder uses it. */
    private transient @Nullable Span hold;

    /** How often the lock was taken. Written by the holder; other threads may read it. */
    private transient volatile int takes;

    /** The first waiter. Written in the monitor. */
    private transient volatile @Nullable Sleep first;

    /**
     * A free lock.
     *
     * @param fair whether a thread that comes waits behind the threads that wait already, even if the lock is free
     */
    protected Turnstile(boolean fair) {
        this.fair = fair;
    }

    /**
     * The name of the lock in a recording.
     *
     * @return always the same
     */
    protected String lockName() {
        return toString();
    }

    /**
     * How often the lock was taken. Two looks with the same answer and the same holder saw one hold.
     *
     * @return modulo 2^32; may be stale on return
     */
    public final int takes() {
        return takes;
    }

    /**
     * Takes the lock if that is possible without a wait.
     *
     * @return false if a thread holds the lock, or if the lock is fair and another thread waits
     */
    public final boolean tryEnter() {
        return (!fair || isNext()) && take();
    }

    private boolean isNext() {
        Sleep next = first;
        return next == null || next.isOf(Thread.currentThread());
    }

    private boolean take() {
        Thread me = Thread.currentThread();
        if (held != 0 || !HELD.compareAndSet(this, 0, 1)) {
            return false;
        }
        boolean owned = false;
        try {
            setExclusiveOwnerThread(me);
            owned = true;
            TAKES.setOpaque(this, takes + 1);
            if (Trace.holds()) {
                hold = Events.holds(lockName());
            }
        } catch (Throwable t) {
            // The stack ran out. No thread may wait for a holder that does not exist, so the lock is free again.
            if (owned) {
                setExclusiveOwnerThread(null);
            }
            held = 0;
            wakeFirst();
            throw t;
        }
        return true;
    }

    /** Takes the lock, however long that takes. {@link Thread#interrupt} does not end the wait. */
    public final void enter() {
        if (tryEnter()) {
            return;
        }
        try {
            boolean entered = await(Sleep.FOREVER, false);
            assert entered;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        } catch (OutOfMemoryError e) {
            // There is no memory even for a place in the queue. A thread that retakes a lock after a sleep must still
            // get the lock, so it tries again and again.
            while (!take()) {
                pause();
            }
        }
    }

    /**
     * Takes the lock within a time.
     *
     * @param nanos longest wait
     * @return false if the time ran out
     * @throws InterruptedException if the thread was interrupted before or meanwhile
     */
    public final boolean enterWithin(long nanos) throws InterruptedException {
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
        return tryEnter() || (nanos > 0 && await(nanos, true));
    }

    private boolean await(long nanos, boolean interruptible) throws InterruptedException {
        long start = System.nanoTime();
        // A thread that met the end of its stack in here might keep its place in the queue, or the lock.
        StackRoom.requireSome();
        Sleep sleep = new Sleep();
        Span wait = Trace.waits() ? Events.waits(lockName(), holder()) : null;
        boolean entered = false;
        queue(sleep);
        try {
            while (true) {
                sleep.again();
                entered = tryEnter();
                if (entered) {
                    return true;
                }
                if (interruptible && Thread.interrupted()) {
                    throw new InterruptedException();
                }
                long left = nanos == Sleep.FOREVER ? nanos : nanos - (System.nanoTime() - start);
                if (left <= 0) {
                    return false;
                }
                doze(sleep, left, interruptible);
            }
        } finally {
            try {
                unqueue(sleep);
            } catch (Throwable once) {
                // If the place stayed, other threads would wait behind it for ever. There was room on the stack to take
                // the place, so there is room for this call.
                unqueue(sleep);
            }
            if (!entered && held == 0) {
                wakeFirst();
            }
            if (wait != null) {
                wait.end();
            }
        }
    }

    private void doze(Sleep sleep, long nanos, boolean interruptible) {
        try {
            boolean woken = sleep.await(this, nanos, interruptible);
            assert woken || interruptible || nanos != Sleep.FOREVER;
        } catch (Throwable t) {
            // Stack or memory ran out, so an interrupt could not be run. It stays pending until this thread holds the
            // lock.
            sleep.deafen();
            pause();
        }
    }

    private void pause() {
        LockSupport.parkNanos(this, PAUSE_NANOS);
    }

    /**
     * Adds a sleep at the end of the queue, but before another sleep of the same thread. That other sleep was
     * interrupted by the handler that now waits, and the handler uses the thread's place.
     */
    private synchronized void queue(Sleep sleep) {
        Sleep before = null;
        Sleep after = first;
        while (after != null && !after.isOf(Thread.currentThread())) {
            before = after;
            after = after.behind;
        }
        sleep.behind = after;
        if (before == null) {
            first = sleep;
        } else {
            before.behind = sleep;
        }
    }

    @SuppressWarnings("ReferenceEquality")
    private synchronized void unqueue(Sleep sleep) {
        Sleep before = null;
        for (Sleep one = first; one != sleep && one != null; one = one.behind) {
            before = one;
        }
        if (before == null) {
            first = sleep.behind;
        } else {
            before.behind = sleep.behind;
        }
    }

    /** Releases the lock. The caller holds it. */
    public final void leave() {
        Span told = hold;
        if (told != null) {
            hold = null;
            told.end();
        }
        setExclusiveOwnerThread(null);
        held = 0;
        try {
            wakeFirst();
        } catch (Throwable once) {
            // There was room on the stack for the first call.
            wakeFirst();
        }
    }

    private void wakeFirst() {
        // A thread that has just left its place looks at the lock after that, and wakes the next waiter if the lock is
        // free.
        Sleep waiting = first;
        if (waiting != null) {
            waiting.wake();
        }
    }

    /**
     * Returns whether the calling thread holds the lock.
     *
     * @return true until it leaves
     */
    @SuppressWarnings("ReferenceEquality")
    public final boolean isMine() {
        return getExclusiveOwnerThread() == Thread.currentThread();
    }

    /**
     * Returns the thread that holds the lock.
     *
     * @return null if no thread holds the lock; may be stale on return
     */
    public final @Nullable Thread holder() {
        return getExclusiveOwnerThread();
    }

    /**
     * Returns whether a thread waits.
     *
     * @return the state when the call looked, which may be stale on return
     */
    public final boolean isAwaited() {
        return first != null;
    }

    /**
     * Returns whether a given thread waits for the lock.
     *
     * @param thread any
     * @return the state when the call looked, which may be stale on return
     */
    public final synchronized boolean isAwaitedBy(Thread thread) {
        Argument.requireNonNull(thread, "isAwaitedBy", "thread");
        for (Sleep one = first; one != null; one = one.behind) {
            if (one.isOf(thread)) {
                return true;
            }
        }
        return false;
    }
}
