// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.percpu.bindings.spi.LinuxCalls;

/**
 * CLOCK_MONOTONIC of a machine, and waiting by it. It is the host's clock, or a virtual clock that moves only when it
 * is told to.
 */
final class SimClock {
    /** One thread's wait. Its condition belongs to its lock. */
    private record Sleeper(ReentrantLock lock, Condition condition) {}

    private final boolean virtual;
    private final AtomicLong virtualNow = new AtomicLong();
    private final Set<Sleeper> sleepers = ConcurrentHashMap.newKeySet();

    SimClock(boolean virtual) {
        this.virtual = virtual;
    }

    boolean isVirtual() {
        return virtual;
    }

    /** Nanoseconds since an arbitrary start. */
    long now() {
        return virtual ? virtualNow.get() : System.nanoTime();
    }

    /** The moment at which a wait ends, {@link Long#MAX_VALUE} for never. */
    long deadline(long timeoutNanos) {
        if (timeoutNanos == LinuxCalls.FOREVER) {
            return Long.MAX_VALUE;
        }
        long deadline = now() + timeoutNanos;
        return deadline < 0 && timeoutNanos > 0 ? Long.MAX_VALUE : deadline;
    }

    boolean isOver(long deadline) {
        return deadline != Long.MAX_VALUE && now() - deadline >= 0;
    }

    /**
     * Waits under a held lock for a signal of the condition or the deadline. The caller looks at its own state again. A
     * Java interrupt does not end the wait, as it does not end a system call; the status is kept.
     */
    @SuppressWarnings("WaitNotInLoop") // the loop is the caller's
    void await(ReentrantLock lock, Condition condition, long deadline) {
        boolean interrupted = Thread.interrupted();
        Sleeper sleeper = new Sleeper(lock, condition);
        try {
            if (deadline == Long.MAX_VALUE) {
                condition.awaitUninterruptibly();
            } else if (virtual) {
                sleepers.add(sleeper);
                if (!isOver(deadline)) {
                    condition.awaitUninterruptibly();
                }
            } else {
                long left = deadline - now();
                if (left > 0) {
                    condition.await(left, TimeUnit.NANOSECONDS);
                }
            }
        } catch (InterruptedException e) {
            interrupted = true;
        } finally {
            sleepers.remove(sleeper);
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Moves the virtual clock to a moment and lets every timed wait look at it. */
    void moveTo(long nanos) {
        virtualNow.accumulateAndGet(nanos, Math::max);
        for (Sleeper sleeper : sleepers) {
            sleeper.lock.lock();
            try {
                sleeper.condition.signalAll();
            } finally {
                sleeper.lock.unlock();
            }
        }
    }
}
