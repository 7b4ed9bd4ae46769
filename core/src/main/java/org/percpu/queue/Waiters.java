// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.percpu.kernel.Condvar;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.Deadline;

/** The threads that wait for items of a queue, or for its workers' end. */
final class Waiters {
    /** Without membarrier(2): by then a processor has long written what it held back, however it orders that. */
    private static final Duration SECOND_LOOK = Duration.ofMillis(1);

    private final ReentrantLock interlock = new ReentrantLock();
    private final Condvar changed;
    private volatile int waiting; // threads in await(), changed under the interlock

    Waiters(Kernel kernel, String name) {
        this.changed = new Condvar(kernel, name);
    }

    /** Something that {@link #await} may wait for has changed, before this call in program order. */
    void itemLeft() {
        // For the compiler. Whoever leaves it at that has no fence for the processor, which may look before the change
        // can be seen.
        VarHandle.releaseFence();
        if (waiting != 0) {
            wakeAll();
        }
    }

    void wakeAll() {
        interlock.lock();
        try {
            changed.broadcast();
        } finally {
            // Whoever could take it can also release it, at the second try at the latest. Not in a method: its call
            // could fail.
            try {
                interlock.unlock();
            } catch (Throwable once) {
                if (interlock.isHeldByCurrentThread()) {
                    interlock.unlock();
                }
            }
        }
    }

    /**
     * Sleeps, with the kernel lock dropped, until a condition holds that this queue's workers make true.
     *
     * <p>A worker changes something and looks for waiters; a waiter counts itself and looks for the change. With a
     * fence between on both sides one would see the other. A worker of a serial queue has none, as it would pay for it
     * with each item: its look may miss a waiter whose look misses the change. So the waiter puts that fence into all
     * threads, by {@link Membarrier}, between its count and its first look. Where it cannot, it looks a second time soon
     * after, whatever wakes it in between: the first look can miss the change only in the moment when the waiter comes.
     *
     * @param condition cheap, and free of locks
     * @param atMost how long to wait
     * @return whether it holds
     */
    @SuppressWarnings("NonAtomicVolatileUpdate") // waiting changes under the interlock
    boolean await(BooleanSupplier condition, Duration atMost) {
        Deadline deadline = Deadline.after(atMost);
        interlock.lock();
        try {
            waiting++;
            // Not before: the time counts from when workers may see that somebody waits.
            Deadline secondLook = Deadline.after(SECOND_LOOK);
            boolean looksAgain = !Membarrier.pass();
            while (!condition.getAsBoolean()) {
                long left = deadline.left().toNanos();
                if (left == 0) {
                    return false;
                }
                long sleep =
                        looksAgain ? Math.min(left, Math.max(secondLook.left().toNanos(), 1)) : left;
                if (sleep == Long.MAX_VALUE) {
                    changed.await(interlock);
                } else {
                    changed.await(interlock, sleep, TimeUnit.NANOSECONDS);
                }
                looksAgain &= !secondLook.isOver();
            }
            return true;
        } finally {
            waiting--;
            // Whoever could take it can also release it, at the second try at the latest. Not in a method: its call
            // could fail.
            try {
                interlock.unlock();
            } catch (Throwable once) {
                if (interlock.isHeldByCurrentThread()) {
                    interlock.unlock();
                }
            }
        }
    }
}
