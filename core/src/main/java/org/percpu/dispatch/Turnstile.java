// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.AbstractOwnableSynchronizer;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;

/**
 * turnstile(9): a lock that one thread holds, not recursively, and the threads that wait for it, in the order they
 * came. {@link Mutex} and the kernel lock are made of it. What {@code java.util.concurrent} has instead cannot be woken
 * by C code.
 *
 * <p>A thread that has a level runs the handlers that this allows while it waits, and keeps its place. A handler that
 * wants the same lock has the place of its thread.
 *
 * <p><b>No wake-up is lost.</b> A thread that leaves says that the lock is free, and then looks for the first waiter. A
 * thread that comes takes a place, and then looks whether the lock is free. All four are volatile: one of the two sees
 * the other.
 *
 * <p>{@code toString} returns what the thread dumps of waiters show.
 */
public abstract class Turnstile extends AbstractOwnableSynchronizer {
    private static final long serialVersionUID = 1L;
    private static final VarHandle HELD;

    static {
        try {
            HELD = MethodHandles.lookup().findVarHandle(Turnstile.class, "held", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** Between tries of a thread that lacks memory for its sleep. */
    private static final long PAUSE_NANOS = 100_000;

    private final transient boolean fair;

    @SuppressWarnings("UnusedVariable") // through HELD
    private transient volatile int held;

    /** Written in the monitor. */
    private transient volatile @Nullable Sleep first;

    /**
     * A free lock.
     *
     * @param fair whether who comes waits behind those who wait already, also when the lock is free
     */
    protected Turnstile(boolean fair) {
        this.fair = fair;
    }

    /**
     * Takes the lock if that is possible without a wait.
     *
     * @return false if a thread holds it, or, if it is fair, another one has come before
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
        try {
            setExclusiveOwnerThread(me);
        } catch (Throwable t) {
            // For want of stack: nobody must wait for a holder that there is not.
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
            // Not even a place. Who retakes a lock after a sleep must have it nevertheless.
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
        Sleep sleep = new Sleep();
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
                // Others would wait behind it for ever. There was room for its place.
                unqueue(sleep);
            }
            if (!entered && held == 0) {
                wakeFirst();
            }
        }
    }

    private void doze(Sleep sleep, long nanos, boolean interruptible) {
        try {
            boolean woken = interruptible ? sleep.awaitInterruptibly(this, nanos) : sleep.await(this, nanos);
            assert woken || interruptible || nanos != Sleep.FOREVER;
        } catch (Throwable t) {
            // For want of stack or memory an interrupt could not be run. It stays pending, for when the lock is held.
            sleep.deafen();
            pause();
        }
    }

    private void pause() {
        LockSupport.parkNanos(this, PAUSE_NANOS);
    }

    /**
     * At the end, but before another one of the same thread: a handler, which has interrupted that one, keeps the
     * thread's place.
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
        setExclusiveOwnerThread(null);
        held = 0;
        try {
            wakeFirst();
        } catch (Throwable once) {
            // There was room for the way in.
            wakeFirst();
        }
    }

    private void wakeFirst() {
        // One that has just left its place has looked at the lock behind that, and wakes the next one.
        Sleep waiting = first;
        if (waiting != null) {
            waiting.wake();
        }
    }

    /**
     * Whether the calling thread holds the lock.
     *
     * @return true until it leaves
     */
    @SuppressWarnings("ReferenceEquality")
    public final boolean isMine() {
        return getExclusiveOwnerThread() == Thread.currentThread();
    }

    /**
     * The thread that holds the lock.
     *
     * @return null if no thread holds it; the state when the call looked, which may be stale on return
     */
    public final @Nullable Thread holder() {
        return getExclusiveOwnerThread();
    }

    /**
     * Whether a thread waits.
     *
     * @return the state when the call looked, which may be stale on return
     */
    public final boolean isAwaited() {
        return first != null;
    }

    /**
     * Whether a thread waits for the lock.
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
