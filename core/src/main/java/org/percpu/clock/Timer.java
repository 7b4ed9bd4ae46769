// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.clock;

import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;
import org.percpu.lwp.Deadline;

/**
 * A timer: it calls a function once, at or after a moment, on the thread of a {@link Clock}. The object belongs to the
 * caller; a pending timer takes nothing else. All interfaces are made of it.
 *
 * <p>A timer is on one clock at a time. Which one that is changes only while it is neither pending nor running, so its
 * function is never called twice at once.
 *
 * <p>Any thread may call the methods, at any level, except those that wait. They take the lock of the clock for some
 * ten nanoseconds. An operation returns the state that it found, as bits, or a number below 0 if it was refused and has
 * changed nothing.
 */
@SuppressWarnings("ReferenceEquality") // timers and clocks are compared by identity
public abstract class Timer extends Entry {
    /** In a state: it will call its function. */
    public static final int PENDING = 1;
    /** In a state: its function was called since the timer was armed or cancelled last, or is about to be called. */
    public static final int FIRED = 1 << 1;
    /** In a state: as {@link #FIRED}, until {@link #acknowledgeTimer}. */
    public static final int INVOKING = 1 << 2;
    /** In a state: its function runs now. */
    public static final int RUNNING = 1 << 3;
    /** In a state: it was {@linkplain #destroyTimer destroyed}. */
    public static final int DESTROYED = 1 << 4;
    /** In a state: it was armed before. */
    public static final int ARMED_BEFORE = 1 << 5;

    /** It has a clock of its own. Until then it goes to the clock of the CPU on which it is armed. */
    private static final int PLACED = 1 << 6;

    /** The function is called with the kernel lock held. */
    private static final int LOCKED = 1 << 7;

    /** Refused: the timer was destroyed. */
    public static final int GONE = -1;
    /** Refused: the timer has no function. */
    public static final int UNSET = -2;
    /** Refused: the kernel is closed. */
    public static final int CLOSED = -3;
    /** Refused: it is pending or running. */
    public static final int BUSY = -4;

    // Guarded by the lock of the clock.
    private Clock clock;
    private int bits;
    private @Nullable Object function;

    @Nullable
    Object argument;

    /**
     * A timer that is armed on the CPU on which {@link #armTimer} is first called.
     *
     * @param clocks of the kernel
     * @param mpsafe false if the function is called with the kernel lock held
     */
    protected Timer(Clocks clocks, boolean mpsafe) {
        this.clock = clocks.current();
        this.bits = mpsafe ? 0 : LOCKED;
    }

    /**
     * A timer of one CPU.
     *
     * @param clock of that CPU
     * @param mpsafe false if the function is called with the kernel lock held
     * @param function what {@link #callTimer} gets
     */
    protected Timer(Clock clock, boolean mpsafe, Object function) {
        this.clock = clock;
        this.bits = PLACED | (mpsafe ? 0 : LOCKED);
        this.function = function;
    }

    Timer(Clock clock, Object function, Object argument) {
        this(clock, true, function);
        this.argument = argument;
    }

    /**
     * Calls the function, on the thread of the clock, in interrupt state at SOFTCLOCK. The timer may be armed again
     * meanwhile, with another function.
     *
     * @param called the function that the timer had when its time was over
     * @param with the argument that it had then
     * @throws Exception goes to the fault handler
     */
    protected abstract void callTimer(Object called, @Nullable Object with) throws Exception;

    private Clock enter() {
        while (true) {
            Clock mine = clock;
            mine.lock();
            // It may have moved to another clock while this thread waited for the lock.
            if (mine == clock) {
                return mine;
            }
            mine.unlock();
        }
    }

    /** Under the lock. */
    private int now(Clock mine) {
        return (bits & (FIRED | INVOKING | DESTROYED | ARMED_BEFORE))
                | (slot == NOWHERE ? 0 : PENDING)
                | (mine.running == this ? RUNNING : 0);
    }

    private int change(Change what, @Nullable Object func, @Nullable Object arg, boolean mpsafe) {
        Clock mine = enter();
        try {
            int found = changed(mine, what, func, arg, mpsafe);
            mine.unlock();
            return found;
        } catch (Throwable t) {
            mine.held = 0;
            throw t;
        }
    }

