// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.clock;

import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;
import org.percpu.dispatch.Sleep;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.WaitChannel;

/** One wait of one thread until a call of a timer's function has ended. */
final class Halt {
    private final Timer timer;
    private final boolean cancels;
    private final @Nullable Lock interlock;
    private final String wmesg;
    private boolean released; // the interlock

    /** See {@link Timer#awaitTimer}. */
    Halt(Timer timer, boolean cancels, @Nullable Lock interlock, String wmesg) {
        this.timer = timer;
        this.cancels = cancels;
        this.interlock = interlock;
        this.wmesg = wmesg;
    }

    /** See {@link Timer#requireMayAwait}. */
    static void requireAllowed(Clock clock, String wmesg, @Nullable Lock interlock) {
        if (!clock.isCurrentFunction()) {
            clock.core.requireSleepable(wmesg, interlock);
        }
        if (interlock != null) {
            WaitChannel.requireHeldOnce(interlock, wmesg);
        }
    }

    int await(Deadline deadline) {
        int first = look();
        int found = first;
        try {
            while (found >= 0
                    && (found & Timer.RUNNING) != 0
                    && !timer.clockNow().isCurrentFunction()) {
                if (!sleep(timer.clockNow(), deadline)) {
                    return Timer.BUSY;
                }
                if (!cancels) {
                    // The call has ended that ran at the first look. Another one may run by now.
                    return first;
                }
                // Functions often arm their own timer.
                found = look();
            }
            return first;
        } finally {
            retake();
        }
    }

    private int look() {
        return cancels ? timer.cancelTimer() : timer.timerState();
    }

    /** Returns false if the time is over and the function still runs. */
    private boolean sleep(Clock clock, Deadline deadline) {
        WaitChannel channel = clock.ended;
        // The thread joins before it looks: the end of the function wakes those that have joined.
        Sleep sleep = channel.enter();
        boolean left = false;
        try {
            if (!clock.wakesAfter(timer, cancels)) {
                return true;
            }
            release();
            long nanos = deadline.left().toNanos();
            if (nanos > 0) {
                long most = nanos == Long.MAX_VALUE ? 0 : nanos;
                boolean woken = clock.core.sleeping(wmesg, () -> channel.await(sleep, most));
                left = true;
                if (woken) {
                    return true;
                }
            }
            return (timer.timerState() & Timer.RUNNING) == 0;
        } finally {
            if (!left) {
                channel.abandon(sleep);
            }
        }
    }

    private void release() {
        Lock lock = interlock;
        if (lock != null && !released) {
            lock.unlock();
            released = true;
        }
    }

    private void retake() {
        Lock lock = interlock;
        if (lock != null && released) {
            try {
                WaitChannel.retake(lock, true);
            } catch (Throwable once) {
                WaitChannel.retake(lock, true);
            }
        }
    }
}
