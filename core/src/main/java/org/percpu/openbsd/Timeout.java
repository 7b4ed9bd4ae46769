// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.openbsd;

import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.clock.Clocks;
import org.percpu.clock.Time;
import org.percpu.clock.Timer;
import org.percpu.cpu.Cpu;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.Deadline;
import org.percpu.queue.Args;
import org.percpu.queue.Names;

/**
 * {@code struct timeout} of timeout(9): calls a function after a time, at softclock level or in a thread.
 *
 * <pre>{@code
 * Timeout idle = new Timeout(kernel);
 * idle.set(connection -> connection.closeIdle(), this);
 * idle.addSec(60);        // at every byte: the old time is replaced
 * idle.delBarrier();      // behind it the function neither runs nor will run
 * }</pre>
 *
 * <p>The object belongs to the caller; extend the class to put your own data beside it. The first timeout of a kernel
 * makes a thread for each of its CPUs ("clock/0"), pinned and FIFO at the priority of softclock. A timeout goes to the
 * CPU on which it is first added and stays there.
 *
 * <p>A time is kept in nanoseconds of CLOCK_MONOTONIC and is never shortened: the function is called at that time or
 * later. A tick is 1/{@link Kernel#hz} of a second.
 *
 * <p><b>The function</b> runs as a soft interrupt with the kernel lock held, and must not sleep: calls of this library
 * that sleep are EPERM. All timeouts of the CPU wait while another thread has that lock. With {@link #TIMEOUT_PROC} the
 * function runs in a thread of the kernel ("softclock") and may sleep. With {@link #TIMEOUT_MPSAFE} as well, it runs in
 * another thread ("softclockmp") without the kernel lock. A function never overlaps itself. It may add its own timeout.
 *
 * <p><b>The end of the kernel.</b> From the beginning of a shutdown nothing can be added (ESHUTDOWN). Timeouts whose
 * time comes within the time of the shutdown still run; those with {@link #TIMEOUT_PROC} and the others are reported as
 * dropped. So {@code Kernel.close} waits for pending timeouts: delete what need not run.
 *
 * <p><b>Threading.</b> {@link #barrier} and {@link #delBarrier} need a caller that may sleep. All other methods may be
 * called from any thread at any level, and in interrupt handlers; those that add and delete never block and allocate
 * nothing.
 *
 * <h2>Deviations</h2>
 *
 * <ul>
 *   <li>A timeout knows its kernel from the beginning.
 *   <li>What the page forbids is an error that changes nothing: a timeout that was never set, and negative times, are
 *       EINVAL; a set while it is scheduled is EBUSY. TIMEOUT_MPSAFE without TIMEOUT_PROC is EINVAL.
 *   <li>Times are not rounded to ticks. {@code add(0)} means the next opportunity.
 *   <li>{@link #delBarrier} waits for the function even if it has deleted the timeout.
 *   <li>{@link #barrier} waits for this timeout's function, not for all that run. With TIMEOUT_PROC it waits for
 *       everything that is queued for the thread, as there.
 *   <li>{@link #add(Duration)} and {@link #cpu} are additions. timeout_add_bt is not here: Java has no such type.
 *   <li>C code cannot add or delete a timeout in a signal handler, because the handler may interrupt a thread that holds
 *       the lock of the clock. It posts a task or triggers an interrupt line instead.
 * </ul>
 *
 * @see <a href="https://man.openbsd.org/timeout.9">timeout(9)</a>
 */
public class Timeout extends Timer {
    /** The function runs in a thread and may sleep. */
    public static final int TIMEOUT_PROC = 0x01;
    /** The function runs without the kernel lock; only with {@link #TIMEOUT_PROC}. */
    public static final int TIMEOUT_MPSAFE = 0x10;

    private static final int ALL_FLAGS = TIMEOUT_PROC | TIMEOUT_MPSAFE;
    private static final long SECOND = 1_000_000_000L;
    private static final String WMESG = "tmobar";

    /**
     * The function of a timeout.
     *
     * @param <A> the type of its argument
     */
    @FunctionalInterface
    public interface Function<A extends @Nullable Object> {
        /**
         * Runs when the time is over.
         *
         * @param arg as given to {@link Timeout#set}
         * @throws Exception reported to the kernel's fault handler
         */
        void run(A arg) throws Exception;
    }

    /** What the clock does with a timeout that needs a thread. */
    private static final class Proc {
        final Taskq queue;
        final Task task;
        final Object function;

        Proc(Taskq queue, Task task, Object function) {
            this.queue = queue;
            this.task = task;
            this.function = function;
        }
    }

    private final Kernel kernel;

    /** Null unless the function runs in a thread. */
    private volatile @Nullable Proc proc;

