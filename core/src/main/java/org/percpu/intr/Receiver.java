// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.intr;

import java.util.function.BiConsumer;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.dispatch.Dispatcher;
import org.percpu.dispatch.Dispatchers;
import org.percpu.dispatch.LevelRules;
import org.percpu.ipl.Spl;

/**
 * A thread on which handlers of interrupt lines run. Every thread that has a level can be one; {@code
 * Kernel.interrupts} returns one that does nothing else.
 *
 * <p>Handlers run where the thread looks: when it lowers its level, in {@link Spl#poll} and {@link #awaitInterrupt}, in
 * workers of queues between callbacks, and while the thread sleeps in this library or waits for one of its locks. They
 * never run in the middle of other Java code. So a handler may wake its own thread ({@code wakeup}, {@code
 * Condvar.signal}), as the end of a disk transfer wakes a thread in biowait(9). While the thread blocks by other means,
 * such as a {@code ReentrantLock}, file I/O or {@code Thread.sleep}, its interrupts wait.
 *
 * <p>{@link #awaitInterrupt} is for the thread itself. Any thread may call the other methods.
 */
public final class Receiver {
    private final Dispatcher dispatcher;
    private volatile BiConsumer<InterruptLine, Throwable> faults = Receiver::log;

    private Receiver(Dispatcher dispatcher) {
        this.dispatcher = dispatcher;
    }

    /**
     * The calling thread, as a receiver. Gives it a level, if it has none.
     *
     * @return always the same object for a thread
     * @throws UnsupportedOperationException as {@link Spl#current}
     * @throws IllegalArgumentException as {@link Spl#current}
     */
    public static Receiver current() {
        Dispatcher dispatcher = Dispatchers.current();
        if (dispatcher.receiver instanceof Receiver known) {
            return known;
        }
        Receiver made = new Receiver(dispatcher);
        dispatcher.receiver = made;
        return made;
    }

    Dispatcher dispatcher() {
        return dispatcher;
    }

    /**
     * Sleeps until an interrupt comes, and runs it.
     *
     * @param timeoutNanos longest sleep in nanoseconds, or {@link LinuxCalls#FOREVER}
     * @return how many times handlers were called; 0 if the time is up, or something else rang
     * @throws ErrnoException EPERM with a spin mutex held, in an interrupt handler, or at a raised level; the message
     *     says which
     * @throws IllegalStateException on another thread
     */
    public int awaitInterrupt(long timeoutNanos) {
        requireOwner();
        String refusal = LevelRules.whyNotSleep(null);
        if (refusal != null) {
            throw new ErrnoException(
                    Errno.EPERM, "wait for interrupts on " + dispatcher.owner().getName() + " " + refusal);
        }
        int ran = dispatcher.poll();
        if (ran == 0) {
            dispatcher.bell().sleepUntilRung(timeoutNanos);
        }
        return ran + dispatcher.poll();
    }

    private void requireOwner() {
        if (!dispatcher.isCurrent()) {
            throw new IllegalStateException("the receiver " + dispatcher.owner().getName() + " is not "
                    + Thread.currentThread().getName() + ": call Receiver.current() on the thread itself");
        }
    }

    /** Ends {@link #awaitInterrupt}, or the next one. */
    public void wakeup() {
        dispatcher.bell().wakeup();
    }

    /**
     * Whether the thread lives.
     *
     * @return false when it has ended, and then its lines are dead
     */
    public boolean isAlive() {
        return dispatcher.isAlive();
    }

    /**
     * How often the signal handler has blocked signals because the level masked one that came.
     *
     * @return counted since the thread asked for its level
     */
    public long deferrals() {
        return dispatcher.deferrals();
    }

    /**
     * Sets the function that is told of interrupt handlers that throw. The line goes on.
     *
     * @param handler logs at ERROR unless set
     */
    public void onFault(BiConsumer<InterruptLine, Throwable> handler) {
        faults = Argument.requireNonNull(handler, "onFault", "handler");
    }

    void fault(InterruptLine line, Throwable thrown) {
        try {
            faults.accept(line, thrown);
        } catch (Throwable t) {
            // The values behind this one must not wait for the next interrupt, whatever the log does.
            try {
                log(line, t);
                log(line, thrown);
            } catch (Throwable silent) {
                return;
            }
        }
    }

    /** A line is closed with values that no handler has seen. */
    void dropped(InterruptLine line, long values) {
        String message = line + " on " + dispatcher.owner().getName()
                + " was closed; values that its handler had not seen, dropped and counted as lost: " + values;
        try {
            logger().log(System.Logger.Level.WARNING, message);
        } catch (Throwable silent) {
            // The line is closed, whatever the log does.
            return;
        }
    }

    private static void log(InterruptLine line, Throwable thrown) {
        logger().log(System.Logger.Level.ERROR, "the handler of " + line + " threw", thrown);
    }

    /**
     * Gets the logger each time, as it is seldom needed. If a class kept the logger, the end of a stack could ruin that
     * class.
     */
    private static System.Logger logger() {
        return System.getLogger(Receiver.class.getName());
    }

    /** Thread and level. */
    @Override
    public String toString() {
        return dispatcher.toString();
    }
}
