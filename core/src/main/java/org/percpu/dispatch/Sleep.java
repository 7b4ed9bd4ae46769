// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;

/**
 * One sleep of one thread, until another thread wakes it. Every sleep of the library and every wait for one of its locks is made of this;
 * use those unless you are writing another kind.
 *
 * <p>A thread that has a level ({@link Dispatcher}) hears its interrupts meanwhile: it runs the handlers that its level allows, and goes on
 * sleeping. It sleeps on the word that its interrupts ring. A thread without a level parks.
 *
 * <p>The caller must hold nothing that a handler may want, not even a place in a queue before which the handler would wait.
 */
public final class Sleep {
    /** Longest sleep, for ever. */
    public static final long FOREVER = Long.MAX_VALUE;

    /** A waker that lacked stack or memory for its ring has said so before in {@link #woken}: the sleeper finds that by itself. */
    private static final long LOOK_NANOS = 1_000_000_000;

    /** Thread.interrupt() does not ring: a sleeper that must notice it looks for it so often. */
    private static final long INTERRUPT_LOOK_NANOS = 2_000_000;

    private final Thread thread = Thread.currentThread();
    private final @Nullable Dispatcher dispatcher = Dispatchers.currentIfUsed();
    private volatile boolean woken;
    private volatile boolean unheard; // the ring behind `woken` has failed
    private boolean deaf; // the sleeper's own

    /** In a {@link Turnstile}, under its monitor. */
    @Nullable
    Sleep behind;

    /** A sleep of the calling thread. From now on a wake-up counts. */
    public Sleep() {}

    /**
     * Sleeps until woken. {@link Thread#interrupt} does not end the sleep, as signals do not end a kernel thread's; it is kept for the caller.
     *
     * @param blocker what a thread dump shows
     * @param nanos longest sleep
     * @return false if the time ran out, and no thread had woken the thread by then
     */
    public boolean await(Object blocker, long nanos) {
        Argument.requireNonNull(blocker, "a sleep", "blocker");
        long start = System.nanoTime();
        boolean interrupted = false;
        try {
            while (!woken) {
                long left = nanos == FOREVER ? FOREVER : nanos - (System.nanoTime() - start);
                if (left <= 0) {
                    return false;
                }
                doze(blocker, left);
                // Park does not sleep while the status is set.
                interrupted |= dispatcher == null && Thread.interrupted();
            }
            return true;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /**
     * As {@link #await}, ended by {@link Thread#interrupt} too. With a level it is heard some 2 ms late.
     *
     * @param blocker what a thread dump shows
     * @param nanos longest sleep
     * @return false if the time ran out, or the thread was interrupted, and no thread had woken it by then
     */
    boolean awaitInterruptibly(Object blocker, long nanos) {
        long start = System.nanoTime();
        while (!woken) {
            long left = nanos == FOREVER ? FOREVER : nanos - (System.nanoTime() - start);
            if (left <= 0 || thread.isInterrupted()) {
                return false;
            }
            doze(blocker, dispatcher == null ? left : Math.min(left, INTERRUPT_LOOK_NANOS));
        }
        return true;
    }

    /** Sleeps once, or runs handlers. */
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
        // For thread dumps, which otherwise show a thread that runs native code.
        LockSupport.setCurrentBlocker(blocker);
        try {
            dispatcher.bell().sleepUntilRung(Math.min(nanos, LOOK_NANOS));
        } finally {
            LockSupport.setCurrentBlocker(null);
        }
    }

    /** Ends the sleep, or the next {@link #await}. Any thread may call it, also in an interrupt handler, and several times. */
    public void wake() {
        if (woken && !unheard) {
            // The thread that set it rings.
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
            // For want of stack or memory: the next waker rings.
            unheard = true;
            throw t;
        }
    }

    /** Takes back what wakers have said so far. */
    void again() {
        woken = false;
    }

    /** From here on it runs no handlers. */
    void deafen() {
        deaf = true;
    }

    boolean isOf(Thread other) {
        return thread.equals(other);
    }
}
