// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.clock;

import java.time.Duration;
import java.util.EnumSet;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.cpu.Cpu;
import org.percpu.dispatch.Bell;
import org.percpu.dispatch.Dispatcher;
import org.percpu.dispatch.Dispatchers;
import org.percpu.events.Events;
import org.percpu.kernel.ClockState;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.Lwp;
import org.percpu.lwp.WaitChannel;
import org.percpu.thread.Pri;

/** The clock of one CPU: its wheel, and the thread that sleeps until a timer is due and calls the functions. */
@SuppressWarnings("ReferenceEquality") // threads and timers are compared by identity
public final class Clock extends WordLock {
    /** How many entries of the wheel are moved while the lock is held. */
    private static final int MOVES = 128;

    /** A call that an error has kept from its function is tried so often. */
    private static final int TRIES = 3;

    private static final long AWAKE = Long.MIN_VALUE;

    /** How long before an expiry a clock that may spin wakes up. */
    private static final long STRETCH_NANOS = 100_000;

    final Clocks clocks;
    final KernelCore core;

    /** Threads that wait until a function has ended. */
    final WaitChannel ended = new WaitChannel();

    private final Kernel kernel;
    private final Cpu cpu;
    private final String name;
    private final int hz;
    private final long tickNanos;
    private final boolean exactTicks; // a tick is a whole number of nanoseconds
    private final boolean spins;

    // Guarded by the lock.
    final Wheel wheel = new Wheel(Time.now());

    @Nullable
    Timer running;

    private boolean waited; // a thread sleeps on `ended`
    private boolean halted; // one of them has cancelled the timer that runs
    boolean closed; // nothing can be armed any more

    /**
     * When the thread looks at the wheel again by itself; {@link #AWAKE} while it is awake and looks anyway. Nobody
     * rings for a timer that is later. If the timer for which a thread has rung is cancelled, the moment stays: the
     * thread then wakes once for nothing. Otherwise each round of arming and cancelling would ring.
     */
    private long wakeAt = AWAKE;

    private long fired;
    private long late;
    private long worstLate;

    private volatile boolean ringOwed; // from the moment that an earlier timer is put up to the ring for it
    volatile boolean dropping; // no function is called any more
    volatile boolean ends; // the thread is to end
    private volatile @Nullable Bell bell;
    volatile @Nullable Lwp lwp;
    private volatile @Nullable Thread thread;

    // Only the thread uses these.
    private final Softclock call;

    Clock(Clocks clocks, Kernel kernel, Cpu cpu) {
        this.clocks = clocks;
        this.kernel = kernel;
        this.core = KernelCore.of(kernel);
        this.cpu = cpu;
        this.name = Clocks.NAME + "/" + cpu.index();
        this.hz = kernel.hz();
        this.tickNanos = Time.ofTicks(1, hz);
        this.call = new Softclock(core, name);
        this.exactTicks = Time.SECOND % hz == 0;
        this.spins = kernel.waitStrategy() == WaitStrategy.BUSY_SPIN;
    }

    /** Makes the thread. */
    void start() {
        lwp = Lwp.create(
                core,
                kernel.thread(name, cpu, Pri.interrupt(Pri.PRI_SOFTCLOCK)),
                EnumSet.of(Lwp.Flag.INTR, Lwp.Flag.MPSAFE, Lwp.Flag.WORKER),
                this::run);
    }

    // ---- under the lock

    /** Puts a timer on the wheel, or moves it there. Returns whether the caller must {@link #ring} behind the lock. */
    boolean put(Timer timer, long moment) {
        // The clock counts from the boot. So every moment lies less than 2^63 from now, as the wheel requires.
        long deadline = Math.max(moment, 0);
        wheel.put(timer, deadline);
        if (deadline < wakeAt) {
            wakeAt = deadline;
            ringOwed = true;
        }
        return ringOwed;
    }

    // ---- any thread