    private int changed(Clock mine, Change what, @Nullable Object func, @Nullable Object arg, boolean mpsafe) {
        int found = now(mine);
        if (what == Change.NONE) {
            return found;
        }
        if ((found & DESTROYED) != 0) {
            return GONE;
        }
        switch (what) {
            case CANCEL -> {
                if ((found & PENDING) != 0) {
                    mine.wheel.remove(this);
                }
                bits &= ~FIRED;
            }
            case ACKNOWLEDGE -> bits &= ~INVOKING;
            case DESTROY -> {
                if ((found & (PENDING | RUNNING)) != 0) {
                    return BUSY;
                }
                bits |= DESTROYED;
            }
            default -> {
                if (what == Change.SET_UNLESS_PENDING) {
                    if ((found & PENDING) != 0) {
                        return BUSY;
                    }
                    bits = mpsafe ? bits & ~LOCKED : bits | LOCKED;
                }
                function = func;
                argument = arg;
            }
        }
        return found;
    }

    /**
     * The state.
     *
     * @return bits; may be stale on return
     */
    protected final int timerState() {
        return change(Change.NONE, null, null, false);
    }

    /**
     * The function that will be called.
     *
     * @return null if it was never set
     */
    protected final @Nullable Object timerFunction() {
        return function;
    }

    /**
     * Arms the timer, or moves it if it is pending.
     *
     * @param moment when to call the function, in nanoseconds as {@link Time#now}; one that is over means at once
     * @return the state before, or {@link #GONE}, {@link #UNSET} or {@link #CLOSED}
     */
    protected final int armTimer(long moment) {
        return armTimer(moment, null, null);
    }

    /**
     * {@link #setTimer}s the function and {@linkplain #armTimer(long) arms} the timer.
     *
     * @param moment when to call the function
     * @param func the function, or null for the one that it has
     * @param arg the argument, if there is a function
     * @return the state before, or {@link #GONE}, {@link #UNSET} or {@link #CLOSED}
     */
    protected final int armTimer(long moment, @Nullable Object func, @Nullable Object arg) {
        if ((bits & PLACED) == 0) {
            // The first time that it is armed: the timer goes to the CPU of the caller.
            int unused = place(clock.clocks.current(), true);
        }
        Clock mine = enter();
        int found;
        boolean early = false;
        try {
            found = refusal(mine, func);
            if (found == 0) {
                found = now(mine);
                if (func != null) {
                    function = func;
                    argument = arg;
                }
                early = put(mine, moment);
            }
            mine.unlock();
        } catch (Throwable t) {
            mine.held = 0;
            throw t;
        }
        if (early) {
            mine.ring();
        }
        return found;
    }

    /**
     * Arms the timer for the first moment after now that is a whole number of periods after the one for which it was
     * armed last.
     *
     * @param period nanoseconds, positive
     * @param now the time
     * @return how many such moments were over and are left out, or {@link #GONE}, {@link #UNSET} or {@link #CLOSED}
     */
    protected final long armTimerNext(long period, long now) {
        Clock mine = enter();
        long found;
        boolean early = false;
        try {
            found = refusal(mine, null);
            if (found == 0) {
                long late = now - deadline;
                found = late < period ? 0 : late / period;
                long ahead = period - (late < 0 ? 0 : late - found * period);
                long from = late < 0 ? deadline : now;
                early = put(mine, from > Time.NEVER - ahead ? Time.NEVER : from + ahead);
            }
            mine.unlock();
        } catch (Throwable t) {
            mine.held = 0;
            throw t;
        }
        if (early) {
            mine.ring();
        }
        return found;
    }

    private int refusal(Clock mine, @Nullable Object func) {
        if ((bits & DESTROYED) != 0) {
            return GONE;
        }
        return func == null && function == null ? UNSET : mine.closed ? CLOSED : 0;
    }

    final boolean put(Clock mine, long moment) {
        bits = (bits & ~(FIRED | INVOKING)) | ARMED_BEFORE;
        return mine.put(this, moment);
    }

    /**
     * Puts the timer on a clock for good.
     *
     * @param target any clock of the kernel
     * @return the state before, or {@link #GONE}, or {@link #BUSY} if it is on another clock and pending or running
     */
    protected final int bindTimer(Clock target) {
        return place(target, false);
    }

    private int place(Clock target, boolean first) {
        Clock mine = enter();
        try {
            int found = now(mine);
            if ((found & DESTROYED) != 0) {
                found = GONE;
            } else if (mine != target && (found & (PENDING | RUNNING)) != 0) {
                found = BUSY;
            } else if (!first || (bits & PLACED) == 0) {
                bits |= PLACED;
                clock = target;
            }
            mine.unlock();
            return found;
        } catch (Throwable t) {
            mine.held = 0;
            throw t;
        }
    }

