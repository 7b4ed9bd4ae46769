// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;

/**
 * A work or task of a queue under a handle, so that C code and interrupt lines can post it with a value. Users see it
 * as {@code NativeWork}, whose documentation says what each method does.
 */
public final class PostedWork implements Posted {
    /** How many values wait at most. */
    public static final int MAX_VALUES = Memory.VALUES;

    private static final long LETTING_GO = 1L << 16;
    private static final int ENDED_SHIFT = Integer.SIZE;

    private final String name;
    private final int rank;
    private final NativeInbox inbox;
    private final Runnable append;
    private final Port port;
    private final List<Dispatcher> spillers = new CopyOnWriteArrayList<>();
    private final long handle;
    /**
     * Three counts in one word. The low 16 bits count the calls of drain() that are going on. The next 16 bits count
     * the calls of letGo() that are going on. The high 32 bits count, modulo 2^32, the calls of drain() that have
     * ended. A drain that found no value counts too. A poster may have claimed a slot and not yet written its value;
     * the poster's own mark then leads to the run that drains the value.
     */
    private final AtomicLong drains = new AtomicLong();

    private final AtomicLong undrained = new AtomicLong();
    private final AtomicBoolean told = new AtomicBoolean();

    private final @Nullable Object item;

    private @Nullable State last; // the counts before the port went to its next owner; guarded by this

    private volatile boolean closed;

    private volatile boolean recycled;

    /** An error has kept the poster that marked the work from linking it. */
    private volatile boolean unlinked;

    private boolean reclaimed; // the work is unmarked and not yet appended; guarded by the inbox

    /**
     * The position of a value that a drain claimed and, because of an error, did not take; or -1. A value is lost only
     * if two drains fail at the same time.
     */
    private volatile long claimed = -1;

    /**
     * Opens a handle of a work or task.
     *
     * @param name for messages
     * @param item the work or task, or null
     * @param rank rank of the queue's level
     * @param inbox the queue's inbox
     * @param append appends the item to its queue, in the worker's thread; an item that is pending stays where it is
     * @throws org.percpu.bindings.spi.LinuxException EAGAIN if 4096 handles are open
     */
    public PostedWork(String name, @Nullable Object item, int rank, NativeInbox inbox, Runnable append) {
        this.name = Argument.requireNonNull(name, "a handle", "name");
        this.inbox = Argument.requireNonNull(inbox, "a handle", "inbox");
        this.append = Argument.requireNonNull(append, "a handle", "append");
        this.item = item;
        this.rank = rank;
        ClosedWorks.settle();
        this.port = Ports.take(Support.get(), name);
        port.setLong(Memory.PORT_INBOX, inbox.add(this));
        this.handle = port.open(this);
        assert handle > 0;
    }

    /**
     * The level of the queue.
     *
     * @return its rank
     */
    public int rank() {
        return rank;
    }

    @Override
    public Port port() {
        return port;
    }

    @Override
    public @Nullable Object item() {
        return item;
    }

    @Override
    public boolean takesUnlinked() {
        if (!unlinked) {
            return false;
        }
        unlinked = false;
        return true;
    }

    /**
     * Registers the receiver of a line that is bound to this work. When a drain makes room, the receiver is told to
     * take signals again.
     *
     * @param receiver of the line
     */
    public void boundAt(Dispatcher receiver) {
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
        return closed ? 0 : handle;
    }

    /**
     * The address of {@code percpu_post}, for C code that cannot look it up: {@code long (*)(long handle, long value)}.
     *
     * @return an address that is valid as long as the process lives
     * @throws UnsupportedOperationException without libpercpu
     */
    public static long postFunction() {
        return Support.get().requireLibPercpu("posting from C").postFunction();
    }

