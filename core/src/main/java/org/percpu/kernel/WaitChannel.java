// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.ArrayDeque;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
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

    /** Wakes those who wait now. One that finds its condition still false and comes back is not woken again. */
    synchronized void wakeAll() {
        // In the monitor, so that nobody joins meanwhile, and without a copy: there may be no memory for one.
        for (Waiter waiter = waiters.poll(); waiter != null; waiter = waiters.poll()) {
            waiter.woken = true;
            LockSupport.unpark(waiter.thread);
        }
    }

    /**
     * Joins the queue and then releases an interlock, so that no wake-up issued under it is missed.
     *
     * @param interlock held exactly once by the caller
     * @param wmesg for the message
     * @throws IllegalMonitorStateException if it is not held, or recursively; the caller is then not on the queue
     */
    Waiter enter(Lock interlock, String wmesg) {
        requireHeldOnce(interlock, wmesg);
        Waiter waiter = enter();
        release(waiter, interlock);
        return waiter;
    }

    /** Checks what can be checked before the caller joins the queue. */
    static void requireHeldOnce(Lock interlock, String wmesg) {
        if (interlock instanceof ReentrantLock lock && lock.getHoldCount() != 1) {
            throw new IllegalMonitorStateException(
                    "sleep on \"" + wmesg + "\" with an interlock that is held " + lock.getHoldCount() + " times by "
                            + Thread.currentThread().getName() + ": hold it exactly once");
        }
    }

    /** Releases the interlock of a waiter, which leaves the queue if that fails. */
    void release(Waiter waiter, Lock interlock) {
        boolean unlocked = false;
        try {
            interlock.unlock();
            unlocked = true;
        } finally {
            if (!unlocked) {
                leave(waiter);
            }
        }
    }

    private synchronized @Nullable Waiter poll() {
        return waiters.poll();
    }

    synchronized boolean isEmpty() {
        return waiters.isEmpty();
    }
}
