// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.netbsd;

import java.time.Duration;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.clock.Clock;
import org.percpu.clock.Clocks;
import org.percpu.clock.Time;
import org.percpu.clock.Timer;
import org.percpu.cpu.Cpu;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelQueue;
import org.percpu.lwp.Deadline;
import org.percpu.queue.Args;
import org.percpu.queue.Names;

/**
 * callout(9): calls a function after a time, on the CPU's clock at softclock level.
 *
 * <pre>{@code
 * Callout retransmit = new Callout(kernel, Callout.CALLOUT_MPSAFE);
 * retransmit.setfunc(connection -> connection.sendAgain(), this);
 * retransmit.schedule(Duration.ofMillis(200));   // at every packet; moves the timer if it runs
 * retransmit.stop();                             // at the acknowledgement
 * retransmit.halt(null);                         // behind it the function does not run
 * retransmit.destroy();
 * }</pre>
 *
 * <p>The object is the caller's storage (NCO-1); extend the class to put your own data beside it. The constructor is
 * callout_init. The first callout of a kernel makes a thread for each of its CPUs ("clock/0"), pinned and FIFO at
 * PRI_SOFTCLOCK. A thread sleeps until its next callout is due, and uses no CPU time while nothing is pending.
 *
 * <p>A time is kept in nanoseconds of CLOCK_MONOTONIC and is never shortened: the function is called at that time or
 * later. A tick is 1/{@link Kernel#hz} of a second. A callout goes to the CPU on which it is first scheduled and stays
 * there (NCO-14). Callouts of a CPU run one after the other; those of one time in the order in which they were
 * scheduled, others in the order of their times (NCO-15).
 *
 * <p><b>The function</b> runs as a soft interrupt. It must not sleep: calls of this library that sleep are EPERM. It may
 * take a {@link org.percpu.ipl.Mutex}, enqueue works, and schedule its own callout (NCO-12). Without
 * {@link #CALLOUT_MPSAFE} it holds the kernel lock, and all callouts of the CPU wait while another thread has that lock.
 * If the function throws, the kernel's fault handler is told, and the other callouts go on.
 *
 * <p><b>A period without drift</b>: the function calls {@link #scheduleNext}, which counts from the time for which the
 * callout was scheduled last, and says how many periods were missed.
 *
 * <p><b>The end of the kernel.</b> From the beginning of a shutdown no callout can be scheduled (ESHUTDOWN). Callouts
 * whose time comes within the time of the shutdown still run, and the others are reported as dropped. So
 * {@code Kernel.close} waits for pending callouts: halt what need not run.
 *
 * <p><b>Threading.</b> {@link #halt} needs a caller that may sleep. All other methods may be called from any thread at
 * any level, and in interrupt handlers; they never block and allocate nothing.
 *
 * <h2>Deviations</h2>
 *
 * <ul>
 *   <li>callout_init takes the kernel, and must be able to sleep if it is the first of the kernel: it makes the threads.
 *   <li>What the page leaves undefined is an error that changes nothing: negative ticks, a callout without a function,
 *       and a callout that is destroyed are EINVAL, a destroy of one that is pending or running is EBUSY.
 *   <li>NetBSD later moved a callout that is not pending to the CPU where it is scheduled again. Here it stays, so that
 *       its function never runs on two CPUs at once; {@link #bind} moves it.
 *   <li>{@link #halt} says true if the callout had EXPIRED or its function ran. NetBSD later said only the second.
 *   <li>The forms with a {@link Duration}, {@link #scheduleAt}, {@link #scheduleNext}, {@link #halt(Lock, Duration)} and
 *       {@link #cpu} are additions.
 *   <li>C code cannot schedule or stop a callout in a signal handler, because the handler may interrupt a thread that
 *       holds the lock of the clock. It posts a work or triggers an interrupt line instead.
 * </ul>
 *
 * @see <a href="https://man.netbsd.org/callout.9">callout(9)</a>
 */
public class Callout extends Timer {
    /** The function does its own locking and runs without the kernel lock. */
    public static final int CALLOUT_MPSAFE = 0x100;

    private static final String WMESG = "callout";

