// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.clock;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.percpu.clock.GroupTimer.Alarm;

/**
 * Timers of one clock that end together, as those of an executor. The group is open first; then it is closed to new
 * timers, and perhaps to those that repeat. When it is closed, and no timer is pending or away any more, it is idle for
 * good, and its owner is told.
 */
public final class TimerGroup {
    /** How many timers are taken while the lock is held. */
    private static final int BATCH = 128;

    private static final int SPINS = 100;
    private static final long PAUSE_NANOS = 20_000;

    final Clock clock;
    final Runnable idle;

    // Guarded by the lock of the clock.
    @Nullable
    GroupTimer newest; // of those that are pending and do not repeat

    @Nullable
    GroupTimer newestRepeating;

    int pending;
    int away;
    boolean takesNew = true;
    boolean takesRepeats = true;
    private boolean toldIdle;

    /** The clock's thread hands an alarm over. Only that thread writes it. */
    volatile boolean firing;

    /**
     * A group without timers.
     *
     * @param clock on which all its timers are
     * @param idle called once, by any thread, when the group is idle for good. It must not sleep
     */
    public TimerGroup(Clock clock, Runnable idle) {
        this.clock = clock;
        this.idle = idle;
    }

    /** Under the lock: whether the owner must be told behind it. */
    boolean becomesIdle() {
        boolean becomes = !takesNew && pending == 0 && away == 0 && !toldIdle;
        toldIdle |= becomes;
        return becomes;
    }

    /**
     * Closes the group, and takes timers back.
     *
     * @param keepSingle whether timers that are pending and do not repeat may still go off
     * @param keepRepeating whether those that repeat go on
     * @param taken gets the alarms of the others, of which none goes off any more, oldest first
     */
    public void close(boolean keepSingle, boolean keepRepeating, Consumer<? super Alarm> taken) {
        clock.lock();
        try {
            takesNew = false;
            takesRepeats &= keepRepeating;
            clock.unlock();
        } catch (Throwable t) {
            clock.held = 0;
            throw t;
        }
        if (!keepSingle) {
            takeAll(false).forEach(taken);
        }
        if (!keepRepeating) {
            takeAll(true).forEach(taken);
        }
        tell();
    }

    private void tell() {
        boolean becomes;
        clock.lock();
        try {
            becomes = becomesIdle();
            clock.unlock();
        } catch (Throwable t) {
            clock.held = 0;
            throw t;
        }
        if (becomes) {
            idle.run();
        }
    }

    /** After the close none enters the list. */
    private List<Alarm> takeAll(boolean repeating) {
        List<Alarm> alarms = new ArrayList<>();
        GroupTimer[] some = new GroupTimer[BATCH];
        for (int count = take(some, repeating); count > 0; count = take(some, repeating)) {
            for (GroupTimer timer : Arrays.asList(some).subList(0, count)) {
                alarms.add(timer.alarm());
            }
        }
        Collections.reverse(alarms);
        return alarms;
    }

    private int take(GroupTimer[] into, boolean repeating) {
        clock.lock();
        try {
            int count = 0;
            for (; count < into.length; count++) {
                GroupTimer timer = repeating ? newestRepeating : newest;
                if (timer == null) {
                    break;
                }
                // The end of the clock may have taken it off the wheel already.
                if (timer.slot != Entry.NOWHERE) {
                    clock.wheel.remove(timer);
                }
                timer.unlist();
                into[count] = timer;
            }
            clock.unlock();
            return count;
        } catch (Throwable t) {
            clock.held = 0;
            throw t;
        }
    }

    /**
     * Waits until the clock's thread is not in the middle of handing an alarm over. That takes it less than a
     * microsecond, unless Linux does not run it.
     */
    public void awaitHandover() {
        boolean interrupted = false;
        for (int looks = 0; firing; looks++) {
            if (looks < SPINS) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(this, PAUSE_NANOS);
                interrupted |= Thread.interrupted();
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