    /** Wakes the thread. */
    void ring() {
        Bell mine = bell;
        if (mine == null) {
            // The thread has not looked at the wheel yet.
            return;
        }
        try {
            ringOwed = false;
            mine.wakeup();
        } catch (Throwable t) {
            ringOwed = true;
            throw t;
        }
    }

    /** Whether the caller is a function that this clock calls, and not a handler that has interrupted it. */
    boolean isCurrentFunction() {
        if (Thread.currentThread() != thread) {
            return false;
        }
        Dispatcher dispatcher = Dispatchers.currentIfUsed();
        return dispatcher != null && dispatcher.interruptDepth() == 1;
    }

    /** The span of some ticks. */
    long nanos(int ticks) {
        return exactTicks ? ticks * tickNanos : Time.ofTicks(ticks, hz);
    }

    /**
     * The CPU.
     *
     * @return one of the kernel
     */
    public Cpu cpu() {
        return cpu;
    }

    /**
     * The clock of another CPU of the same kernel.
     *
     * @param other any CPU
     * @return null if the kernel does not have the CPU
     */
    public @Nullable Clock sibling(Cpu other) {
        return clocks.of(other);
    }

    // ---- the thread

    private void run() {
        thread = Thread.currentThread();
        Dispatcher dispatcher = Dispatchers.current();
        dispatcher.add(call);
        // Without it Linux may add 50 us to each sleep of a thread that is not real-time. A refusal does no harm.
        int unused = Backend.linux().prctl(LinuxCalls.PR_SET_TIMERSLACK, 1);
        bell = dispatcher.bell();
        int failures = 0;
        while (!ends) {
            try {
                turn(dispatcher);
                failures = 0;
            } catch (Throwable t) {
                failures = survive(t, failures + 1);
            }
        }
        dispatcher.remove(call);
    }

    /** An error that is not a function's: memory or stack ran out in the library. Nothing may be lost by it. */
    private int survive(Throwable thrown, int failures) {
        Timer timer = call.timer;
        core.reports().fault(name, timer == null ? this : timer, thrown);
        if (timer != null && (call.begun || failures >= TRIES)) {
            done();
            return 0;
        }
        return failures;
    }

    private void turn(Dispatcher dispatcher) {
        int lines = dispatcher.poll();
        assert lines >= 0;
        long next = call.timer != null ? AWAKE : look();
        if (call.timer != null) {
            dispatcher.pend(Softclock.RANK);
            int ran = dispatcher.poll();
            assert ran >= 0;
            // The dispatcher has put the level right, and has told which timer left it raised.
            done();
        } else if (next != AWAKE) {
            sleep(dispatcher.bell(), next);
        }
    }

    /** Takes a timer that is due. If there is none, returns when to look again, or {@link #AWAKE} for at once. */
    private long look() {
        long now = Time.now();
        long next = AWAKE;
        long lateNanos = 0;
        lock();
        try {
            wheel.advance(now, MOVES);
            Timer due = dropping ? null : (Timer) wheel.poll();
            if (due != null) {
                running = due;
                call.timer = due;
                due.fire(call);
                fired++;
                wakeAt = AWAKE;
                lateNanos = now - due.deadline;
                if (lateNanos > tickNanos) {
                    late++;
                }
                if (lateNanos > worstLate) {
                    worstLate = lateNanos;
                }
            } else if (!wheel.isMoving()) {
                next = wheel.size() == 0 || dropping ? Time.NEVER : wheel.next();
                if (wakeAt > now && wakeAt < next) {
                    next = wakeAt;
                }
                wakeAt = next;
            }
            unlock();
        } catch (Throwable t) {
            held = 0;
            throw t;
        }
        if (lateNanos > Events.LATE_NANOS) {
            Events.timerLate(name, call.timer, lateNanos);
        }
        return next;
    }

