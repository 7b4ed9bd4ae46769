// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;

/**
 * An interrupt: a source that, when it is triggered, has a handler run on one thread, its receiver, when that is below the line's level;
 * or that posts a {@link NativeWork} with no Java code in between.
 *
 * <pre>{@code
 * Spl receiver = kernel.interrupts(cpu);          // a thread that does nothing else, pinned there
 * InterruptLine line = InterruptLine.establish(receiver, "rx", Ipl.VM, value -> ring.take(value));
 * line.trigger(7);                                // from Java, any thread
 * int signal = line.signal();                     // from elsewhere: sigqueue(pid, signal, value)
 * line.timer(0, 1_000_000, 0);                    // every millisecond
 * line.watch(fd);                                 // whenever a file is ready; the value is the file descriptor
 * }</pre>
 *
 * <p>Values of one sender arrive in the order in which it sent them: those of {@link #trigger(long)}, of {@code percpu_trigger}, of the line's
 * timer, and of signals that are directed to the receiver's thread. Signals that are directed to the process, as by sigqueue(3), arrive all, but
 * in no promised order: two of them may be taken by two threads, and the second thread may be faster. A sender that needs order numbers
 * its values.
 *
 * <p>{@value #MAX_VALUES} values are kept for each line; what comes by signal beyond that waits in the kernel's queue. At the
 * limit of that (RLIMIT_SIGPENDING) sigqueue(3) refuses with EAGAIN: what a sender was not refused arrives. Only kill(2) is never refused:
 * at the limit its signals become one.
 * {@link #trigger()} without a value is one bit: requests that come before the handler runs are one (R5).
 *
 * <p>The handler runs at the line's level in interrupt state, where sleeping calls refuse; it may enqueue works whose queue's level is
 * not below. All methods may be called from any thread, also from handlers, except {@link #close} and {@link #watch}, which may block for
 * a moment.
 */
public final class InterruptLine implements AutoCloseable {
    /** Values that wait at most in this process. */
    public static final int MAX_VALUES = Memory.VALUES;

    /** Owns a thread id and a type. */
    private static final int F_OWNER_BYTES = 8;

    /** The function of an interrupt. */
    @FunctionalInterface
    public interface Handler {
        /**
         * Services the interrupt. Must not sleep.
         *
         * @param value as triggered; 0 for {@link InterruptLine#trigger()}; the file descriptor for {@link InterruptLine#watch}
         * @throws Exception reported to {@link Spl#onFault}
         */
        void interrupt(long value) throws Exception;
    }

    private final Spl receiver;
    private final Support support;
    private final String name;
    private final Ipl ipl;
    private final @Nullable Handler handler;
    private final @Nullable NativeWork work;
    private final Port port;
    private final long handle;

    // Written by the receiver alone.
    private volatile long handled;

    /** An error may have kept the receiver from hearing of a trigger. */
    private volatile boolean untold;

    // The receiver's own: its handler may close the line.
    private boolean running;
    // What it has taken, until the handler is called.
    private boolean marked;
    private long position = -1;
    private boolean holds;
    private long held;

    private long overrunsBefore; // of all calls of the handler
    private long overruns; // since the call before

    // Guarded by this.
    private int signal;
    private long timer = -1;
    private int fd = -1;
    private @Nullable State last; // before the port went to the next owner

    /** Written under this. Then the port may be another's, unless the reader was {@linkplain Port#enter inside} before. */
    private volatile boolean closed;

    private InterruptLine(Spl receiver, String name, Ipl ipl, @Nullable Handler handler, @Nullable NativeWork work) {
        if (ipl == Ipl.NONE) {
            throw new IllegalArgumentException(
                    "interrupt " + name + " at NONE: nothing would ever mask it; choose SOFTCLOCK to IPI");
        }
        this.receiver = receiver;
        this.support = receiver.support();
        this.name = name;
        this.ipl = ipl;
        this.handler = handler;
        this.work = work;
        requireReceiver("establish");
        long bound = work == null ? 0 : requireUsable(work);
        this.port = Ports.take(support, name);
        port.setLong(Memory.PORT_RECEIVER, receiver.address());
        port.setLong(Memory.PORT_RANK, ipl.rank());
        if (work != null) {
            port.setLong(Memory.PORT_BOUND, bound);
            work.boundAt(receiver);
        }
        receiver.add(this);
        handle = port.open(null);
    }