    /** How many threads are in {@link #delBarrier}. What the function adds meanwhile is deleted when it ends. */
    private volatile int deleting; // changed under this

    /**
     * A timeout that must be {@linkplain #set set} before it can be added.
     *
     * @param kernel on whose CPUs it runs
     * @throws ErrnoException EINVAL (null kernel), EAGAIN (no more threads), ESHUTDOWN (the kernel is closed), EPERM (it
     *     is the first of the kernel and the caller must not sleep)
     * @throws org.percpu.bindings.spi.LinuxException if a thread cannot be pinned or scheduled as the kernel's policies
     *     require
     */
    public Timeout(Kernel kernel) {
        super(Clocks.of(Argument.requireNonNull(kernel, "timeout_set", "kernel")), false);
        this.kernel = kernel;
        Names.ready();
    }

    /**
     * TIMEOUT_INITIALIZER: a timeout that is ready to be added (OTO-1).
     *
     * @param kernel on whose CPUs it runs
     * @param fn what it calls
     * @param arg given to the function, may be null
     * @param <A> the type of the argument
     * @return the timeout
     * @throws ErrnoException as {@link #Timeout(Kernel)} and {@link #set}
     */
    public static <A extends @Nullable Object> Timeout initializer(Kernel kernel, Function<? super A> fn, A arg) {
        return initializerFlags(kernel, fn, arg, 0);
    }

    /**
     * TIMEOUT_INITIALIZER_FLAGS.
     *
     * @param kernel on whose CPUs it runs
     * @param fn what it calls
     * @param arg given to the function, may be null
     * @param flags as for {@link #setFlags}
     * @param <A> the type of the argument
     * @return the timeout
     * @throws ErrnoException as {@link #Timeout(Kernel)} and {@link #setFlags}
     */
    public static <A extends @Nullable Object> Timeout initializerFlags(
            Kernel kernel, Function<? super A> fn, A arg, int flags) {
        Timeout timeout = new Timeout(kernel);
        timeout.setFlags(fn, arg, flags);
        return timeout;
    }

    /**
     * timeout_set: what the timeout calls from now on, at softclock level with the kernel lock held. A call that has
     * begun keeps what it has.
     *
     * @param fn what it calls
     * @param arg given to the function, may be null
     * @param <A> the type of the argument
     * @throws ErrnoException EINVAL if the function is null, EBUSY if the timeout is scheduled
     */
    public final <A extends @Nullable Object> void set(Function<? super A> fn, A arg) {
        setFlags(fn, arg, 0);
    }

    /**
     * timeout_set_proc: as {@link #setFlags} with {@link #TIMEOUT_PROC}.
     *
     * @param fn what it calls
     * @param arg given to the function, may be null
     * @param <A> the type of the argument
     * @throws ErrnoException as {@link #setFlags}
     */
    public final <A extends @Nullable Object> void setProc(Function<? super A> fn, A arg) {
        setFlags(fn, arg, TIMEOUT_PROC);
    }