    /**
     * The function of a callout.
     *
     * @param <A> the type of its argument
     */
    @FunctionalInterface
    public interface Function<A extends @Nullable Object> {
        /**
         * Runs on the clock of the CPU. Must not sleep.
         *
         * @param arg as given to setfunc or reset
         * @throws Exception reported to the kernel's fault handler
         */
        void run(A arg) throws Exception;
    }

    /**
     * callout_init.
     *
     * @param kernel on whose CPUs it runs
     * @param flags 0 or {@link #CALLOUT_MPSAFE}
     * @throws ErrnoException EINVAL (null kernel, unknown flags), EAGAIN (no more threads), ESHUTDOWN (the kernel is
     *     closed), EPERM (it is the first of the kernel and the caller must not sleep)
     * @throws org.percpu.bindings.spi.LinuxException if a thread cannot be pinned or scheduled as the kernel's policies
     *     require
     */
    public Callout(Kernel kernel, int flags) {
        super(clocks(kernel, flags), (flags & CALLOUT_MPSAFE) != 0);
    }

    private static Clocks clocks(Kernel kernel, int flags) {
        Argument.requireNonNull(kernel, "callout_init", "kernel");
        Args.flags(flags, CALLOUT_MPSAFE, "callout_init");
        Names.ready();
        return Clocks.of(kernel);
    }

    @Override
    @SuppressWarnings("unchecked") // the argument goes nowhere but to its function
    protected final void callTimer(Object called, @Nullable Object with) throws Exception {
        ((Function<@Nullable Object>) called).run(with);
    }

    /**
     * callout_setfunc: what is called from now on. A call that has begun keeps what it has.
     *
     * @param func what it calls
     * @param arg given to the function, may be null
     * @param <A> the type of the argument
     * @throws ErrnoException EINVAL if the function is null or the callout is destroyed
     */
    public final <A extends @Nullable Object> void setfunc(Function<? super A> func, A arg) {
        Argument.requireNonNull(func, "callout_setfunc", "func");
        int found = setTimer(func, arg);
        if (found < 0) {
            throw refused("callout_setfunc", found);
        }
    }

    /**
     * callout_reset: sets function and argument and starts the callout; one that is pending is moved to the new time.
     *
     * @param ticks for how long not to call it; 0 for the next opportunity, never inside this call
     * @param func what it calls
     * @param arg given to the function, may be null
     * @param <A> the type of the argument
     * @throws ErrnoException EINVAL if ticks is negative, the function is null or the callout is destroyed; ESHUTDOWN if
     *     the kernel is closed
     */
    public final <A extends @Nullable Object> void reset(int ticks, Function<? super A> func, A arg) {
        Argument.requireNonNull(func, "callout_reset", "func");
        armed("callout_reset", armTimer(moment("callout_reset", ticks), func, arg));
    }

    /**
     * {@link #reset(int, Function, Object)} for a time that is not in ticks.
     *
     * @param after for how long not to call it, not negative; more than 292 years means never
     * @param func what it calls
     * @param arg given to the function, may be null
     * @param <A> the type of the argument
     * @throws ErrnoException as {@link #reset(int, Function, Object)}
     */
    public final <A extends @Nullable Object> void reset(Duration after, Function<? super A> func, A arg) {
        Argument.requireNonNull(func, "callout_reset", "func");
        armed("callout_reset", armTimer(moment("callout_reset", after), func, arg));
    }

    /**
     * callout_schedule: starts the callout with the function and argument that it has; one that is pending is moved to
     * the new time.
     *
     * @param ticks for how long not to call it; 0 for the next opportunity, never inside this call
     * @throws ErrnoException EINVAL if ticks is negative, or the callout has no function or is destroyed; ESHUTDOWN if
     *     the kernel is closed
     */
    public final void schedule(int ticks) {
        armed("callout_schedule", armTimer(moment("callout_schedule", ticks)));
    }

    /**
     * {@link #schedule(int)} for a time that is not in ticks.
     *
     * @param after for how long not to call it, not negative; more than 292 years means never
     * @throws ErrnoException as {@link #schedule(int)}
     */
    public final void schedule(Duration after) {
        armed("callout_schedule", armTimer(moment("callout_schedule", after)));
    }

