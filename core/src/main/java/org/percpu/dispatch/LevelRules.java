// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/** What a thread must not do at its level: sleep, take a mutex that sleeps, use a queue of a lower level. */
public final class LevelRules {
    private LevelRules() {}

    /**
     * Checks that a queue may be used at the calling thread's level (U11).
     *
     * @param queue rank of the queue's level
     * @param hardFloor least rank of a queue that hard interrupts may use
     * @return null, or what is wrong, as a clause that names both levels
     */
    public static @Nullable String above(int queue, int hardFloor) {
        Dispatcher dispatcher = Dispatchers.ofThread();
        if (dispatcher == null) {
            return null;
        }
        int now = dispatcher.level().rank();
        if (now <= queue) {
            return dispatcher.inHardInterrupt() && queue < hardFloor
                    ? "in an interrupt at " + Rank.name(now) + " on "
                            + dispatcher.owner().getName() + ", and the queue's level " + Rank.name(queue)
                            + " is below "
                            + Rank.name(hardFloor) + ": create the queue with " + Rank.name(hardFloor)
                    : null;
        }
        return "at " + Rank.name(now) + " on " + dispatcher.owner().getName() + ", above the queue's level "
                + Rank.name(queue) + ": create the queue with " + Rank.name(now) + ", or lower the level first";
    }

    /**
     * Why the calling thread must not sleep: a spin mutex is held, it is in an interrupt handler, or its level is
     * raised.
     *
     * @param released a lock that the sleep releases first, or null
     * @return null if it may sleep, else one of three clauses
     */
    public static @Nullable String whyNotSleep(@Nullable Lock released) {
        Dispatcher dispatcher = Dispatchers.ofThread();
        if (dispatcher == null) {
            return null;
        }
        HeldMutexes held = dispatcher.mutexes();
        HeldMutexes.Entry freed = held.find(released);
        if (held.count() > (freed == null ? 0 : 1)) {
            return "with a spin mutex held (" + held.count() + "): release it first";
        }
        int now = dispatcher.level().rank();
        if (dispatcher.inInterrupt()) {
            return "in an interrupt handler at " + Rank.name(now) + ": defer it to a work or task";
        }
        int after = freed == null ? now : held.levelAfter(freed, now);
        if (after > 0) {
            return "at " + Rank.name(after) + ": lower the level to NONE first";
        }
        return null;
    }

    /**
     * Whether a thread may take a mutex that sleeps.
     *
     * @param dispatcher of the calling thread
     * @return false with a spin mutex held, in a hard interrupt, and above the soft levels
     */
    public static boolean mayTakeAdaptive(Dispatcher dispatcher) {
        return dispatcher.mutexes().count() == 0
                && !dispatcher.inHardInterrupt()
                && dispatcher.level().rank() <= Rank.SOFT_MAX;
    }
}