    /**
     * Makes a line with a handler in Java.
     *
     * @param receiver the thread on which the handler runs
     * @param name for messages
     * @param ipl level of the handler, {@link Ipl#SOFTCLOCK} to {@link Ipl#IPI}
     * @param handler called for each value
     * @return the line, which can be triggered
     * @throws IllegalArgumentException if the level is NONE
     * @throws LinuxException ESRCH if the receiver has ended, EAGAIN if there are 4096 lines and natively posted works
     */
    public static InterruptLine establish(Spl receiver, String name, Ipl ipl, Handler handler) {
        Argument.requireNonNull(receiver, "establish", "receiver");
        Argument.requireNonNull(name, "establish", "name");
        Argument.requireNonNull(ipl, "establish", "ipl");
        Argument.requireNonNull(handler, "establish", "handler");
        return new InterruptLine(receiver, name, ipl, handler, null);
    }

    /**
     * Makes a line that posts a work. The receiver's thread is where signals are directed to; it runs no Java code for them.
     *
     * @param receiver the thread whose level masks the line's signal
     * @param name for messages
     * @param ipl level of the line, {@link Ipl#SOFTCLOCK} to that of the work's queue
     * @param work gets every value; its callback {@linkplain NativeWork#drain drains} them, or they are let go behind it
     * @return the line, which can be triggered
     * @throws IllegalArgumentException if the level is NONE
     * @throws LinuxException ESRCH if the receiver has ended, EAGAIN if there are 4096 lines and natively posted works, EPERM if the level is
     *     above that of the work's queue (U11), EINVAL if the work is closed
     */
    public static InterruptLine establish(Spl receiver, String name, Ipl ipl, NativeWork work) {
        Argument.requireNonNull(receiver, "establish", "receiver");
        Argument.requireNonNull(name, "establish", "name");
        Argument.requireNonNull(ipl, "establish", "ipl");
        Argument.requireNonNull(work, "establish", "work");
        return new InterruptLine(receiver, name, ipl, null, work);
    }

    private void requireReceiver(String call) {
        if (!receiver.isAlive()) {
            throw support.failed(
                    call + "(\"" + name + "\")",
                    -Errno.ESRCH.number(),
                    "its receiver " + receiver.owner().getName() + " has ended: establish the line on a living thread");
        }
    }

    /** The handle of a work that is open, and whose queue may be used at the line's level (U11). */
    private long requireUsable(NativeWork bound) {
        String call = "establish(\"" + name + "\")";
        Ipl most = bound.ipl();
        if (ipl.compareTo(most) > 0) {
            throw support.failed(
                    call,
                    -Errno.EPERM.number(),
                    "the line is at " + ipl + ", above the level " + most + " of the queue of " + bound
                            + ": create the queue with " + ipl + ", or establish the line at " + most + " or below");
        }
        long open = bound.handle();
        if (open == 0) {
            throw support.failed(call, -Errno.EINVAL.number(), bound + " is closed: bind the line to another work");
        }
        return open;
    }

    private void requireOpen(String call) {
        if (closed) {
            throw support.failed(call + "(\"" + name + "\")", -Errno.EINVAL.number(), "the line is closed");
        }
    }

