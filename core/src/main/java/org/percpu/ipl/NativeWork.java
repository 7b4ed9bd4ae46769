// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.LongConsumer;
import org.percpu.bindings.spi.Errno;

/**
 * A work or task of a queue under a handle, so that C code, from a signal handler or any native thread, and interrupt lines can post it
 * with a value: {@code percpu_post} of {@code percpu.h}.
 *
 * <p>Posting a work that is pending adds a value to that run. The callback takes the values with {@link #drain}; what it leaves is there
 * in its next run.
 *
 * <p>Made by the queues: {@code Workqueue.nativeWork}, {@code Taskq.nativeTask}, {@code Workq.nativeTask}. All methods may be called from
 * any thread. The work may also be enqueued from Java; the callback then may find no value.
 */
public final class NativeWork implements AutoCloseable {
    /** Values that wait at most. */
    public static final int MAX_VALUES = Memory.VALUES;

    private final String name;
    private final Ipl ipl;
    private final NativeInbox inbox;
    private final Runnable append;
    private final Port port;
    private final List<Spl> spillers = new CopyOnWriteArrayList<>();
    private volatile boolean closed;
    private volatile boolean recycled;

    /**
     * Opens a handle. For queues.
     *
     * @param name for messages
     * @param ipl of the queue
     * @param inbox of the queue
     * @param append appends the work to its queue, in the worker's thread; a work that is pending stays where it is
     * @throws org.percpu.bindings.spi.LinuxException EAGAIN if 4096 handles are open
     */
    public NativeWork(String name, Ipl ipl, NativeInbox inbox, Runnable append) {
        this.name = name;
        this.ipl = ipl;
        this.inbox = inbox;
        this.append = append;
        this.port = Port.take(Support.get(), name);
        port.setLong(Memory.PORT_INBOX, inbox.address());
        long handle = port.open(this);
        assert handle > 0;
    }

    /** The level of the queue. */
    Ipl ipl() {
        return ipl;
    }

    Port port() {
        return port;
    }

    /** A line of this receiver is bound here: room that is made here is its signal to go on. */
    void boundAt(Spl receiver) {
        if (!spillers.contains(receiver)) {
            spillers.add(receiver);
        }
    }

    /**
     * The handle for C.
     *
     * @return a positive number that is never used again; 0 when closed
     */
    public long handle() {
        return port.handle();
    }

    /**
     * The address of {@code percpu_post}, for C code that cannot look it up: {@code long (*)(long handle, long value)}.
     *
     * @return an address that is valid as long as the process lives
     * @throws UnsupportedOperationException without libpercpu
     */
    public static long postFunction() {
        return Support.get().requireTopHalf("posting from C").postFunction();
    }

    /**
     * Posts the work as {@code percpu_post} does. Lock-free, allocates nothing.
     *
     * @param value added to those that wait
     * @return 0 queued; 1 pending already, and that run finds the value; or -errno: EAGAIN
     *     ({@value #MAX_VALUES} values wait), ESHUTDOWN (the queue has ended), EINVAL (closed)
     */
    public int post(long value) {
        port.enter();
        try {
            return closed ? -Errno.EINVAL.number() : postOpen(value);
        } finally {
            port.leave();
        }
    }

    private int postOpen(long value) {
        if (!inbox.enter()) {
            return -Errno.ESHUTDOWN.number();
        }
        if (!port.push(value)) {
            inbox.leave();
            return -Errno.EAGAIN.number();
        }
        if (!port.mark()) {
            inbox.leave();
            return 1;
        }
        inbox.linkAndLeave(port);
        return 0;
    }

    /** Worker: out of the inbox. Unmarked first: a value that comes later then causes another run. */
    void arrived() {
        boolean marked = port.unmark();
        assert marked;
        append.run();
        recycleIfDone();
    }

    /**
     * The memory is somebody else's as soon as the handle is closed and nothing is left to run or to take. A queue that has ended runs
     * nothing more, whatever its callbacks have left.
     */
    private void recycleIfDone() {
        if (!closed) {
            return;
        }
        synchronized (this) {
            if (!recycled && (inbox.hasEnded() || (!port.isMarked() && port.isEmpty()))) {
                recycled = true;
                port.recycle();
            }
        }
    }

    /**
     * Takes the values that wait, in the order in which they were posted. Allocates nothing.
     *
     * @param consumer called for each; if it throws, the values behind wait for the next call
     * @return how many there were
     */
    public int drain(LongConsumer consumer) {
        int count = 0;
        port.enter();
        try {
            for (long at = claim(); at >= 0; at = claim()) {
                long value = port.take(at);
                count++;
                consumer.accept(value);
            }
        } finally {
            port.leave();
            roomWasMade(count);
        }
        recycleIfDone();
        return count;
    }

    private void roomWasMade(int count) {
        if (count > 0 && port.unspill()) {
            for (Spl receiver : spillers) {
                receiver.roomWasMade(Spl.ALL_SIGNALS);
            }
        }
    }

    private long claim() {
        return recycled ? -1 : port.claim();
    }

    /**
     * Closes the handle: C code that uses it gets EINVAL. What was posted before still runs. Closing twice is harmless.
     */
    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        port.close();
        recycleIfDone();
    }

    /** Name and handle. */
    @Override
    public String toString() {
        return name + " (handle " + handle() + ")";
    }
}