    /**
     * Posts the work as {@code percpu_post} does. Lock-free, allocates nothing.
     *
     * @param value added to those that wait
     * @return 0 if the work was queued; 1 if it was pending already, and the run to come finds the value; or -errno:
     *     EAGAIN ({@value #MAX_VALUES} values wait: the value was not taken, but the work runs), ESHUTDOWN (the queue
     *     has ended or is about to end), EINVAL (the handle is closed)
     */
    public int post(long value) {
        port.enter();
        try {
            return closed ? -Errno.EINVAL.number() : postOpen(value);
        } finally {
            try {
                port.leave();
            } catch (Throwable once) {
                // There was room for the call when it came in.
                port.leave();
            }
        }
    }

    private int postOpen(long value) {
        if (!inbox.enter()) {
            return -Errno.ESHUTDOWN.number();
        }
        boolean inside = true;
        boolean mine = false;
        int full = 0;
        try {
            // If the ring is full, the work still runs, and its run makes room.
            full = port.push(value) ? 0 : -Errno.EAGAIN.number();
            mine = port.mark();
            if (!mine) {
                // The poster that marked the work links it, unless the queue has ended in between. Then the work may
                // have been handed back before this post.
                if (inbox.forbidsLinks()) {
                    return -Errno.ESHUTDOWN.number();
                }
                if (inbox.owed) {
                    inbox.ring();
                }
                return full == 0 ? 1 : full;
            }
            if (!inbox.linkAndLeave(port)) {
                // If the mark is already clear, the work was handed back, and this post with it.
                return port.unmark() ? -Errno.ESHUTDOWN.number() : full;
            }
            inside = false;
        } catch (Throwable t) {
            // No calls in this block: the caller's stack may be exhausted. Other posters rely on the link, so the
            // worker links the work later.
            if (mine) {
                unlinked = true;
            }
            inbox.owed = true;
            throw t;
        } finally {
            if (inside) {
                try {
                    inbox.leave();
                } catch (Throwable once) {
                    // There was room for the call when it came in.
                    inbox.leave();
                }
            }
        }
        try {
            inbox.ring();
        } catch (Throwable t) {
            inbox.owed = true;
            throw t;
        }
        return full;
    }

    @Override
    public void unmark() {
        boolean marked = port.unmark();
        assert marked;
    }

    @Override
    public void arrived() {
        append.run();
        settle();
    }

    @Override
    public void reclaim() {
        if (reclaimed || port.unmark()) {
            reclaimed = true;
            append.run();
            reclaimed = false;
        }
    }

    /**
     * Gives the memory of a closed work away as soon as three things hold: no poster is inside, nothing is left to run,
     * and no value is left to take. A queue that has ended runs nothing more. Once these things hold, they stay so. A
     * marked work is linked or about to be linked, so its memory must not go: the link would lead to the next owner.
     */
    @Override
    public void settle() {
        if (!closed) {
            return;
        }
        synchronized (this) {
            if (recycled || !port.isVacant() || port.isMarked() || !(port.isEmpty() || inbox.hasEnded())) {
                return;
            }
            // A drain first counts itself and then looks at `recycled`. The last drain calls settle() again.
            recycled = true;
            if ((int) drains.get() != 0) {
                recycled = false;
                return;
            }
            last = stateOfPort();
        }
        ClosedWorks.remove(this);
        inbox.remove(this);
        Ports.recycle(port);
    }

    /**
     * Takes the values that wait, in the order in which they were posted. Allocates nothing. Meant for the callback: a
     * thread that drains elsewhere may find that a run has let the values go.
     *
     * @param consumer called for each value; if it throws, the remaining values wait for the next call
     * @return how many values were taken
     */
    public int drain(LongConsumer consumer) {
        Argument.requireNonNull(consumer, "drain", "consumer");
        int count = 0;
        long at = -1;
        drains.getAndIncrement();
        try {
            for (at = claim(); at >= 0; at = claim()) {
                long value = port.take(at);
                at = -1;
                count++;
                consumer.accept(value);
            }
        } catch (Throwable t) {
            // No calls in this block. The next thread that drains takes the value.
            if (at >= 0) {
                claimed = at;
            }
            throw t;
        } finally {
            try {
                roomWasMade(count);
            } finally {
                drains.getAndAdd((1L << ENDED_SHIFT) - 1);
            }
        }
        settle();
        return count;
    }

