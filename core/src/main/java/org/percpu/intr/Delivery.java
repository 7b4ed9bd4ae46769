// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.intr;

import org.jspecify.annotations.Nullable;
import org.percpu.dispatch.Dispatcher;
import org.percpu.dispatch.Memory;
import org.percpu.dispatch.Port;
import org.percpu.dispatch.Source;
import org.percpu.events.Events;
import org.percpu.events.Span;
import org.percpu.events.Trace;

/** The receiver's half of a line: takes the values out of the port and calls the handler with them. */
final class Delivery implements Source {
    private final InterruptLine line;
    private final Receiver receiver;
    private final Dispatcher dispatcher;
    private final Port port;
    private final int rank;
    private final InterruptLine.@Nullable Handler handler;

    /**
     * Written under the monitor of the line. Once it is true, the port may belong to another owner, unless the reader
     * has entered it before.
     */
    volatile boolean closed;

    /** An error may have kept a trigger from telling the receiver. */
    volatile boolean untold;

    // Only the receiver writes this.
    private volatile long handled;

    // Only the receiver uses this. It is needed because the handler may close the line.
    private boolean running;
    // What the receiver has taken, until the handler is called.
    private boolean marked;
    private long position = -1;
    private boolean holds;
    private long held;

    private long overrunsBefore; // of all calls of the handler
    private long overruns; // since the call before

    Delivery(InterruptLine line, Receiver receiver, Port port, int rank, InterruptLine.@Nullable Handler handler) {
        this.line = line;
        this.receiver = receiver;
        this.dispatcher = receiver.dispatcher();
        this.port = port;
        this.rank = rank;
        this.handler = handler;
    }

    @Override
    public int rank() {
        return rank;
    }

    @Override
    public void fault(Throwable thrown) {
        receiver.fault(line, thrown);
    }

    /** Any thread. */
    long handled() {
        return handled;
    }

    /** For the handler: periods missed since the call before. */
    long overruns() {
        return overruns;
    }

    /** Whether the caller is inside {@link #run}, on the receiver. */
    boolean isInside() {
        return dispatcher.isCurrent() && running;
    }

    /** The next run does what an error has left undone. */
    @Override
    public int run() {
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
                // Interrupts of higher levels come first.
                ran += dispatcher.poll();
            }
            if (ran > 0 && port.unspill()) {
                dispatcher.roomWasMade(Dispatcher.ALL_SIGNALS);
            }
            return ran;
        } finally {
            running = false;
            try {
                port.leave();
            } catch (Throwable once) {
                // There was room on the stack for the call on the way in.
                port.leave();
            }
        }
    }

    /**
     * Takes the next value, unless a value was taken before and the handler was not called for it. Returns false if
     * there is no value.
     */
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
        InterruptLine.Handler called = handler;
        // An error here leaves the value for the next call.
        Span span = called != null && Trace.handlers() ? Events.handles(line.name(), rank) : null;
        long all = port.getLong(Memory.PORT_OVERRUNS);
        overruns = all - overrunsBefore;
        overrunsBefore = all;
        // The interrupt status belongs to the thread that the handler interrupts. It is hidden from the handler and
        // kept.
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
            receiver.fault(line, t);
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            if (span != null) {
                span.end();
            }
        }
    }

    /** Name and level of the line. */
    @Override
    public String toString() {
        return line.toString();
    }
}
