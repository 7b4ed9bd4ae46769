// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import java.util.ArrayDeque;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.percpu.ipl.Sleep;

/**
 * Threads asleep on one object, in the order in which they came. The channel knows nothing of locks: its users drop and
 * retake them.
 */
public final class WaitChannel {
    private final ArrayDeque<Sleep> sleeps = new ArrayDeque<>();

    /** A channel on which no thread sleeps. */
    public WaitChannel() {}

    /**
     * Joins the queue. From now on a wake-up counts, even before {@link #await}.
     *
     * @return the caller's sleep
     */
    public synchronized Sleep enter() {
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
     * Wakes the thread that waits longest.
     *
     * @return false if no thread waits
     */
    public synchronized boolean wakeOne() {
        Sleep sleep = sleeps.peek();
        if (sleep == null) {
            return false;
        }
        wake(sleep);
        return true;
    }

    /**
     * Wakes the threads that wait now. A thread that finds its condition still false and waits again is not woken
     * again.
     */
    public synchronized void wakeAll() {
        // In the monitor, so that no thread joins meanwhile. Without a copy, because there may be no memory for one.
        for (Sleep sleep = sleeps.peek(); sleep != null; sleep = sleeps.peek()) {
            wake(sleep);
        }
    }

    /** Under the monitor: the first one, which stays there if an error comes. */
    private void wake(Sleep first) {
        first.wake();
        Sleep removed = sleeps.poll();
        assert first.equals(removed);
    }

    /**
     * Joins the queue and then releases an interlock, so that no wake-up issued under it is missed.
     *
     * @param interlock held exactly once by the caller
     * @param wmesg for the message
     * @return the caller's sleep
     * @throws IllegalMonitorStateException if it is not held, or recursively; the caller is then not on the queue
     */
    public Sleep enter(Lock interlock, String wmesg) {
        requireHeldOnce(interlock, wmesg);
        Sleep sleep = enter();
        release(sleep, interlock);
        return sleep;
    }

    /**
     * Checks what can be checked before the caller joins the queue.
     *
     * @param interlock of the sleep
     * @param wmesg for the message
     * @throws IllegalMonitorStateException if it is a {@link ReentrantLock} that the caller does not hold exactly once
     */
    public static void requireHeldOnce(Lock interlock, String wmesg) {
        if (interlock instanceof ReentrantLock lock && lock.getHoldCount() != 1) {
            throw new IllegalMonitorStateException(
                    "sleep on \"" + wmesg + "\" with an interlock that is held " + lock.getHoldCount() + " times by "
                            + Thread.currentThread().getName() + ": hold it exactly once");
        }
    }

    /**
     * Releases the interlock of a sleep, which leaves the queue if that fails.
     *
     * @param sleep the caller's
     * @param interlock held once
     */
    public void release(Sleep sleep, Lock interlock) {
        boolean unlocked = false;
        try {
            interlock.unlock();
            unlocked = true;
        } finally {
            if (!unlocked) {
                leave(sleep);
            }
        }
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