    @Override
    public long end() {
        return port.getLong(Memory.PORT_TAIL);
    }

    @Override
    public long drained() {
        return drains.get() >>> ENDED_SHIFT;
    }

    @Override
    public void letGo(long end, long drainedBefore) {
        // The memory may belong to another work by now. letGoCounted() checks that again after it has counted itself.
        if (port.getLong(Memory.PORT_HEAD) < end) {
            letGoCounted(end, drainedBefore);
        }
        if (!told.get() && port.getLong(Memory.PORT_REFUSED) > 0 && !recycled) {
            tell();
        }
    }

    private void letGoCounted(long end, long drainedBefore) {
        int count = 0;
        // Each drain is in one of the two counts: among those that have ended, or among those that go on.
        long now = drains.getAndAdd(LETTING_GO);
        try {
            if ((now & (LETTING_GO - 1)) == 0 && now >>> ENDED_SHIFT == drainedBefore) {
                while (!recycled && port.discardBefore(end)) {
                    count++;
                }
            }
        } finally {
            undrained.getAndAdd(count);
            roomWasMade(count);
            drains.getAndAdd(-LETTING_GO);
        }
        settle();
        if (count >= MAX_VALUES) {
            tell();
        }
    }

    private void tell() {
        if (told.compareAndSet(false, true)) {
            Log.LOG.log(
                    System.Logger.Level.WARNING,
                    name + " had " + MAX_VALUES
                            + " values waiting for a run. Until there is room, posts are refused with EAGAIN and"
                            + " signals wait in the kernel. The callback must call NativeWork.drain if it wants the values;"
                            + " NativeWork.state() counts those that were drained, let go and refused. This is said once.");
        }
    }

    /** The logger is made when it is first needed. */
    private static final class Log {
        static final System.Logger LOG = System.getLogger("org.percpu.intr.NativeWork");

        private Log() {}
    }

    /**
     * What has become of the values.
     *
     * @param name name of the work and its queue
     * @param drained values that {@link #drain} has taken
     * @param undrained values that were let go because a run returned and nobody had drained
     * @param refused posts that found {@value PostedWork#MAX_VALUES} values waiting, whose values were not taken
     */
    public record State(String name, long drained, long undrained, long refused) {}

    /**
     * What has become of the values.
     *
     * @return the counts now; a closed work still has them
     */
    public synchronized State state() {
        return last != null ? last : stateOfPort();
    }

    private State stateOfPort() {
        // The order matters: a value that is let go is first taken out of the ring and then counted.
        long let = undrained.get();
        return new State(name, port.getLong(Memory.PORT_HEAD) - let, let, port.getLong(Memory.PORT_REFUSED));
    }

    private void roomWasMade(int count) {
        if (count > 0 && port.unspill()) {
            for (Dispatcher receiver : spillers) {
                receiver.roomWasMade(Dispatcher.ALL_SIGNALS);
            }
        }
    }

    private long claim() {
        if (recycled) {
            return -1;
        }
        long left = claimed;
        if (left >= 0) {
            claimed = -1;
            return left;
        }
        return port.claim();
    }

    /**
     * Closes the handle. C code that still uses it gets EINVAL. What was posted before still runs. Closing twice is
     * harmless.
     */
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            ClosedWorks.add(this);
            // The port is shut before another thread may find the work closed. That thread may give the memory to the
            // next owner, and this must not shut the next owner's handle.
            port.shut();
            closed = true;
        }
        port.awaitVacant();
        settle();
    }

    /** Name and handle. */
    @Override
    public String toString() {
        return name + " (handle " + handle() + ")";
    }
}