    /**
     * The clock on which it is, or will be if it is armed here and now for the first time.
     *
     * @return a clock of the kernel
     */
    protected final Clock timerClock() {
        return (bits & PLACED) == 0 ? clock.clocks.current() : clock;
    }

    /**
     * Sets what is called from now on. A call that has begun keeps what it has.
     *
     * @param func the function
     * @param arg its argument
     * @return the state before, or {@link #GONE}
     */
    protected final int setTimer(Object func, @Nullable Object arg) {
        return change(Change.SET, func, arg, false);
    }

    /**
     * Sets what is called from now on, and how, of a timer that is not pending.
     *
     * @param func the function
     * @param arg its argument
     * @param mpsafe false if the function is called with the kernel lock held
     * @return the state before, or {@link #GONE} or {@link #BUSY}
     */
    protected final int setTimerUnlessPending(Object func, @Nullable Object arg, boolean mpsafe) {
        return change(Change.SET_UNLESS_PENDING, func, arg, mpsafe);
    }

    /**
     * Takes the timer off its clock. Its function may be running still.
     *
     * @return the state before: with {@link #PENDING} the function will not be called; or {@link #GONE}
     */
    protected final int cancelTimer() {
        return change(Change.CANCEL, null, null, false);
    }

    /**
     * Clears {@link #INVOKING}.
     *
     * @return the state before, or {@link #GONE}
     */
    protected final int acknowledgeTimer() {
        return change(Change.ACKNOWLEDGE, null, null, false);
    }

    /**
     * Ends the use of the timer: every further operation is refused.
     *
     * @return the state before, or {@link #GONE}, or {@link #BUSY}
     */
    protected final int destroyTimer() {
        return change(Change.DESTROY, null, null, false);
    }

    /**
     * Checks that the caller may {@linkplain #awaitTimer wait}. A function of the timer's own clock may: it need not
     * wait, since it is the timer's function itself, or the timer's function does not run.
     *
     * @param wmesg what it waits on, for the message
     * @param interlock released while the caller sleeps, or null
     * @throws org.percpu.bindings.spi.ErrnoException EPERM if the caller must not sleep
     * @throws IllegalMonitorStateException if the interlock is not held
     */
    protected final void requireMayAwait(String wmesg, @Nullable Lock interlock) {
        Halt.requireAllowed(clock, wmesg, interlock);
    }

    /**
     * Waits until a call that runs now has ended, with the kernel lock dropped. On the thread of the timer's own clock
     * it does not wait: either the timer's own function calls, or it does not run.
     *
     * @param cancels whether to cancel the timer first, and again after each sleep, if its function has armed it
     * @param interlock released while the caller sleeps, or null
     * @param wmesg what the caller's state shows
     * @param deadline how long to wait
     * @return the state that the first look has found, or {@link #GONE}, or {@link #BUSY} if the time is over
     */
    protected final int awaitTimer(boolean cancels, @Nullable Lock interlock, String wmesg, Deadline deadline) {
        return new Halt(this, cancels, interlock, wmesg).await(deadline);
    }

    /**
     * Whether a shutdown that drops the timer reports it.
     *
     * @return false if another part of the library reports what the timer is for
     */
    protected boolean isReportedIfDropped() {
        return true;
    }

    /**
     * The clocks of its kernel.
     *
     * @return always the same object
     */
    protected final Clocks timerClocks() {
        return clock.clocks;
    }

    /** In the function: it cannot be done, because the kernel is being shut down. The shutdown reports the timer. */
    protected final void reportDropped() {
        clock.clocks.addDropped(this);
    }

    /** For {@link Halt}: on which it is while it runs. */
    final Clock clockNow() {
        return clock;
    }

    /**
     * A moment from now.
     *
     * @param ticks not negative
     * @return for {@link #armTimer}
     */
    protected final long afterTicks(int ticks) {
        return Time.after(clock.nanos(ticks));
    }

    /**
     * The kernel's name.
     *
     * @return for messages
     */
    protected final String kernelName() {
        return clock.core.name();
    }

    /** For the end of the clock: its owner takes it back itself. */
    boolean isOwned() {
        return false;
    }

    /** For the clock, under its lock: the time is over. */
    void fire(Softclock call) {
        bits |= FIRED | INVOKING;
        call.function = function;
        call.argument = argument;
        call.mpsafe = (bits & LOCKED) == 0;
    }
}
