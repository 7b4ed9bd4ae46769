// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.clock;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;

/**
 * A lock for a few instructions. Nothing that is done under it waits, allocates or runs code of users. A release needs
 * no look for waiters, which makes it cheaper than every lock of the JDK.
 *
 * <p>The holder releases it by {@link #unlock} as its last step, and after an error by writing 0 to {@link #held}, which
 * needs no stack. Where a fence more does not matter, a {@code finally} writes the 0 in both cases.
 */
class WordLock {
    private static final VarHandle HELD;

    static {
        try {
            HELD = MethodHandles.lookup().findVarHandle(WordLock.class, "held", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private static final int SPINS = 100;
    private static final long PAUSE_NANOS = 20_000;

    /** 1 while the lock is held. */
    volatile int held;

    WordLock() {}

    final void lock() {
        if (!HELD.compareAndSet(this, 0, 1)) {
            waitForLock();
        }
    }

    /** The holder may be preempted, by this thread too. So the thread sleeps between its looks. */
    private void waitForLock() {
        boolean interrupted = false;
        for (int looks = 1; !HELD.compareAndSet(this, 0, 1); looks++) {
            if (looks < SPINS) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(PAUSE_NANOS);
                // Parking returns at once while the interrupt status is set.
                interrupted |= Thread.interrupted();
            }
        }
        if (interrupted) {
            try {
                Thread.currentThread().interrupt();
            } catch (Throwable t) {
                held = 0;
                throw t;
            }
        }
    }

    final void unlock() {
        HELD.setRelease(this, 0);
    }
}