    /**
     * Requests one run of the handler with value 0, or of the work with value 0 unless that is pending. Allocates nothing and never waits.
     *
     * @return false if a request without value waits already, or the work is pending: the run to come is for both
     * @throws LinuxException EINVAL if the line or its work is closed, ESRCH if its receiver has ended, ESHUTDOWN if the queue of its work
     *     has
     */
    public boolean trigger() {
        requireReceiver("trigger");
        boolean first;
        try {
            port.enter();
            try {
                requireOpen("trigger");
                NativeWork bound = work;
                if (bound != null) {
                    int result = postUnlessPending(bound);
                    // The run that is asked for needs no room for its value.
                    return result == -Errno.EAGAIN.number() || requirePosted(result) == 0;
                }
                first = port.mark();
            } finally {
                try {
                    port.leave();
                } catch (Throwable once) {
                    // There was room for the call when it came in.
                    port.leave();
                }
            }
            if (first || untold) {
                receiver.notifyRank(ipl.rank());
            }
        } catch (Throwable t) {
            // Whoever finds it marked later must tell the receiver.
            untold = true;
            throw t;
        }
        return first;
    }

    /**
     * Requests one run of the handler for a value, behind those that wait. Allocates nothing and never waits.
     *
     * @param value given to the handler
     * @return false if {@value #MAX_VALUES} values wait, and this one was not taken
     * @throws LinuxException EINVAL if the line or its work is closed, ESRCH if its receiver has ended, ESHUTDOWN if the queue of its work
     *     has
     */
    public boolean trigger(long value) {
        requireReceiver("trigger");
        port.enter();
        try {
            requireOpen("trigger");
            NativeWork bound = work;
            if (bound != null) {
                int result = bound.post(value);
                return result != -Errno.EAGAIN.number() && requirePosted(result) >= 0;
            }
            if (!port.push(value)) {
                return false;
            }
        } finally {
            try {
                port.leave();
            } catch (Throwable once) {
                // There was room for the call when it came in.
                port.leave();
            }
        }
        receiver.notifyRank(ipl.rank());
        return true;
    }

    /** A marked work has its run still to come. While its port is entered, that is nobody else's. */
    private static int postUnlessPending(NativeWork bound) {
        Port target = bound.port();
        target.enter();
        try {
            return bound.handle() != 0 && target.isMarked() ? 1 : bound.post(0);
        } finally {
            try {
                target.leave();
            } catch (Throwable once) {
                // There was room for the call when it came in.
                target.leave();
            }
        }
    }

    private int requirePosted(int result) {
        if (result < 0) {
            throw support.failed("trigger(\"" + name + "\")", result, "the line is bound to " + work);
        }
        return result;
    }

    /**
     * The handle for {@code percpu_trigger} in C.
     *
     * @return a positive number that is never used again; 0 when closed
     */
    public long handle() {
        return closed ? 0 : handle;
    }

    /**
     * The address of {@code percpu_trigger}, for C code that cannot look it up: {@code long (*)(long handle, long value)}.
     *
     * @return an address that is valid as long as the process lives
     * @throws UnsupportedOperationException without libpercpu
     */
    public static long triggerFunction() {
        return Support.get().requireTopHalf("triggering from C").triggerFunction();
    }

    /**
     * The real-time signal by which other processes trigger this line: {@code sigqueue(pid, signal, value)}, kill(1), or anything else
     * that sends signals. The line gets it at the first call and keeps it.
     *
     * <p>The signal may be directed to the process. The kernel then hands it to some thread; if that is not the receiver, it passes the
     * value on and takes no more signals of this line. So values of such signals may arrive in another order than they were sent in. Signals to
     * the receiver's thread, by pthread_sigqueue(3) or rt_tgsigqueueinfo(2), keep it.
     *
     * <p>When the line is closed, the signal does again what it did before; by default, a real-time signal ends the process. So stop the
     * senders first. What is still pending then is thrown away and ends nothing.
     *
     * @return its number
     * @throws UnsupportedOperationException without libpercpu, or if the line is older than the library, which could not be loaded at first
     * @throws LinuxException EAGAIN if no signal is free; the message says who has them. EINVAL if the line is closed or of a soft
     *     level, which have no signals. ESRCH if the receiver has ended
     */
    public synchronized int signal() {
        requireOpen("signal");
        requireReceiver("signal");
        TopHalf half = support.requireTopHalf("a signal for interrupt " + name);
        if (signal == 0) {
            if (Signals.isSoft(ipl.rank())) {
                throw support.failed(
                        "signal(\"" + name + "\")",
                        -Errno.EINVAL.number(),
                        ipl
                                + " is a level of soft interrupts, which have no signals: establish the line at BIO or above");
            }
            if (!port.isKnownToLibrary()) {
                throw new UnsupportedOperationException(
                        "a signal for interrupt " + name
                                + " needs libpercpu.so, which was loaded after the line was established: close it and establish another");
            }
            int taken = support.signals.take(half, ipl.rank(), name);
            half.route(taken, handle);
            signal = taken;
            receiver.admit(1L << (taken - 1));
        }
        return signal;
    }

