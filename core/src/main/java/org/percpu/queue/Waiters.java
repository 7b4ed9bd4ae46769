// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import org.percpu.dispatch.Sleep;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.WaitChannel;

/** The threads that wait for items of a queue, or for its workers' end. */
final class Waiters {
    /**
     * When a waiter looks again where membarrier(2) does not exist. By then a processor has long written what it held
     * back, in whatever order.
     */
    private static final Duration SECOND_LOOK = Duration.ofMillis(1);

    private final KernelCore core;
    private final String name;
    private final WaitChannel changed = new WaitChannel();
    private volatile int waiting; // how many threads are in await(); changed in the monitor of `changed`

    Waiters(KernelCore core, String name) {
        this.core = core;
        this.name = name;
    }

    /** Called after a change for which {@link #await} may wait. The change stands before this call in program order. */
    void itemLeft() {
        // This fence is for the compiler. The processor gets no full fence here, so it may read `waiting` before the
        // change can be seen.
        VarHandle.releaseFence();
        if (waiting != 0) {
            wakeAll();
        }
    }

    void wakeAll() {
        changed.wakeAll();
    }

    /**
     * Sleeps, with the kernel lock dropped, until a condition holds. The workers of this queue make the condition true.
     *
     * <p>A worker changes something and then looks for waiters. A waiter counts itself and then looks for the change.
     * With a full fence between the two steps on both sides, one of the two threads would see the other. A worker of a
     * serial queue has no such fence, as each item would pay for it. So the worker may miss a waiter that misses the
     * change. To prevent that, the waiter puts the fence into all threads, by {@link Membarrier}, between its count and
     * its first look. Where Membarrier is not available, the waiter looks a second time soon after, whatever wakes it
     * in between. The first look can miss the change only in the moment when the waiter comes.
     *
     * @param condition cheap, and free of locks
     * @param atMost how long to wait
     * @return whether it holds
     */
    @SuppressWarnings("NonAtomicVolatileUpdate") // waiting changes in the monitor
    boolean await(BooleanSupplier condition, Duration atMost) {
        Deadline deadline = Deadline.after(atMost);
        synchronized (changed) {
            waiting++;
        }
        try {
            // Made after the count: the time starts when workers may see that a thread waits.
            Deadline secondLook = Deadline.after(SECOND_LOOK);
            boolean looksAgain = !Membarrier.pass();
            while (true) {
                Sleep sleep;
                long nanos;
                synchronized (changed) {
                    if (condition.getAsBoolean()) {
                        return true;
                    }
                    long left = deadline.left().toNanos();
                    if (left == 0) {
                        return false;
                    }
                    nanos = looksAgain
                            ? Math.min(left, Math.max(secondLook.left().toNanos(), 1))
                            : left;
                    // In the monitor, so that no wake-up is missed that follows a change.
                    sleep = changed.enter();
                }
                sleep(sleep, nanos);
                looksAgain &= !secondLook.isOver();
            }
        } finally {
            synchronized (changed) {
                waiting--;
            }
        }
    }

    private void sleep(Sleep sleep, long nanos) {
        boolean slept = false;
        try {
            boolean woken = core.sleeping(name, () -> changed.await(sleep, nanos));
            assert woken || nanos != Sleep.FOREVER;
            slept = true;
        } finally {
            if (!slept) {
                changed.abandon(sleep);
            }
        }
    }
}
