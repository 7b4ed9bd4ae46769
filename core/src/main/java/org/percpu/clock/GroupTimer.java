// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.clock;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A timer of a {@link TimerGroup}, which hands an alarm over to its owner: at its time it calls {@link Alarm#due}. It is
 * <em>away</em> from then until its owner says what comes next. Meanwhile the group is not idle.
 */
public final class GroupTimer extends Timer {
    private final TimerGroup group;

    // Guarded by the lock of the clock: the neighbours in the list of the group.
    @Nullable
    GroupTimer newer;

    @Nullable
    GroupTimer older;

    private boolean away;
    private final boolean repeats;

    /** What a timer of a group is for. */
    public interface Alarm {
        /**
         * The time is over. Called on the clock's thread; must not sleep.
         *
         * @return whether the owner calls {@link GroupTimer#repeat} or {@link GroupTimer#retire} later
         */
        boolean due();

        /**
         * Whether it goes off again and again: a group may be closed to those alone.
         *
         * @return always the same
         */
        boolean repeats();
    }

    /**
     * A timer that is not pending.
     *
     * @param group to which it belongs
     * @param alarm called at its time
     */
    public GroupTimer(TimerGroup group, Alarm alarm) {
        super(group.clock, group, alarm);
        this.group = group;
        this.repeats = alarm.repeats();
    }

    /**
     * Arms it for the first time.
     *
     * @param moment when it is due, as {@link Time#now}
     * @return false if the group or the clock is closed
     */
    public boolean start(long moment) {
        return arm(moment, false);
    }

    /**
     * Arms it again. It comes back from its owner.
     *
     * @param moment when it is due
     * @return false if the group is closed to those that repeat, or the clock is closed. True, and nothing is armed, if it
     *     was not away
     */
    public boolean repeat(long moment) {
        return arm(moment, true);
    }

    private boolean arm(long moment, boolean again) {
        Clock clock = group.clock;
        boolean taken = false;
        boolean early = false;
        boolean listed = false;
        clock.lock();
        try {
            // A timer that is to be armed again, and is not away, is armed already.
            boolean mine = slot == NOWHERE && away == again;
            taken = !clock.closed && (again ? group.takesRepeats || !mine : group.takesNew);
            if (taken && mine) {
                // No call before it is on the wheel: an error would leave it in one of the two lists alone.
                GroupTimer first = repeats ? group.newestRepeating : group.newest;
                older = first;
                if (first != null) {
                    first.newer = this;
                }
                if (repeats) {
                    group.newestRepeating = this;
                } else {
                    group.newest = this;
                }
                listed = true;
                early = put(clock, moment);
                group.pending++;
                if (again) {
                    away = false;
                    group.away--;
                }
            }
            clock.unlock();
        } catch (Throwable t) {
            if (listed && slot == NOWHERE) {
                GroupTimer next = older;
                if (repeats) {
                    group.newestRepeating = next;
                } else {
                    group.newest = next;
                }
                if (next != null) {
                    next.newer = null;
                    older = null;
                }
            }
            clock.held = 0;
            throw t;
        }
        if (early) {
            clock.ring();
        }
        return taken;
    }

    /**
     * Takes it off the clock.
     *
     * @return false if it was not pending
     */
    public boolean cancel() {
        Clock clock = group.clock;
        boolean taken = false;
        boolean idle = false;
        clock.lock();
        try {
            if (slot != NOWHERE) {
                clock.wheel.remove(this);
                unlist();
                taken = true;
                idle = group.becomesIdle();
            }
            clock.unlock();
        } catch (Throwable t) {
            clock.held = 0;
            throw t;
        }
        if (idle) {
            group.idle.run();
        }
        return taken;
    }

    /** It does not come back from its owner. A second call does nothing. */
    public void retire() {
        Clock clock = group.clock;
        boolean idle = false;
        clock.lock();
        try {
            if (away) {
                away = false;
                group.away--;
                idle = group.becomesIdle();
            }
            clock.unlock();
        } catch (Throwable t) {
            clock.held = 0;
            throw t;
        }
        if (idle) {
            group.idle.run();
        }
    }

    /**
     * For which moment it was armed last.
     *
     * @return as {@link Time#now}
     */
    public long moment() {
        return deadline;
    }

    Alarm alarm() {
        return (Alarm) Objects.requireNonNull(argument);
    }

    /** Under the lock: it leaves the list of the group. */
    void unlist() {
        if (newer != null) {
            newer.older = older;
        } else if (repeats) {
            group.newestRepeating = older;
        } else {
            group.newest = older;
        }
        if (older != null) {
            older.newer = newer;
        }
        newer = null;
        older = null;
        group.pending--;
    }

    @Override
    boolean isOwned() {
        return true;
    }

    @Override
    void fire(Softclock call) {
        unlist();
        away = true;
        group.away++;
        group.firing = true;
        super.fire(call);
    }

    @Override
    protected void callTimer(Object called, @Nullable Object with) {
        boolean handedOver = false;
        try {
            boolean comesBack = alarm().due();
            handedOver = true;
            if (!comesBack) {
                retire();
            }
        } finally {
            // An error of memory or stack: the alarm goes off once more.
            if (!handedOver && !repeat(Time.now())) {
                retire();
            }
            group.firing = false;
        }
    }

    /** As its owner calls it. */
    @Override
    public String toString() {
        return alarm().toString();
    }
}