    /**
     * Triggers the line at a time, or again and again, from a POSIX timer on the monotonic clock.
     *
     * @param firstNanos nanoseconds to the first time, positive; 0 with an interval stands for the interval; 0 without one stops the timer
     * @param intervalNanos nanoseconds between times; 0 for once. Times that find the signal of the one before still waiting are
     *     missed, and counted: the handler has {@link #overruns()}, others have {@link State#overruns}
     * @param value given to the handler each time; it is fixed when the timer is made, at the first call
     * @throws IllegalArgumentException if a time is negative
     * @throws UnsupportedOperationException without libpercpu
     * @throws LinuxException as {@link #signal()}; EAGAIN also if RLIMIT_SIGPENDING allows no timer
     */
    public synchronized void timer(long firstNanos, long intervalNanos, long value) {
        if (firstNanos < 0 || intervalNanos < 0) {
            throw new IllegalArgumentException("timer of " + name + ": " + firstNanos + " ns, then every "
                    + intervalNanos + " ns: must not be negative");
        }
        requireOpen("timer");
        boolean stop = firstNanos == 0 && intervalNanos == 0;
        if (!stop) {
            requireReceiver("timer");
        }
        if (timer < 0) {
            if (stop) {
                return;
            }
            int tid = receiver.tid();
            timer = support.linux.timer_create(LinuxCalls.CLOCK_MONOTONIC, signal(), tid, value);
            if (timer < 0) {
                throw support.failed(
                        "timer_create(CLOCK_MONOTONIC, " + signal + ", " + tid + ")",
                        timer,
                        "each timer counts against RLIMIT_SIGPENDING (ulimit -i)");
            }
        }
        int result = support.linux.timer_settime(timer, firstNanos != 0 ? firstNanos : intervalNanos, intervalNanos);
        if (result < 0) {
            throw support.failed("timer_settime(" + firstNanos + ", " + intervalNanos + ")", result, null);
        }
    }

    /**
     * Triggers the line whenever a file becomes ready (F_SETSIG, F_SETOWN_EX, O_ASYNC): once for each change, with the file descriptor as
     * the value. Read it until it would block. If the kernel cannot queue a signal it says "any file may be ready" with SIGIO; the line
     * then is triggered as well.
     *
     * @param descriptor of a pipe, socket or terminal; it stays the caller's, who closes the line first
     * @throws UnsupportedOperationException without libpercpu
     * @throws IllegalStateException if another file is watched
     * @throws LinuxException as {@link #signal()}; EBADF; EINVAL if the file has no signals, as regular files, eventfds
     *     and timerfds; EBUSY if somebody else handles SIGIO
     */
    public synchronized void watch(int descriptor) {
        if (fd >= 0) {
            throw new IllegalStateException("interrupt " + name + " watches file " + fd + ": establish another line");
        }
        TopHalf half = support.requireTopHalf("watching a file");
        int number = signal();
        long installed = support.signals.takeSigio(half);
        if (installed != 0) {
            throw support.failed(
                    "sigaction(SIGIO)",
                    installed,
                    "the kernel sends it when a file's signal cannot be queued, and here "
                            + Holder.of(half.handler(Signals.SIGIO))
                            + " handles it: watch the file from a process where nobody does, or poll it");
        }
        boolean watched = false;
        try {
            arm(half, descriptor, number);
            watched = true;
        } finally {
            if (!watched) {
                support.signals.giveSigioBack(half);
            }
        }
        fd = descriptor;
    }