    /**
     * {@link #schedule(int)} for a moment.
     *
     * @param nanoTime when to call it, as {@link System#nanoTime()} counts; a moment that is over means the next
     *     opportunity
     * @throws ErrnoException as {@link #schedule(int)}
     */
    public final void scheduleAt(long nanoTime) {
        armed("callout_schedule", armTimer(nanoTime));
    }

    /**
     * Schedules the callout a period after the moment for which it was scheduled last, however late the call is. If that
     * is over already, as after a stop of the process, it is scheduled for the first moment to come that is a whole
     * number of periods after.
     *
     * @param period at least a nanosecond
     * @return how many periods were missed and are left out
     * @throws ErrnoException EINVAL if the period is null, zero or negative, or the callout was never scheduled or is
     *     destroyed; ESHUTDOWN if the kernel is closed
     */
    public final long scheduleNext(Duration period) {
        long nanos = Time.nanos(Argument.requireTime(period, "callout_schedule", "period"));
        if (nanos == 0) {
            throw new ErrnoException(
                    Errno.EINVAL, "callout_schedule of " + this + " for the next period, and a period is zero");
        }
        if ((timerState() & (ARMED_BEFORE | DESTROYED)) == 0) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    "callout_schedule of " + this
                            + " for the next period, and there was none before: schedule it first");
        }
        long missed = armTimerNext(nanos, Time.now());
        if (missed < 0) {
            throw refused("callout_schedule", (int) missed);
        }
        return missed;
    }

    /**
     * callout_stop: the function will not be called, unless it is scheduled again. It may be running when this returns.
     *
     * @return true if the callout had EXPIRED
     * @throws ErrnoException EINVAL if the callout is destroyed
     */
    public final boolean stop() {
        int found = cancelTimer();
        if (found < 0) {
            throw refused("callout_stop", found);
        }
        return (found & FIRED) != 0;
    }

    /**
     * callout_halt: {@link #stop}s the callout, and waits while its function runs, with the kernel lock dropped. If the
     * function schedules the callout meanwhile, that is stopped too. In the callout's own function this does not wait.
     *
     * <p>A function that waits for a lock of the caller would never end. Pass this lock as the interlock: it is released
     * while the caller waits. What the caller has checked under it may have changed.
     *
     * @param interlock held by the caller, a {@link org.percpu.ipl.Mutex} or a {@code ReentrantLock} held once; or null
     * @return true if the callout had EXPIRED or its function ran
     * @throws ErrnoException EINVAL if the callout is destroyed; EPERM if the caller must not sleep, as in an interrupt
     *     handler or in a function of another CPU's clock; nothing is stopped then
     * @throws IllegalMonitorStateException if the interlock is not held; nothing is stopped then
     */
    public final boolean halt(@Nullable Lock interlock) {
        int found = halted(interlock, Deadline.after(KernelQueue.FOREVER));
        return (found & (FIRED | RUNNING)) != 0;
    }

    /**
     * {@link #halt(Lock)} within a time.
     *
     * @param interlock as there
     * @param atMost how long to wait for the function; zero only looks
     * @return false if the function still ran when the time was over; the callout is stopped in either case
     * @throws ErrnoException as {@link #halt(Lock)}, and EINVAL for a time that is null or negative
     */
    public final boolean halt(@Nullable Lock interlock, Duration atMost) {
        return halted(interlock, Deadline.after(Argument.requireTime(atMost, "callout_halt", "atMost"))) != BUSY;
    }

    private int halted(@Nullable Lock interlock, Deadline deadline) {
        requireMayAwait(WMESG, interlock);
        int found = awaitTimer(true, interlock, WMESG, deadline);
        if (found == GONE) {
            throw refused("callout_halt", found);
        }
        return found;
    }

    /**
     * callout_pending: whether it is scheduled and its function is not called yet.
     *
     * @return may be stale on return
     * @throws ErrnoException EINVAL if the callout is destroyed
     */
    public final boolean pending() {
        return has("callout_pending", PENDING);
    }

    /**
     * callout_expired: whether its time has come since it was scheduled or stopped last.
     *
     * @return may be stale on return
     * @throws ErrnoException EINVAL if the callout is destroyed
     */
    public final boolean expired() {
        return has("callout_expired", FIRED);
    }

    /**
     * callout_active: whether it is {@link #pending} or {@link #expired}.
     *
     * @return may be stale on return
     * @throws ErrnoException EINVAL if the callout is destroyed
     */
    public final boolean active() {
        return has("callout_active", PENDING | FIRED);
    }

    /**
     * callout_invoking: whether its function was called, or is about to be, and has not {@linkplain #ack acknowledged}
     * it.
     *
     * @return may be stale on return
     * @throws ErrnoException EINVAL if the callout is destroyed
     */
    public final boolean invoking() {
        return has("callout_invoking", INVOKING);
    }

    /**
     * callout_ack: for the function: clears INVOKING.
     *
     * @throws ErrnoException EINVAL if the callout is destroyed
     */
    public final void ack() {
        int found = acknowledgeTimer();
        if (found < 0) {
            throw refused("callout_ack", found);
        }
    }

    /**
     * callout_destroy: ends the use of a callout that was {@linkplain #halt halted}.
     *
     * @throws ErrnoException EBUSY if it is pending or its function runs, EINVAL if it is destroyed already
     */
    public final void destroy() {
        int found = destroyTimer();
        if (found == BUSY) {
            throw new ErrnoException(
                    Errno.EBUSY, "callout_destroy of " + this + ", which is pending or running: callout_halt it first");
        }
        if (found < 0) {
            throw refused("callout_destroy", found);
        }
    }

    /**
     * callout_bind: fixes the CPU, now and for good. A later addition of NetBSD.
     *
     * @param ci a CPU of the kernel
     * @throws ErrnoException EINVAL if the kernel does not have the CPU or the callout is destroyed; EBUSY if it is
     *     pending or running on another CPU
     */
    public final void bind(Cpu ci) {
        Argument.requireNonNull(ci, "callout_bind", "ci");
        Clock target = timerClock().sibling(ci);
        if (target == null) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    "callout_bind of " + this + " names " + ci + ", which kernel " + kernelName() + " does not have");
        }
        int found = bindTimer(target);
        if (found == BUSY) {
            throw new ErrnoException(
                    Errno.EBUSY,
                    "callout_bind of " + this + ", which is pending or running on "
                            + timerClock().cpu() + ": callout_halt it first");
        }
        if (found < 0) {
            throw refused("callout_bind", found);
        }
    }

    /**
     * The CPU on which it runs.
     *
     * @return that of the caller, if the callout was neither scheduled nor bound yet
     */
    public final Cpu cpu() {
        return timerClock().cpu();
    }

    private boolean has(String call, int bits) {
        int found = timerState();
        if ((found & DESTROYED) != 0) {
            throw refused(call, GONE);
        }
        return (found & bits) != 0;
    }

    private long moment(String call, int ticks) {
        if (ticks < 0) {
            throw new ErrnoException(
                    Errno.EINVAL, call + " of " + this + " in " + ticks + " ticks: must not be negative");
        }
        return afterTicks(ticks);
    }

    private static long moment(String call, Duration after) {
        return Time.after(Time.nanos(Argument.requireTime(after, call, "after")));
    }

    private void armed(String call, int found) {
        if (found < 0) {
            throw refused(call, found);
        }
    }

    private ErrnoException refused(String call, int refusal) {
        return switch (refusal) {
            case CLOSED ->
                new ErrnoException(Errno.ESHUTDOWN, call + " of " + this + ": kernel " + kernelName() + " is closed");
            case UNSET ->
                new ErrnoException(
                        Errno.EINVAL,
                        call + " of " + this + ", which has no function: callout_setfunc or callout_reset it");
            default ->
                new ErrnoException(Errno.EINVAL, call + " of " + this + ", which is destroyed: make another callout");
        };
    }

    /** For messages: the name of the class, or of the function's. */
    @Override
    public String toString() {
        return Names.of("callout", timerFunction(), this, Callout.class);
    }
}
