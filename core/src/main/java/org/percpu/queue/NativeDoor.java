// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.percpu.dispatch.Dispatcher;
import org.percpu.dispatch.Dispatchers;
import org.percpu.dispatch.Faces;
import org.percpu.dispatch.NativeInbox;
import org.percpu.dispatch.PostedWork;
import org.percpu.intr.NativeWork;
import org.percpu.ipl.Ipl;
import org.percpu.linux.Uninterrupted;
import org.percpu.lwp.Deadline;

/** The way by which C code posts to a queue. Its monitor is the queue's doorbell. */
class NativeDoor {
    static final long LOOK_NANOS = 20_000;

    final Doorbell doorbell;

    /**
     * The works that C code has posted; null while C code may not post. It is written under the doorbell's monitor and
     * read without. The thread that sets it rings afterwards, and a worker that hears the ring sees it.
     */
    @Nullable
    NativeInbox inbox;

    private boolean closed; // guarded by doorbell

    NativeDoor(Doorbell doorbell) {
        this.doorbell = doorbell;
    }

    /**
     * Opens a handle by which C code can post an item.
     *
     * @param item which one
     * @param label its name for messages
     * @param ipl level of the queue
     * @param append appends the item, in a worker's thread
     */
    NativeWork open(Item item, String label, Ipl ipl, Runnable append) {
        NativeInbox box;
        synchronized (doorbell) {
            box = inbox;
            if (box == null) {
                box = new NativeInbox(doorbell.address(), doorbell::ring);
                if (closed) {
                    boolean ended = box.end();
                    assert ended;
                }
                inbox = box;
            }
        }
        doorbell.ring();
        return Faces.of(new PostedWork(label, item, ipl.rank(), box, append), NativeWork.class);
    }

    /** Appends what C code has posted. In the monitor: the two inboxes must not be closed between the two lists. */
    void take() {
        NativeInbox box = inbox;
        if (box != null && !box.isEmpty()) {
            synchronized (doorbell) {
                box.moveAll();
            }
        }
    }

    /**
     * Refuses C code. Returns false if something waits, or if C code is still posting; that code rings when it is done.
     */
    boolean close() {
        synchronized (doorbell) {
            closed = true;
            NativeInbox box = inbox;
            return box == null || box.close();
        }
    }

    /** Ends the inbox of C code. Returns false if something waits. Called in the monitor, after {@link #close}. */
    boolean end() {
        NativeInbox box = inbox;
        return box == null || box.end();
    }

    /** Whether C code has posted what {@link #take} has not taken. It may be stale on return. */
    boolean hasPosted() {
        NativeInbox box = inbox;
        return box != null && !box.isEmpty();
    }

    boolean isBusy() {
        NativeInbox box = inbox;
        return box != null && box.isBusy();
    }

    /**
     * Thread that drops the queue: refuses further posters, and gives the posters inside a moment to leave. A poster
     * that stays longer, because Linux does not run it, is told that the queue has ended, or finds that its work was
     * handed back.
     */
    void expelPosters(Deadline grace) {
        if (close()) {
            return;
        }
        await(this, () -> !isBusy(), grace);
    }

    /** Waits until a condition holds or the time is over. A thread with a level runs its interrupts meanwhile. */
    static void await(Object blocker, BooleanSupplier condition, Deadline grace) {
        Uninterrupted.until(() -> {
            if (condition.getAsBoolean()) {
                return true;
            }
            Uninterrupted.park(blocker, LOOK_NANOS);
            Dispatcher spl = Dispatchers.currentIfUsed();
            int ran = spl == null ? 0 : spl.poll();
            assert ran >= 0;
            return grace.isOver();
        });
    }

    /** Whether an item that C code may post meets a condition, which must be cheap. */
    boolean hasItem(Predicate<Object> condition) {
        NativeInbox box = inbox;
        return box != null && box.hasItem(condition);
    }

    /** Returns the items that C code has posted and whose values no run has taken yet. */
    List<Object> posted() {
        NativeInbox box = inbox;
        return box == null ? List.of() : box.posted();
    }

    /** In the monitor: the works that {@link #take} is moving are in neither list. */
    boolean isEmpty() {
        synchronized (doorbell) {
            NativeInbox box = inbox;
            return box == null || box.isEmpty();
        }
    }
}