    private void arm(TopHalf half, int descriptor, int number) {
        LinuxCalls linux = support.linux;
        ByteBuffer owner = ByteBuffer.allocateDirect(F_OWNER_BYTES).order(ByteOrder.nativeOrder());
        owner.putInt(0, LinuxCalls.F_OWNER_TID).putInt(Integer.BYTES, receiver.tid());
        int flags = must(linux.fcntl(descriptor, LinuxCalls.F_GETFL, 0), "fcntl(" + descriptor + ", F_GETFL)");
        must(
                linux.fcntl(descriptor, LinuxCalls.F_SETOWN_EX, linux.address(owner)),
                "fcntl(" + descriptor + ", F_SETOWN_EX, " + receiver.tid() + ")");
        must(
                linux.fcntl(descriptor, LinuxCalls.F_SETSIG, number),
                "fcntl(" + descriptor + ", F_SETSIG, " + number + ")");
        half.watch(number, descriptor);
        int result = linux.fcntl(descriptor, LinuxCalls.F_SETFL, flags | LinuxCalls.O_ASYNC);
        if (result >= 0 && (linux.fcntl(descriptor, LinuxCalls.F_GETFL, 0) & LinuxCalls.O_ASYNC) == 0) {
            // A file that never has a signal: Linux says nothing of it, but does not set the flag.
            result = -Errno.EINVAL.number();
        }
        if (result < 0) {
            half.watch(number, -1);
        }
        must(result, "fcntl(" + descriptor + ", F_SETFL, O_ASYNC)");
    }

    private int must(int result, String call) {
        if (result < 0) {
            throw support.failed(
                    call, result, "is the file open, and of a kind that has signals (a pipe, socket or terminal)?");
        }
        return result;
    }

    /** Receiver, at the line's level. What an error has left undone is done in the next run. */
    int run() {
        int ran = 0;
        port.enter();
        running = true;
        try {
            if (untold) {
                untold = false;
            }
            if (!closed && (marked || port.unmark())) {
                marked = true;
                call(0, true);
                ran++;
            }
            while (holdsValue()) {
                call(held, false);
                ran++;
                ran += receiver.preempt();
            }
            if (ran > 0 && port.unspill()) {
                receiver.roomWasMade(Spl.ALL_SIGNALS);
            }
            return ran;
        } finally {
            running = false;
            try {
                port.leave();
            } catch (Throwable once) {
                // There was room for the call when it came in.
                port.leave();
            }
        }
    }

