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
 * An interrupt. When a line is triggered, its handler runs on one thread, the line's receiver, as soon as the
 * receiver's level is below the line's level. Or the line posts a {@link NativeWork} with no Java code in between.
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
 * <p>The values of one sender arrive in the order in which it sent them. This holds for {@link #trigger(long)},
 * {@code percpu_trigger}, the line's timer, and signals that are directed to the receiver's thread. Signals that are
 * directed to the process, as by sigqueue(3), all arrive, but in no promised order: two threads may take two of them,
 * and the second thread may be faster. A sender that needs order numbers its values.
 *
 * <p>Each line keeps {@value #MAX_VALUES} values. Further signals wait in the kernel's queue. When that queue is full
 * (RLIMIT_SIGPENDING), sigqueue(3) refuses with EAGAIN. So a value that was not refused arrives. Only kill(2) is never
 * refused: when the queue is full, its signals merge into one. {@link #trigger()} without a value sets one bit:
 * requests that come before the handler runs are merged into one (R5).
 *
 * <p>The handler runs at the line's level and in interrupt state, where calls that sleep refuse. It may enqueue works
 * if the level of their queue is not below the line's level. Any thread may call all methods. A handler may call all of
 * them except {@link #close} and {@link #watch}, which may block for a moment.
 */
public final class InterruptLine implements AutoCloseable {
    /** How many values wait in this process at most. */
    public static final int MAX_VALUES = Memory.VALUES;

    /** The function of an interrupt. */
    @FunctionalInterface
    public interface Handler {
        /**
         * Services the interrupt. Must not sleep.
         *
         * @param value the value of the trigger; 0 for {@link InterruptLine#trigger()}; the file descriptor for
         *     {@link InterruptLine#watch}
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

    private @Nullable State last; // the counts before the port went to its next owner; guarded by this

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
     * @return the line, ready to be triggered
     * @throws IllegalArgumentException if the level is NONE
     * @throws ErrnoException ESRCH if the receiver has ended
     * @throws LinuxException EAGAIN if there are already 4096 lines and natively posted works together
     */
    public static InterruptLine establish(Receiver receiver, String name, Ipl ipl, Handler handler) {
        Argument.requireNonNull(receiver, "establish", "receiver");
        Argument.requireNonNull(name, "establish", "name");
        Argument.requireNonNull(ipl, "establish", "ipl");
        Argument.requireNonNull(handler, "establish", "handler");
        return new InterruptLine(receiver, name, ipl, handler, null);
    }

    /**
     * Makes a line that posts a work. Signals are directed to the receiver's thread; that thread runs no Java code for
     * them.
     *
     * @param receiver the thread whose level masks the line's signal
     * @param name for messages
     * @param ipl level of the line, {@link Ipl#SOFTCLOCK} to that of the work's queue
     * @param work gets every value; its callback {@linkplain NativeWork#drain drains} the values, or they are let go
     *     when it has returned
     * @return the line, ready to be triggered
     * @throws IllegalArgumentException if the level is NONE
     * @throws ErrnoException ESRCH if the receiver has ended, EPERM if the level is above that of the work's queue
     *     (U11), EINVAL if the work is closed
     * @throws LinuxException EAGAIN if there are already 4096 lines and natively posted works together
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

    /**
     * Returns the handle of a work. Checks that the work is open, and that its queue may be used at the line's level
     * (U11).
     */
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
     * Requests one run of the handler with value 0. A line that is bound to a work posts the work with value 0, unless
     * the work is pending. Allocates nothing and never waits.
     *
     * @return false if a request without a value waits already, or the work is pending: the run to come serves both
     * @throws ErrnoException EINVAL if the line or its work is closed; ESRCH if its receiver has ended; ESHUTDOWN if
     *     the queue of its work has ended
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
                    // A full ring does not matter: the requested run needs no room for a value.
                    return result == -Errno.EAGAIN.number() || requirePosted(result) == 0;
                }
                first = port.mark();
            } finally {
                try {
                    port.leave();
                } catch (Throwable once) {
                    // There was room on the stack for the call on the way in.
                    port.leave();
                }
            }
            if (first || delivery.untold) {
                dispatcher.notifyRank(ipl.rank());
            }
        } catch (Throwable t) {
            // A thread that later finds the port marked must tell the receiver.
            delivery.untold = true;
            throw t;
        }
        return first;
    }

    /**
     * Requests one run of the handler for a value, behind the values that wait. Allocates nothing and never waits.
     *
     * @param value given to the handler
     * @return false if {@value #MAX_VALUES} values wait; this value was then not taken
     * @throws ErrnoException EINVAL if the line or its work is closed; ESRCH if its receiver has ended; ESHUTDOWN if
     *     the queue of its work has ended
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
                // There was room on the stack for the call on the way in.
                port.leave();
            }
        }
        dispatcher.notifyRank(ipl.rank());
        return true;
    }

    /**
     * Posts a work with value 0 unless it is marked: the run of a marked work is still to come. The port is entered
     * first, so that it cannot go to another owner meanwhile.
     */
    private static int postUnlessPending(PostedWork bound) {
        Port target = bound.port();
        target.enter();
        try {
            return bound.handle() != 0 && target.isMarked() ? 1 : bound.post(0);
        } finally {
            try {
                target.leave();
            } catch (Throwable once) {
                // There was room on the stack for the call on the way in.
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
     * @return a positive number that is never reused; 0 when the line is closed
     */
    public long handle() {
        return delivery.closed ? 0 : handle;
    }

    /**
     * The address of {@code percpu_trigger}, for C code that cannot look it up: {@code long (*)(long handle, long
     * value)}.
     *
     * @return an address that is valid as long as the process lives
     * @throws UnsupportedOperationException without libpercpu
     */
    public static long triggerFunction() {
        return Support.get().requireLibPercpu("triggering from C").triggerFunction();
    }

    /**
     * The real-time signal by which other processes trigger this line: {@code sigqueue(pid, signal, value)}, kill(1),
     * or anything else that sends signals. The line gets its signal at the first call and keeps it.
     *
     * <p>A sender may direct the signal to the process. The kernel then hands it to some thread. If that thread is not
     * the receiver, it passes the value on and takes no more signals of this line. So the values of such signals may
     * arrive in another order than they were sent in. Signals to the receiver's thread, by pthread_sigqueue(3) or
     * rt_tgsigqueueinfo(2), stay in order.
     *
     * <p>When the line is closed, the signal does again what it did before. By default a real-time signal ends the
     * process, so stop the senders before you close the line. Signals that are still pending at the close are
     * discarded; they do not end the process.
     *
     * @return the signal's number
     * @throws UnsupportedOperationException without libpercpu, or if the line was established before the library could
     *     be loaded
     * @throws LinuxException EAGAIN if no signal is free; the message says who has the signals
     * @throws ErrnoException EINVAL if the line is closed, or has a soft level (soft levels have no signals); ESRCH if
     *     the receiver has ended
     */
    public synchronized int signal() {
        requireOpen("signal");
        requireReceiver("signal");
        return triggers.signal();
    }

    /**
     * Triggers the line once or periodically, from a POSIX timer on the monotonic clock.
     *
     * @param firstNanos nanoseconds to the first trigger, positive; 0 with an interval stands for the interval; 0
     *     without an interval stops the timer
     * @param intervalNanos nanoseconds between triggers; 0 for a single one. A trigger is missed if the signal of an
     *     earlier one still waits. Missed triggers are counted: the handler reads {@link #overruns()}, other code reads
     *     {@link State#overruns}
     * @param value given to the handler each time; the first call makes the timer and fixes the value
     * @throws IllegalArgumentException if a time is negative
     * @throws UnsupportedOperationException without libpercpu
     * @throws LinuxException as {@link #signal()}; also EAGAIN if RLIMIT_SIGPENDING allows no timer
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
     * @param descriptor of a pipe, socket or terminal; the caller keeps it, and closes the line before the file
     * @throws UnsupportedOperationException without libpercpu
     * @throws IllegalStateException if another file is watched
     * @throws LinuxException as {@link #signal()}; EBADF; EINVAL if the file sends no signals, as regular files,
     *     eventfds and timerfds; EBUSY if other code handles SIGIO
     */
    public synchronized void watch(int descriptor) {
        requireOpen("watch");
        requireReceiver("watch");
        triggers.watch(descriptor);
    }

    /**
     * timer_getoverrun(2) for the handler: how many periods of the {@linkplain #timer timer} were missed since the
     * handler's call before. A period is missed if its time comes while the signal of an earlier period still waits in
     * the kernel, because the receiver's level masks the signal or {@value #MAX_VALUES} values wait. A period whose
     * signal was taken is not missed, however late the handler is: it leads to a call. So the number of calls plus the
     * sum of the results of this method is the number of periods.
     *
     * <p>Only the handler of this line should call this. The callback of a work to which the line is bound reads
     * {@link State#overruns}, which counts from the beginning.
     *
     * @return the number of missed periods; 0 if the line has no timer
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
     * The counts of a line.
     *
     * @param name as established
     * @param ipl the line's level
     * @param signal the line's signal, 0 if it has none
     * @param received values that came by signal
     * @param handled calls of the handler
     * @param overruns periods of the timer that were missed because the signal of an earlier one still waited
     * @param spills how often signals were left in the kernel's queue because {@link InterruptLine#MAX_VALUES} values
     *     waited
     * @param lost values that were lost. A value that comes by signal is lost in two cases. First, more than
     *     {@link InterruptLine#MAX_VALUES} other threads took a signal of the line while its receiver ran no handler,
     *     and the kernel, at the limit of RLIMIT_SIGPENDING, did not take the value back. Second, the queue of the
     *     line's work has ended. Once the line is closed, the values that its handler had not seen count as well, and
     *     so does a request without a value
     */
    public record State(
            String name, Ipl ipl, int signal, long received, long handled, long overruns, long spills, long lost) {}

    /**
     * The counts of a line.
     *
     * @return the counts now; for a closed line, the counts when it was closed
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
     * Takes the line down. The timer and the file are let go, the signal does again what it did before, and values that
     * wait are dropped. Dropped values are {@linkplain State#lost() lost}; the log of {@link Receiver} reports them. To
     * lose none, stop the senders first, and then let the receiver {@link Spl#poll poll}. Signals that the kernel still
     * queues are dropped too, and are not counted. A signal that comes later does not reach the line, see
     * {@link #signal}. Closing twice is harmless.
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

    /** Returns name and level. */
    @Override
    public String toString() {
        return "interrupt " + name + " at " + ipl;
    }
}
