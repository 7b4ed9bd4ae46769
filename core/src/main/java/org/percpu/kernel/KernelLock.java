// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.concurrent.locks.ReentrantLock;

/**
 * The big lock of a {@link Kernel} (rules KL-1 to KL-8): recursive, and dropped in full round every sleep of the library.
 *
 * <p>In the BSD kernels it is a spin lock. Here a waiter parks: Linux may have preempted the holder, and a real-time waiter that
 * spins on the holder's CPU would wait for ever.
 */
public final class KernelLock {
    // Fair, so that offer() really hands it over.
    private final ReentrantLock lock = new ReentrantLock(true);

    KernelLock() {}

    /** Takes one hold, waiting for other threads to drop theirs. Recursive. Not interruptible. */
    public void lock() {
        lock.lock();
    }

    /**
     * Drops one hold.
     *
     * @throws IllegalMonitorStateException if the calling thread has none (U24)
     */
    public void unlock() {
        if (!lock.isHeldByCurrentThread()) {
            throw new IllegalMonitorStateException("the kernel lock is not held by "
                    + Thread.currentThread().getName() + ": unlock once for each lock, on the same thread");
        }
        lock.unlock();
    }

    /**
     * How often the calling thread holds the lock.
     *
     * @return 0 if not at all
     */
    public int holds() {
        return lock.getHoldCount();
    }

    /**
     * Whether the calling thread holds the lock.
     *
     * @return true for one hold or more
     */
    public boolean isHeld() {
        return lock.isHeldByCurrentThread();
    }

    /**
     * Lets those who wait for the lock have it first, and comes back with the same number of holds; does nothing if nobody waits. A
     * thread that holds the lock for long offers it between two pieces of work.
     */
    public void offer() {
        if (lock.isHeldByCurrentThread() && lock.hasQueuedThreads()) {
            restore(releaseAll());
        }
    }

    boolean isAwaitedBy(Thread thread) {
        return lock.hasQueuedThread(thread);
    }

    int releaseAll() {
        int holds = lock.getHoldCount();
        for (int i = 0; i < holds; i++) {
            lock.unlock();
        }
        return holds;
    }

    void restore(int holds) {
        for (int i = 0; i < holds; i++) {
            lock.lock();
        }
    }

    /** Who holds it, as {@link ReentrantLock#toString()} tells. */
    @Override
    public String toString() {
        return "KernelLock"
                + lock.toString().substring(ReentrantLock.class.getName().length());
    }
}