    /** Takes the next value, unless one has been taken that the handler was not called for; false if there is none. */
    private boolean holdsValue() {
        if (closed) {
            return false;
        }
        if (!holds) {
            if (position < 0) {
                position = port.claim();
            }
            if (position < 0) {
                return false;
            }
            held = port.take(position);
            position = -1;
            holds = true;
        }
        return true;
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    private void call(long value, boolean mark) {
        Handler called = handler;
        long all = port.getLong(Memory.PORT_OVERRUNS);
        overruns = all - overrunsBefore;
        overrunsBefore = all;
        // The status is of the thread that the handler interrupts: it is hidden from the handler and kept.
        boolean interrupted = called != null && Thread.interrupted();
        handled++;
        if (mark) {
            marked = false;
        } else {
            holds = false;
        }
        if (called == null) {
            return;
        }
        try {
            called.interrupt(value);
        } catch (Throwable t) {
            receiver.fault(this, t);
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /**
     * timer_getoverrun(2), for the handler: how many periods of the {@linkplain #timer timer} it has missed since it was called before. A period is
     * missed if its time comes while the signal of an earlier one is still waiting in the kernel, because the receiver's level masks it or
     * {@value #MAX_VALUES} values wait. Periods whose signal was taken are not missed, however late the handler is: each of those is a call.
     * So the number of calls and the sum of what they are told is the number of periods.
     *
     * <p>Meant for the handler of this line. The callback of a work to which a line is bound has {@link State#overruns}, which counts from
     * the beginning.
     *
     * @return 0 if none was missed, or the line has no timer
     */
    public long overruns() {
        return overruns;
    }

    int rank() {
        return ipl.rank();
    }

    /**
     * The line's level.
     *
     * @return as established
     */
    public Ipl ipl() {
        return ipl;
    }

    /**
     * The line's name.
     *
     * @return as established
     */
    public String name() {
        return name;
    }

    /**
     * What the line has seen.
     *
     * @param name as established
     * @param ipl its level
     * @param signal its signal, 0 if it has none
     * @param received values that came by signal
     * @param handled calls of the handler
     * @param overruns times of the timer that found the one before still waiting
     * @param spills how often the kernel was left to do the queueing because {@link InterruptLine#MAX_VALUES} was near
     * @param lost values that came by signal and found no place; 0 unless more than {@link InterruptLine#MAX_VALUES} other threads took a
     *     signal of the line while its receiver ran no handler, and the kernel, at the limit of RLIMIT_SIGPENDING, did not take them
     *     back; or unless the queue of the line's work has ended; and, once the line is closed, values and the request without one that its
     *     handler had not seen by then
     */
    public record State(
            String name, Ipl ipl, int signal, long received, long handled, long overruns, long spills, long lost) {}

    /**
     * What the line has seen.
     *
     * @return the counts now, or when it was closed
     */
    public synchronized State state() {
        return last != null ? last : stateOfPort();
    }

    private State stateOfPort() {
        return new State(
                name,
                ipl,
                signal,
                port.getLong(Memory.PORT_RECEIVED),
                handled,
                port.getLong(Memory.PORT_OVERRUNS),
                port.getLong(Memory.PORT_SPILLS),
                port.getLong(Memory.PORT_LOST));
    }

    /**
     * Takes the line down: timer and file are let go, the signal does again what it did before, values that wait are dropped. Those are
     * {@linkplain State#lost() lost}, which the log of {@link Spl} tells; who wants none to be stops the senders first and then has the receiver
     * {@link Spl#poll poll}. What the kernel still queues is dropped too and counted by nobody. A signal that comes later has nothing to do with
     * the line any more, see {@link #signal}. Closing twice is harmless.
     */
    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            if (timer >= 0) {
                int deleted = support.linux.timer_delete(timer);
                assert deleted == 0;
            }
            TopHalf half = support.topHalf();
            if (signal != 0 && half != null) {
                if (fd >= 0) {
                    // The file may be closed by now, and then asks for nothing any more.
                    int flags = support.linux.fcntl(fd, LinuxCalls.F_GETFL, 0);
                    if (flags >= 0) {
                        int result = support.linux.fcntl(fd, LinuxCalls.F_SETFL, flags & ~LinuxCalls.O_ASYNC);
                        assert result <= 0;
                    }
                    half.watch(signal, -1);
                    support.signals.giveSigioBack(half);
                }
                half.route(signal, 0);
            }
        }
        port.close(receiver.isCurrent() && running ? 1 : 0);
        long dropped = port.drop();
        receiver.remove(this);
        synchronized (this) {
            if (signal != 0) {
                long set = 1L << (signal - 1);
                receiver.dismiss(set);
                support.signals.giveBack(support.requireTopHalf("a signal"), signal);
                receiver.roomWasMade(set);
                signal = 0;
            }
            last = stateOfPort();
        }
        port.recycle();
        if (dropped > 0) {
            receiver.dropped(this, dropped);
        }
    }

    /** Name and level. */
    @Override
    public String toString() {
        return "interrupt " + name + " at " + ipl;
    }
}
