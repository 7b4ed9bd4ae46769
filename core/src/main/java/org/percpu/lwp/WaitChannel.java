// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.percpu.bindings.spi.StackRoom;
import org.percpu.dispatch.Sleep;
import org.percpu.dispatch.SleepQueue;
import org.percpu.ipl.Mutex;

/**
 * Threads asleep on one object, in the order in which they came. The channel knows nothing of locks: its users drop and
 * retake them.
 */
public final class WaitChannel {
    private final SleepQueue sleeps = new SleepQueue();

    /** A channel on which no thread sleeps. */
    public WaitChannel() {}

    /**
     * Joins the queue, unless there is too little room on the caller's stack to leave it again and to retake locks.
     * From now on a wake-up counts, even before {@link #await}. Call this before any lock is released for the sleep.
     *
     * @return the caller's sleep
     * @throws StackOverflowError if there is not enough room; nothing has changed
     */
    public synchronized Sleep enter() {
        StackRoom.require();
        Sleep sleep = new Sleep();
        sleeps.add(sleep);
        return sleep;
    }

    /**
     * Sleeps until woken, and runs the caller's interrupts meanwhile. {@link Thread#interrupt} does not end the sleep,
     * as signals do not end the sleep of a kernel thread. The interrupt status is kept for the caller.
     *
     * @param sleep the caller's
     * @param nanos longest sleep, 0 for ever
     * @return false if the time ran out
     */
    public boolean await(Sleep sleep, long nanos) {
        try {
            // A wake-up that comes between the time-out and the removal has chosen this sleep: it counts.
            return sleep.await(this, nanos == 0 ? Sleep.FOREVER : nanos) || !leave(sleep);
        } catch (Throwable t) {
            // An interrupt could not be run because stack or memory ran out. It stays pending.
            if (leave(sleep)) {
                throw t;
            }
            return true;
        }
    }

    private synchronized boolean leave(Sleep sleep) {
        return sleeps.remove(sleep);
    }

    /**
     * Leaves the queue, because an error has kept the thread from its sleep. If it has been woken already, another one
     * is in its place.
     *
     * @param sleep the caller's
     */
    public synchronized void abandon(Sleep sleep) {
        if (!leave(sleep)) {
            boolean unused = wakeOne();
        }
    }

    /**
     * Wakes the thread that waits longest.
     *
     * @return false if no thread waits
     */
    public synchronized boolean wakeOne() {
        return sleeps.wakeFirst();
    }

    /**
     * Wakes the threads that wait now. A thread that finds its condition still false and waits again is not woken
     * again.
     */
    public synchronized void wakeAll() {
        // In the monitor, so that no thread joins meanwhile.
        boolean more = true;
        while (more) {
            more = sleeps.wakeFirst();
        }
    }

    /**
     * Checks what can be checked before the caller joins the queue.
     *
     * @param interlock of the sleep
     * @param wmesg for the message
     * @throws IllegalMonitorStateException if the interlock is not held, or recursively
     */
    public static void requireHeldOnce(Lock interlock, String wmesg) {
        if (interlock instanceof ReentrantLock lock && lock.getHoldCount() != 1) {
            throw new IllegalMonitorStateException(
                    "sleep on \"" + wmesg + "\" with an interlock that is held " + lock.getHoldCount() + " times by "
                            + Thread.currentThread().getName() + ": hold it exactly once");
        }
        if (interlock instanceof Mutex mutex && !mutex.isHeldByCurrentThread()) {
            throw new IllegalMonitorStateException("sleep on \"" + wmesg + "\" with " + mutex + ", which "
                    + Thread.currentThread().getName() + " does not hold: take it before");
        }
    }

    /**
     * Takes an interlock again after a sleep, unless the calling thread holds it. The code that called the sleep
     * relies on holding the interlock afterwards. So if this method throws an error, the sleep calls it once more
     * before it passes the error on.
     *
     * @param interlock of the sleep
     * @param released whether its release has returned
     */
    public static void retake(Lock interlock, boolean released) {
        if (!isHeld(interlock, !released)) {
            interlock.lock();
        }
    }

    private static boolean isHeld(Lock interlock, boolean otherwise) {
        if (interlock instanceof Mutex mutex) {
            return mutex.isHeldByCurrentThread();
        }
        return interlock instanceof ReentrantLock lock ? lock.isHeldByCurrentThread() : otherwise;
    }

    /**
     * Whether no thread sleeps here.
     *
     * @return true if so; may be stale on return
     */
    public synchronized boolean isEmpty() {
        return sleeps.isEmpty();
    }
}
