// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;

/**
 * One sleep of one thread, until another thread wakes it. Every sleep of the library and every wait for one of its
 * locks is made of this class. Use those, unless you write another kind of sleep.
 *
 * <p>A thread that has a level ({@link Dispatcher}) hears its interrupts while it sleeps: it runs the handlers that its
 * level allows, and then sleeps on. It sleeps on the word that its interrupts ring. A thread without a level parks.
 *
 * <p>The caller must hold nothing that a handler may want, not even a place in a queue behind which the handler would
 * wait.
 */
public final class Sleep {
    /** A sleep without a time limit. */
    public static final long FOREVER = Long.MAX_VALUE;

    /**
     * A sleeper looks at {@link #woken} at least this often. A waker sets it before it rings. So the sleeper finds the
     * wake-up even if the waker ran out of stack or memory before the ring.
     */
    private static final long LOOK_NANOS = 1_000_000_000;

    /** How often a sleeper that must notice Thread.interrupt() looks for it, as Thread.interrupt() does not ring. */
    private static final long INTERRUPT_LOOK_NANOS = 2_000_000;

    private final Thread thread = Thread.currentThread();
    private final @Nullable Dispatcher dispatcher = Dispatchers.currentIfUsed();
    private volatile boolean woken;
    private volatile boolean unheard; // the ring behind `woken` has failed
    private boolean deaf; // only the sleeper uses it

    /** The next sleep in a {@link Turnstile}, guarded by its monitor, or in a {@link SleepQueue}, guarded by its user. */
    @Nullable
    Sleep behind;

    /** Makes a sleep of the calling thread. From now on a wake-up counts. */
    public Sleep() {}

    /**
     * Sleeps until woken. {@link Thread#interrupt} does not end the sleep, as signals do not end the sleep of a kernel
     * thread. The interrupt status is kept for the caller.
     *
     * @param blocker what a thread dump shows
     * @param nanos longest sleep
     * @return false if the time ran out before a thread woke this one
     */
    public boolean await(Object blocker, long nanos) {
        return await(blocker, nanos, false);
    }

    /**
     * As {@link #await(Object, long)}, but with {@code interruptibly} {@link Thread#interrupt} ends the sleep too. A
     * thread that has a level hears it some 2 ms late.
     *
     * @return false if the time ran out or the thread was interrupted, before a thread woke this one
     */
    boolean await(Object blocker, long nanos, boolean interruptibly) {
        Argument.requireNonNull(blocker, "a sleep", "blocker");
        long start = System.nanoTime();
        boolean looksForInterrupts = interruptibly && dispatcher != null;
        boolean interrupted = false;
        try {
            while (!woken) {
                long left = nanos == FOREVER ? FOREVER : nanos - (System.nanoTime() - start);
                if (left <= 0 || (interruptibly && thread.isInterrupted())) {
                    return false;
                }
                doze(blocker, looksForInterrupts ? Math.min(left, INTERRUPT_LOOK_NANOS) : left);
                // park() returns at once while the interrupt status is set.
                interrupted |= !interruptibly && dispatcher == null && Thread.interrupted();
            }
            return true;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Runs the handlers that are due, or, if there are none, sleeps once. */
    private void doze(Object blocker, long nanos) {
        if (dispatcher == null) {
            if (nanos == FOREVER) {
                LockSupport.park(blocker);
            } else {
                LockSupport.parkNanos(blocker, nanos);
            }
            return;
        }
        if (!deaf && dispatcher.poll() > 0) {
            return;
        }
        // For thread dumps: otherwise they show a thread that runs native code.
        LockSupport.setCurrentBlocker(blocker);
        try {
            dispatcher.bell().sleepUntilRung(Math.min(nanos, LOOK_NANOS));
        } finally {
            LockSupport.setCurrentBlocker(null);
        }
    }

    /**
     * Ends the sleep, or the next {@link #await}. Any thread may call this, also in an interrupt handler, and several
     * times.
     */
    public void wake() {
        if (woken && !unheard) {
            // The thread that set `woken` rings.
            return;
        }
        woken = true;
        unheard = false;
        try {
            Dispatcher mine = dispatcher;
            if (mine == null) {
                LockSupport.unpark(thread);
            } else {
                mine.bell().ring();
            }
        } catch (Throwable t) {
            // Stack or memory ran out. The next waker rings.
            unheard = true;
            throw t;
        }
    }

    /** Forgets the wake-ups so far. */
    void again() {
        woken = false;
    }

    /** From now on this sleep runs no handlers. */
    void deafen() {
        deaf = true;
    }

    boolean isOf(Thread other) {
        return thread.equals(other);
    }
}
