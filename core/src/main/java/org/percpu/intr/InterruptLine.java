// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.intr;

import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.dispatch.ClosedWorks;
import org.percpu.dispatch.Dispatcher;
import org.percpu.dispatch.Memory;
import org.percpu.dispatch.Port;
import org.percpu.dispatch.Ports;
import org.percpu.dispatch.PostedWork;
import org.percpu.dispatch.Support;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;

/**
 * An interrupt: a source that, when it is triggered, has a handler run on one thread, its receiver, when that is below the line's level;
 * or that posts a {@link NativeWork} with no Java code in between.
 *
 * <pre>{@code
 * Receiver receiver = kernel.interrupts(cpu);          // a thread that does nothing else, pinned there
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

    /** The function of an interrupt. */
    @FunctionalInterface
    public interface Handler {
        /**
         * Services the interrupt. Must not sleep.
         *
         * @param value as triggered; 0 for {@link InterruptLine#trigger()}; the file descriptor for {@link InterruptLine#watch}
         * @throws Exception reported to {@link Receiver#onFault}
         */
        void interrupt(long value) throws Exception;
    }

    private final Receiver receiver;
    private final Dispatcher dispatcher;
    private final Support support;
    private final String name;
    private final Ipl ipl;
    private final @Nullable PostedWork work;
    private final Port port;
    private final long handle;
    private final Delivery delivery;
    private final Triggers triggers; // guarded by this

    private @Nullable State last; // before the port went to the next owner; guarded by this

    private InterruptLine(
            Receiver receiver, String name, Ipl ipl, @Nullable Handler handler, @Nullable NativeWork work) {
        if (ipl == Ipl.NONE) {
            throw new IllegalArgumentException(
                    "interrupt " + name + " at NONE: nothing would ever mask it; choose SOFTCLOCK to IPI");
        }
        this.receiver = receiver;
        this.dispatcher = receiver.dispatcher();
        this.support = dispatcher.support();
        this.name = name;
        this.ipl = ipl;
        this.work = work == null ? null : work.work();
        requireReceiver("establish");
        long bound = this.work == null ? 0 : requireUsable(this.work);
        ClosedWorks.settle();
        this.port = Ports.take(support, name);
        port.setLong(Memory.PORT_RECEIVER, dispatcher.address());
        port.setLong(Memory.PORT_RANK, ipl.rank());
        if (this.work != null) {
            port.setLong(Memory.PORT_BOUND, bound);
            this.work.boundAt(dispatcher);
        }
        delivery = new Delivery(this, receiver, port, ipl.rank(), handler);
        dispatcher.add(delivery);
        handle = port.open(null);
        triggers = new Triggers(name, ipl.rank(), dispatcher, port, handle);
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
     * @throws ErrnoException ESRCH if the receiver has ended
     * @throws LinuxException EAGAIN if there are 4096 lines and natively posted works
     */
    public static InterruptLine establish(Receiver receiver, String name, Ipl ipl, Handler handler) {
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
     * @throws ErrnoException ESRCH if the receiver has ended, EPERM if the level is above that of the work's queue (U11),
     *     EINVAL if the work is closed
     * @throws LinuxException EAGAIN if there are 4096 lines and natively posted works
     */
    public static InterruptLine establish(Receiver receiver, String name, Ipl ipl, NativeWork work) {
        Argument.requireNonNull(receiver, "establish", "receiver");
        Argument.requireNonNull(name, "establish", "name");
        Argument.requireNonNull(ipl, "establish", "ipl");
        Argument.requireNonNull(work, "establish", "work");
        return new InterruptLine(receiver, name, ipl, null, work);
    }

    private ErrnoException refused(Errno errno, String call, String why) {
        return new ErrnoException(errno, call + "(\"" + name + "\"): " + why);
    }

    private void requireReceiver(String call) {
        if (!receiver.isAlive()) {
            throw refused(
                    Errno.ESRCH,
                    call,
                    "its receiver " + dispatcher.owner().getName()
                            + " has ended: establish the line on a living thread");
        }
    }

    /** The handle of a work that is open, and whose queue may be used at the line's level (U11). */
    private long requireUsable(PostedWork bound) {
        Ipl most = Ipl.ofRank(bound.rank());
        if (ipl.compareTo(most) > 0) {
            throw refused(
                    Errno.EPERM,
                    "establish",
                    "the line is at " + ipl + ", above the level " + most + " of the queue of " + bound
                            + ": create the queue with " + ipl + ", or establish the line at " + most + " or below");
        }
        long open = bound.handle();
        if (open == 0) {
            throw refused(Errno.EINVAL, "establish", bound + " is closed: bind the line to another work");
        }
        return open;
    }

    private void requireOpen(String call) {
        if (delivery.closed) {
            throw refused(Errno.EINVAL, call, "the line is closed: establish another");
        }
    }

    /**
     * Requests one run of the handler with value 0, or of the work with value 0 unless that is pending. Allocates nothing and never waits.
     *
     * @return false if a request without value waits already, or the work is pending: the run to come is for both
     * @throws ErrnoException EINVAL if the line or its work is closed, ESRCH if its receiver has ended, ESHUTDOWN if the
     *     queue of its work has
     */
    public boolean trigger() {
        requireReceiver("trigger");
        boolean first;
        try {
            port.enter();
            try {
                requireOpen("trigger");
                PostedWork bound = work;
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
            if (first || delivery.untold) {
                dispatcher.notifyRank(ipl.rank());
            }
        } catch (Throwable t) {
            // Whoever finds it marked later must tell the receiver.
            delivery.untold = true;
            throw t;
        }
        return first;
    }

    /**
     * Requests one run of the handler for a value, behind those that wait. Allocates nothing and never waits.
     *
     * @param value given to the handler
     * @return false if {@value #MAX_VALUES} values wait, and this one was not taken
     * @throws ErrnoException EINVAL if the line or its work is closed, ESRCH if its receiver has ended, ESHUTDOWN if the
     *     queue of its work has
     */
    public boolean trigger(long value) {
        requireReceiver("trigger");
        port.enter();
        try {
            requireOpen("trigger");
            PostedWork bound = work;
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
        dispatcher.notifyRank(ipl.rank());
        return true;
    }

    /** A marked work has its run still to come. While its port is entered, that is nobody else's. */
    private static int postUnlessPending(PostedWork bound) {
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
            boolean ended = result == -Errno.ESHUTDOWN.number();
            throw refused(
                    ended ? Errno.ESHUTDOWN : Errno.EINVAL,
                    "trigger",
                    "the line is bound to " + work + (ended ? ", whose queue has ended" : ", which is closed")
                            + ": establish another line");
        }
        return result;
    }

    /**
     * The handle for {@code percpu_trigger} in C.
     *
     * @return a positive number that is never used again; 0 when closed
     */
    public long handle() {
        return delivery.closed ? 0 : handle;
    }

    /**
     * The address of {@code percpu_trigger}, for C code that cannot look it up: {@code long (*)(long handle, long value)}.
     *
     * @return an address that is valid as long as the process lives
     * @throws UnsupportedOperationException without libpercpu
     */
    public static long triggerFunction() {
        return Support.get().requireLibPercpu("triggering from C").triggerFunction();
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
     * @throws LinuxException EAGAIN if no signal is free; the message says who has them
     * @throws ErrnoException EINVAL if the line is closed or of a soft level, which have no signals; ESRCH if the receiver
     *     has ended
     */
    public synchronized int signal() {
        requireOpen("signal");
        requireReceiver("signal");
        return triggers.signal();
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
        if (stop && !triggers.hasTimer()) {
            return;
        }
        triggers.setTimer(firstNanos, intervalNanos, value);
    }

    /**
     * Triggers the line each time that the file becomes ready (F_SETSIG, F_SETOWN_EX, O_ASYNC). The value is the file
     * descriptor. There is one trigger for each change, so the handler must read the file until the read would block.
     * If the kernel cannot queue the signal, it sends SIGIO instead, which means that any watched file may be ready.
     * Then every line that watches a file is triggered, each with its own descriptor.
     *
     * @param descriptor of a pipe, socket or terminal; it stays the caller's, who closes the line first
     * @throws UnsupportedOperationException without libpercpu
     * @throws IllegalStateException if another file is watched
     * @throws LinuxException as {@link #signal()}; EBADF; EINVAL if the file has no signals, as regular files, eventfds
     *     and timerfds; EBUSY if somebody else handles SIGIO
     */
    public synchronized void watch(int descriptor) {
        requireOpen("watch");
        requireReceiver("watch");
        triggers.watch(descriptor);
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
        return delivery.overruns();
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
                triggers.signalIfAny(),
                port.getLong(Memory.PORT_RECEIVED),
                delivery.handled(),
                port.getLong(Memory.PORT_OVERRUNS),
                port.getLong(Memory.PORT_SPILLS),
                port.getLong(Memory.PORT_LOST));
    }

    /**
     * Takes the line down: timer and file are let go, the signal does again what it did before, values that wait are dropped. Those are
     * {@linkplain State#lost() lost}, which the log of {@link Receiver} tells; who wants none to be stops the senders first and then has the receiver
     * {@link Spl#poll poll}. What the kernel still queues is dropped too and counted by nobody. A signal that comes later has nothing to do with
     * the line any more, see {@link #signal}. Closing twice is harmless.
     */
    @Override
    public void close() {
        synchronized (this) {
            if (delivery.closed) {
                return;
            }
            delivery.closed = true;
            triggers.stop();
        }
        port.close(delivery.isInside() ? 1 : 0);
        long dropped = port.drop();
        dispatcher.remove(delivery);
        synchronized (this) {
            triggers.giveSignalBack();
            last = stateOfPort();
        }
        Ports.recycle(port);
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
