// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.ArrayDeque;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** Threads asleep on one thing, in the order they came. Knows nothing of locks: its users drop and retake those. */
final class WaitChannel {
    /** One sleep of one thread. */
    static final class Waiter {
        private final Thread thread = Thread.currentThread();
        private volatile boolean woken;
    }

    private final ArrayDeque<Waiter> waiters = new ArrayDeque<>();

    /** Joins the queue; from now on a wake-up counts, even before {@link #await}. */
    synchronized Waiter enter() {
        Waiter waiter = new Waiter();
        waiters.add(waiter);
        return waiter;
    }

    /**
     * Sleeps until woken. An interrupt does not end the sleep, as signals do not end a kernel thread's; it is kept for the caller.
     *
     * @param nanos longest sleep, 0 for ever
     * @return false if the time ran out
     */
    boolean await(Waiter waiter, long nanos) {
        long deadline = System.nanoTime() + nanos;
        boolean interrupted = false;
        boolean inTime = true;
        while (!waiter.woken) {
            if (nanos == 0) {
                LockSupport.park(this);
            } else {
                long left = deadline - System.nanoTime();
                if (left <= 0) {
                    // A wake-up that comes between the time-out and the removal has chosen this waiter: it counts.
                    inTime = !leave(waiter);
                    break;
                }
                LockSupport.parkNanos(this, left);
            }
            interrupted |= Thread.interrupted();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return inTime;
    }

    private synchronized boolean leave(Waiter waiter) {
        return waiters.remove(waiter);
    }

    /** Wakes whoever waits longest; false if nobody does. */
    boolean wakeOne() {
        Waiter waiter = poll();
        if (waiter == null) {
            return false;
        }
        waiter.woken = true;
        LockSupport.unpark(waiter.thread);
        return true;
    }

    int wakeAll() {
        int count = 0;
        while (wakeOne()) {
            count++;
        }
        return count;
    }

    private synchronized @Nullable Waiter poll() {
        return waiters.poll();
    }

    synchronized boolean isEmpty() {
        return waiters.isEmpty();
    }
}
