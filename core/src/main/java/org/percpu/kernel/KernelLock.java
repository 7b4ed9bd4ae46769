// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import org.percpu.lwp.BigLock;

/**
 * The big lock of a {@link Kernel} (rules KL-1 to KL-8): recursive, and dropped in full round every sleep of the
 * library.
 *
 * <p>In the BSD kernels it is a spin lock. Here a waiter sleeps: Linux may have preempted the holder, and a real-time
 * waiter that spins on the holder's CPU would wait for ever. Threads get the lock in the order in which they came. A
 * waiting thread that has a level runs the interrupts that its level allows.
 */
public final class KernelLock {
    private final BigLock lock;

    KernelLock(BigLock lock) {
        this.lock = lock;
    }

    /**
     * Takes one hold, waiting for other threads to drop theirs. Recursive. {@link Thread#interrupt} does not end the
     * wait.
     */
    public void lock() {
        lock.lock();
    }

    /**
     * Drops one hold.
     *
     * @throws IllegalMonitorStateException if the calling thread has none (U24)
     */
    public void unlock() {
        lock.unlock();
    }

    /**
     * How often the calling thread holds the lock.
     *
     * @return 0 if not at all
     */
    public int holds() {
        return lock.holds();
    }

    /**
     * Whether the calling thread holds the lock.
     *
     * @return true for one hold or more
     */
    public boolean isHeld() {
        return lock.isHeld();
    }

    /**
     * Gives the lock to the threads that wait for it, and takes it again with the same number of holds before it
     * returns. Does nothing if no thread waits. A thread that holds the lock for long offers it between two pieces of
     * work.
     */
    public void offer() {
        lock.offer();
    }

    /** Who holds it. */
    @Override
    public String toString() {
        return lock.toString();
    }
}
