// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import org.jspecify.annotations.Nullable;
import org.percpu.ipl.Turnstile;

/**
 * The big lock of a {@link Kernel} (rules KL-1 to KL-8): recursive, and dropped in full round every sleep of the
 * library.
 *
 * <p>In the BSD kernels it is a spin lock. Here a waiter sleeps: Linux may have preempted the holder, and a real-time
 * waiter that spins on the holder's CPU would wait for ever. Threads get the lock in the order in which they came. A
 * waiting thread that has a level runs the interrupts that its level allows.
 */
public final class KernelLock {
    /** Fair, so that offer() really hands the lock over. */
    private final Turnstile turnstile = new Turnstile(true) {
        private static final long serialVersionUID = 1L;

        // Shown of a thread that waits for it.
        @Override
        public String toString() {
            return "the kernel lock, " + KernelLock.this;
        }
    };

    private int holds; // of the holder

    KernelLock() {}

    /**
     * Takes one hold, waiting for other threads to drop theirs. Recursive. {@link Thread#interrupt} does not end the
     * wait.
     */
    public void lock() {
        if (!turnstile.isMine()) {
            turnstile.enter();
        }
        holds++;
    }

    /**
     * Drops one hold.
     *
     * @throws IllegalMonitorStateException if the calling thread has none (U24)
     */
    public void unlock() {
        if (!turnstile.isMine()) {
            throw new IllegalMonitorStateException("the kernel lock is not held by "
                    + Thread.currentThread().getName() + ": unlock once for each lock, on the same thread");
        }
        if (--holds == 0) {
            turnstile.leave();
        }
    }

    /**
     * How often the calling thread holds the lock.
     *
     * @return 0 if not at all
     */
    public int holds() {
        return turnstile.isMine() ? holds : 0;
    }

    /**
     * Whether the calling thread holds the lock.
     *
     * @return true for one hold or more
     */
    public boolean isHeld() {
        return turnstile.isMine();
    }

    /**
     * Gives the lock to the threads that wait for it, and takes it again with the same number of holds before it
     * returns. Does nothing if no thread waits. A thread that holds the lock for long offers it between two pieces of
     * work.
     */
    public void offer() {
        if (turnstile.isAwaited() && turnstile.isMine()) {
            restore(releaseAll());
        }
    }

    /** Any thread: who has it, perhaps not for long. */
    @Nullable
    Thread holder() {
        return turnstile.holder();
    }

    boolean isAwaitedBy(Thread thread) {
        return turnstile.isAwaitedBy(thread);
    }

    int releaseAll() {
        int all = holds();
        if (all > 0) {
            holds = 0;
            turnstile.leave();
        }
        return all;
    }

    void restore(int all) {
        if (all > 0) {
            turnstile.enter();
            holds = all;
        }
    }

    /** Who holds it. */
    @Override
    public String toString() {
        Thread holder = turnstile.holder();
        return "KernelLock" + (holder == null ? "[Unlocked]" : "[Locked by thread " + holder.getName() + "]");
    }
}
