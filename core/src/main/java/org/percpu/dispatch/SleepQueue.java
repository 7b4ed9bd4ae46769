// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import org.jspecify.annotations.Nullable;

/**
 * Sleeps, in the order in which they came. The user guards the queue. It is not a collection of the JDK, because those
 * call methods between two of their stores: at the end of a stack they could lose a sleep, and with it a wake-up. The
 * methods here call nothing after their first store.
 */
@SuppressWarnings("ReferenceEquality")
public final class SleepQueue {
    private @Nullable Sleep first;
    private @Nullable Sleep last;

    /** An empty queue. */
    public SleepQueue() {}

    /**
     * Adds a sleep at the end.
     *
     * @param sleep one that is in no queue
     */
    public void add(Sleep sleep) {
        Sleep before = last;
        if (before == null) {
            first = sleep;
        } else {
            before.behind = sleep;
        }
        last = sleep;
    }

    /**
     * Takes a sleep out.
     *
     * @param sleep any
     * @return false if the sleep is not in the queue
     */
    public boolean remove(Sleep sleep) {
        Sleep before = null;
        Sleep one = first;
        while (one != sleep && one != null) {
            before = one;
            one = one.behind;
        }
        if (one == null) {
            return false;
        }
        if (before == null) {
            first = one.behind;
        } else {
            before.behind = one.behind;
        }
        if (last == one) {
            last = before;
        }
        one.behind = null;
        return true;
    }

    /**
     * Wakes the first sleep and takes it out. If the wake-up meets an error, the sleep stays the first one.
     *
     * @return false if the queue is empty
     */
    public boolean wakeFirst() {
        Sleep sleep = first;
        if (sleep == null) {
            return false;
        }
        sleep.wake();
        Sleep next = sleep.behind;
        first = next;
        if (next == null) {
            last = null;
        }
        sleep.behind = null;
        return true;
    }

    /**
     * Whether the queue is empty.
     *
     * @return true if so
     */
    public boolean isEmpty() {
        return first == null;
    }
}