    /**
     * timeout_set_flags: what the timeout calls from now on, and where.
     *
     * @param fn what it calls
     * @param arg given to the function, may be null
     * @param flags 0, {@link #TIMEOUT_PROC}, or that with {@link #TIMEOUT_MPSAFE}
     * @param <A> the type of the argument
     * @throws ErrnoException EINVAL if the function is null or the flags are unknown, EBUSY if the timeout is scheduled,
     *     EAGAIN or ENOMEM if there is no thread for it, ESHUTDOWN if it needs one and the kernel is closed
     */
    public final <A extends @Nullable Object> void setFlags(Function<? super A> fn, A arg, int flags) {
        Argument.requireNonNull(fn, "timeout_set", "fn");
        Args.flags(flags, ALL_FLAGS, "timeout_set");
        boolean threaded = (flags & TIMEOUT_PROC) != 0;
        if (flags == TIMEOUT_MPSAFE) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    "timeout_set of " + this + " with TIMEOUT_MPSAFE alone: add TIMEOUT_PROC, or leave it out");
        }
        Proc before = proc;
        boolean queued = before != null && before.task.pending();
        Proc next = threaded && !queued ? proc(fn, arg, (flags & TIMEOUT_MPSAFE) != 0) : null;
        if (queued || setTimerUnlessPending(next != null ? next : fn, arg, threaded) == BUSY) {
            throw new ErrnoException(
                    Errno.EBUSY, "timeout_set of " + this + ", which is scheduled: timeout_del it first");
        }
        proc = next;
    }

    private <A extends @Nullable Object> Proc proc(Function<? super A> fn, A arg, boolean mpsafe) {
        Task.Function<A> runs = with -> {
            try {
                fn.run(with);
            } finally {
                if (deleting > 0) {
                    boolean unused = del();
                }
            }
        };
        return new Proc(Taskq.softclock(kernel, mpsafe), Task.initializer(runs, arg), fn);
    }

    @Override
    @SuppressWarnings("unchecked") // the argument goes nowhere but to its function
    protected final void callTimer(Object called, @Nullable Object with) throws Exception {
        if (!(called instanceof Proc to)) {
            ((Function<@Nullable Object>) called).run(with);
            return;
        }
        try {
            // If it is queued already, for an add before this one, that run is enough.
            boolean unused = to.queue.add(to.task);
        } catch (ErrnoException e) {
            if (e.errno() != Errno.ESHUTDOWN) {
                throw e;
            }
            reportDropped();
        }
    }

    /**
     * timeout_add: schedules the timeout; if it is scheduled already, its old time is replaced (OTO-2).
     *
     * @param ticks for how long not to call it; 0 for the next opportunity, never inside this call
     * @return true if it was not scheduled
     * @throws ErrnoException EINVAL if ticks is negative or the timeout was never set, ESHUTDOWN if the kernel is closed
     */
    public final boolean add(int ticks) {
        requireTime("timeout_add", ticks, "ticks");
        return addAt("timeout_add", afterTicks(ticks));
    }

    /**
     * {@link #add(int)} for a time that is not in ticks.
     *
     * @param after for how long not to call it, not negative; more than 292 years means never
     * @return true if it was not scheduled
     * @throws ErrnoException as {@link #add(int)}
     */
    public final boolean add(Duration after) {
        return addAt("timeout_add", Time.after(Time.nanos(Argument.requireTime(after, "timeout_add", "after"))));
    }

    /**
     * timeout_add_sec.
     *
     * @param secs for how long not to call it
     * @return true if it was not scheduled
     * @throws ErrnoException as {@link #add(int)}
     */
    public final boolean addSec(int secs) {
        requireTime("timeout_add_sec", secs, "seconds");
        return addAt("timeout_add_sec", Time.after(secs * SECOND));
    }

    /**
     * timeout_add_msec.
     *
     * @param msecs for how long not to call it
     * @return true if it was not scheduled
     * @throws ErrnoException as {@link #add(int)}
     */
    public final boolean addMsec(int msecs) {
        requireTime("timeout_add_msec", msecs, "milliseconds");
        return addAt("timeout_add_msec", Time.after(msecs * 1_000_000L));
    }

    /**
     * timeout_add_usec.
     *
     * @param usecs for how long not to call it
     * @return true if it was not scheduled
     * @throws ErrnoException as {@link #add(int)}
     */
    public final boolean addUsec(int usecs) {
        requireTime("timeout_add_usec", usecs, "microseconds");
        return addAt("timeout_add_usec", Time.after(usecs * 1_000L));
    }

    /**
     * timeout_add_nsec.
     *
     * @param nsecs for how long not to call it
     * @return true if it was not scheduled
     * @throws ErrnoException as {@link #add(int)}
     */
    public final boolean addNsec(long nsecs) {
        requireTime("timeout_add_nsec", nsecs, "nanoseconds");
        return addAt("timeout_add_nsec", Time.after(nsecs));
    }

    /**
     * timeout_add_tv.
     *
     * @param sec seconds of the time for which not to call it; more than 292 years mean never
     * @param usec microseconds beside them, 0 to 999999
     * @return true if it was not scheduled
     * @throws ErrnoException as {@link #add(int)}, and EINVAL if usec is out of range
     */
    public final boolean addTv(long sec, long usec) {
        requireTime("timeout_add_tv", sec, "seconds");
        requirePart("timeout_add_tv", usec, 1_000_000, "microseconds");
        return addAt("timeout_add_tv", Time.after(nanos(sec, usec * 1_000)));
    }

    /**
     * timeout_add_ts.
     *
     * @param sec seconds of the time for which not to call it; more than 292 years mean never
     * @param nsec nanoseconds beside them, 0 to 999999999
     * @return true if it was not scheduled
     * @throws ErrnoException as {@link #add(int)}, and EINVAL if nsec is out of range
     */
    public final boolean addTs(long sec, long nsec) {
        requireTime("timeout_add_ts", sec, "seconds");
        requirePart("timeout_add_ts", nsec, SECOND, "nanoseconds");
        return addAt("timeout_add_ts", Time.after(nanos(sec, nsec)));
    }

    /**
     * timeout_abs_ts: schedules the timeout for a moment of CLOCK_MONOTONIC, in nanoseconds as
     * {@link System#nanoTime()} counts them.
     *
     * @param sec seconds of that moment; one that is over means the next opportunity
     * @param nsec nanoseconds beside them, 0 to 999999999
     * @return true if it was not scheduled
     * @throws ErrnoException as {@link #add(int)}, and EINVAL if nsec is out of range
     */
    public final boolean absTs(long sec, long nsec) {
        requirePart("timeout_abs_ts", nsec, SECOND, "nanoseconds");
        return addAt("timeout_abs_ts", sec < 0 ? 0 : nanos(sec, nsec));
    }

    private boolean addAt(String call, long moment) {
        Proc mine = proc;
        boolean queued = mine != null && mine.queue.del(mine.task);
        int found = armTimer(moment);
        if (found == UNSET) {
            throw new ErrnoException(Errno.EINVAL, call + " of " + this + ": timeout_set it first");
        }
        if (found < 0) {
            throw new ErrnoException(Errno.ESHUTDOWN, call + " of " + this + ": kernel " + kernelName() + " is closed");
        }
        return !queued && (found & PENDING) == 0;
    }

    /**
     * timeout_del: takes the timeout off the schedule. It does not wait for a call that has begun.
     *
     * @return true if it was scheduled, and now its function will not be called for that add
     */
    public final boolean del() {
        Proc mine = proc;
        int found = cancelTimer();
        boolean queued = mine != null && mine.queue.del(mine.task);
        return queued || (found & PENDING) != 0;
    }

    /**
     * timeout_del_barrier: as {@link #del}, and waits while the function runs, with the kernel lock dropped. If the
     * function adds the timeout meanwhile, that is deleted too. In the timeout's own function this does not wait.
     *
     * @return true if it was scheduled
     * @throws ErrnoException EPERM if the caller must not sleep; nothing is deleted then
     */
    public final boolean delBarrier() {
        requireMayAwait(WMESG, null);
        boolean deleted = del();
        int unused = awaitTimer(true, null, WMESG, Deadline.after(Deadline.FOREVER));
        Proc mine = proc;
        return mine == null ? deleted : delBarrier(mine, deleted);
    }

    private boolean delBarrier(Proc mine, boolean deletedBefore) {
        count(1);
        try {
            boolean deleted = mine.queue.delBarrier(mine.task) || deletedBefore;
            while (pending()) {
                // The clock was about to hand it over.
                boolean unused = del();
                int found = awaitTimer(true, null, WMESG, Deadline.after(Deadline.FOREVER));
                assert found != BUSY;
                deleted |= mine.queue.delBarrier(mine.task);
            }
            return deleted;
        } finally {
            count(-1);
        }
    }

    private synchronized void count(int more) {
        deleting += more;
    }

    /**
     * timeout_barrier: waits while the function runs, with the kernel lock dropped. In the timeout's own function this
     * does not wait.
     *
     * @throws ErrnoException EPERM if the caller must not sleep
     */
    public final void barrier() {
        requireMayAwait(WMESG, null);
        int unused = awaitTimer(false, null, WMESG, Deadline.after(Deadline.FOREVER));
        Proc mine = proc;
        if (mine != null) {
            mine.queue.barrier();
        }
    }

    /**
     * timeout_pending: whether it is scheduled and its function is not called yet.
     *
     * @return may be stale on return
     */
    public final boolean pending() {
        return (timerState() & PENDING) != 0 || isQueued();
    }

    /**
     * timeout_triggered: whether its function runs or has run since it was added or deleted last.
     *
     * @return may be stale on return
     */
    public final boolean triggered() {
        return (timerState() & FIRED) != 0 && !isQueued();
    }

    /**
     * timeout_initialized: whether it was set.
     *
     * @return true from the first {@link #set} on
     */
    public final boolean initialized() {
        return timerFunction() != null;
    }

    /**
     * The CPU on which it runs, or on which its time is kept, if it runs in a thread.
     *
     * @return that of the caller, if the timeout was not added yet
     */
    public final Cpu cpu() {
        return timerClock().cpu();
    }

    private boolean isQueued() {
        Proc mine = proc;
        return mine != null && mine.task.pending();
    }

    private void requireTime(String call, long time, String unit) {
        if (time < 0) {
            throw new ErrnoException(
                    Errno.EINVAL, call + " of " + this + " in " + time + ' ' + unit + ": must not be negative");
        }
    }

    private void requirePart(String call, long part, long limit, String unit) {
        if (part < 0 || part >= limit) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    call + " of " + this + " with " + part + ' ' + unit + ": must be 0 to " + (limit - 1));
        }
    }

    private static long nanos(long sec, long nsec) {
        return sec >= Time.NEVER / SECOND ? Time.NEVER : sec * SECOND + nsec;
    }

    /** For messages: the name of the class, or of the function's. */
    @Override
    public String toString() {
        Object function = timerFunction();
        return Names.of("timeout", function instanceof Proc mine ? mine.function : function, this, Timeout.class);
    }
}