    private void sleep(Bell mine, long until) {
        // For thread dumps: otherwise they show a thread that runs native code.
        LockSupport.setCurrentBlocker(this);
        try {
            sleepOrSpin(mine, until);
        } finally {
            LockSupport.setCurrentBlocker(null);
        }
    }

    private void sleepOrSpin(Bell mine, long until) {
        if (!spins || until == Time.NEVER) {
            mine.sleepUntil(until);
            return;
        }
        if (until - STRETCH_NANOS > Time.now()) {
            mine.sleepUntil(until - STRETCH_NANOS);
        }
        while (until - Time.now() > 0 && until - Time.now() <= STRETCH_NANOS && !mine.isRung()) {
            Thread.onSpinWait();
        }
    }

    private void done() {
        boolean wakes;
        lock();
        try {
            Timer ran = running;
            if (halted && ran != null && ran.slot != Entry.NOWHERE) {
                wheel.remove(ran);
            }
            running = null;
            call.clear();
            wakes = waited;
            waited = false;
            halted = false;
            unlock();
        } catch (Throwable t) {
            held = 0;
            throw t;
        }
        if (wakes) {
            ended.wakeAll();
        }
    }

    /**
     * Whether the function of a timer runs now. If it does, its end wakes the threads in {@link #ended}.
     *
     * @param cancels whether the end of the function cancels the timer too. A function may arm its timer again without
     *     a delay. The timer could then fire each time before the woken thread cancels it
     */
    boolean wakesAfter(Timer timer, boolean cancels) {
        lock();
        try {
            boolean runs = running == timer;
            waited |= runs;
            halted |= runs && cancels;
            return runs;
        } finally {
            held = 0;
        }
    }

    // ---- the end of the kernel

    void close() {
        lock();
        try {
            closed = true;
        } finally {
            held = 0;
        }
    }

    /**
     * How long nothing can be expected: the span until the next timer, {@link Time#NEVER} if that never comes, 1 if a
     * function runs, and 0 if there is nothing to wait for.
     */
    long busyNanos() {
        long now = Time.now();
        lock();
        try {
            long next = wheel.size() == 0 ? now : wheel.next();
            long nanos = next == Time.NEVER ? next : wheel.size() == 0 ? 0 : Math.max(next - now, 1);
            if (running != null) {
                nanos = 1;
            }
            return nanos;
        } finally {
            held = 0;
        }
    }

    /** Takes pending timers off the wheel, as many as the array has room for. Returns how many. */
    int take(Timer[] into) {
        lock();
        try {
            int count = 0;
            while (count < into.length) {
                Timer timer = (Timer) wheel.pollAny();
                if (timer == null) {
                    break;
                }
                if (!timer.isOwned()) {
                    into[count++] = timer;
                }
            }
            return count;
        } finally {
            held = 0;
        }
    }

    void stop(boolean interrupt) {
        dropping = true;
        Thread mine = thread;
        if (interrupt && mine != null && runningNow() != null) {
            mine.interrupt();
        }
    }

    void end() {
        ends = true;
        ring();
    }

    /** The timer whose function runs. */
    @Nullable
    Timer runningNow() {
        lock();
        try {
            return running;
        } finally {
            held = 0;
        }
    }

    // ---- what it tells

    long faults() {
        return call.faults();
    }

    ClockState state(Lwp mine) {
        long now = Time.now();
        int pending;
        long next;
        long nowFired;
        long nowLate;
        long nowWorst;
        lock();
        try {
            pending = wheel.size();
            next = pending == 0 ? 0 : wheel.next();
            nowFired = fired;
            nowLate = late;
            nowWorst = worstLate;
        } finally {
            held = 0;
        }
        return new ClockState(
                cpu,
                mine.state(),
                pending,
                pending == 0 ? null : Duration.ofNanos(Math.max(next - now, 0)),
                nowFired,
                nowLate,
                Duration.ofNanos(nowWorst));
    }

    /** Its name. */
    @Override
    public String toString() {
        return name;
    }
}
