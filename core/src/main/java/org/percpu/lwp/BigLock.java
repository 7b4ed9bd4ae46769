// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.StackRoom;
import org.percpu.dispatch.Turnstile;

/**
 * The big lock of a kernel, see {@code KernelLock} of the package above. A worker takes the lock here, which saves a
 * call.
 */
public final class BigLock {
    /** Fair, so that offer() really hands the lock over. */
    private final Turnstile turnstile = new Turnstile(true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected String lockName() {
            return name;
        }

        // Shown of a thread that waits for it.
        @Override
        public String toString() {
            return "the kernel lock, " + BigLock.this;
        }
    };

    private final String name;
    private int holds; // of the holder

    BigLock(String kernel) {
        this.name = "lock of " + kernel;
    }

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
        if (holds > 1) {
            holds--;
        } else {
            leave();
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
     *
     * @throws StackOverflowError with the lock still held, if there is not enough room on the stack to take it again
     */
    public void offer() {
        if (turnstile.isAwaited() && turnstile.isMine()) {
            StackRoom.require();
            restore(releaseAll());
        }
    }

    /**
     * The thread that has the lock, perhaps not for long.
     *
     * @return null if no thread has it
     */
    public @Nullable Thread holder() {
        return turnstile.holder();
    }

    /**
     * Whether a thread waits for the lock.
     *
     * @param thread any thread
     * @return the state when the call looked
     */
    public boolean isAwaitedBy(Thread thread) {
        return turnstile.isAwaitedBy(thread);
    }

    /**
     * How often the lock was taken from free.
     *
     * @return modulo 2^32; may be stale on return
     */
    public int takes() {
        return turnstile.takes();
    }

    /**
     * Whether a thread waits for the lock.
     *
     * @return the state when the call looked
     */
    public boolean isAwaited() {
        return turnstile.isAwaited();
    }

    int releaseAll() {
        int all = holds();
        if (all > 0) {
            leave();
        }
        return all;
    }

    /** An error leaves it held as before, or free. */
    private void leave() {
        int all = holds;
        holds = 0;
        try {
            turnstile.leave();
        } catch (Throwable t) {
            if (turnstile.isMine()) {
                holds = all;
            }
            throw t;
        }
    }

    /** The caller counts on the lock: an error is no reason to go on without it. */
    void restore(int all) {
        if (all > 0) {
            try {
                turnstile.enter();
            } catch (Throwable once) {
                if (!turnstile.isMine()) {
                    turnstile.enter();
                }
            }
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
