// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.QueueEnd;

/** The end of the item queues behind one queue of the interfaces. */
public class Ending implements QueueEnd {
    /** The time that a thread with nothing left to run needs at most until it is gone. */
    private static final long LEAVES_MILLIS = 1000;

    /** Closes a queue of the interfaces to all callers except its callbacks. */
    @FunctionalInterface
    public interface Closing {
        /**
         * Checks that the caller may wait for the end, and closes the queue. A second close is harmless.
         *
         * @return false if no worker will ever run what is queued
         */
        boolean close();
    }

    private final Kernel kernel;
    private final Supplier<ItemQueue[]> all;
    private ItemQueue[] queues;
    private final Closing closing;
    private final Runnable unlisted;
    private boolean drains;
    private final Item[] none = {};
    private Item[][] handed = {}; // by queue

    /**
     * An end that has not begun.
     *
     * @param kernel of the queues
     * @param all supplies the queues. It is asked now, and again after {@code closing} has run; after that no queue is
     *     added
     * @param closing closes the queue to all callers except its callbacks
     * @param unlisted takes the queue off the kernel's list; may be called any number of times
     */
    public Ending(Kernel kernel, Supplier<ItemQueue[]> all, Closing closing, Runnable unlisted) {
        this.kernel = kernel;
        this.all = all;
        this.queues = all.get();
        this.closing = closing;
        this.unlisted = unlisted;
    }

    /**
     * Makes the end of queues that no user knows yet, or that their owner has closed.
     *
     * @param kernel of the queues
     * @param queues the queues whose worker was made
     * @return an end that has not begun
     */
    public static Ending ofUnlisted(Kernel kernel, ItemQueue... queues) {
        return new Ending(kernel, () -> queues, () -> true, () -> {});
    }

    @Override
    public final void close() {
        drains = closing.close();
        queues = all.get();
        if (drains) {
            closeQueues();
        }
    }

    /** Lets the workers end when they find nothing more to run. */
    protected void closeQueues() {
        for (ItemQueue queue : queues) {
            queue.close();
        }
    }

    @Override
    public final boolean await(Deadline deadline) {
        if (!drains) {
            return false;
        }
        boolean all = true;
        for (ItemQueue queue : queues) {
            all &= queue.awaitEnd(deadline);
        }
        return all;
    }

    @Override
    public void stop(boolean interrupt) {
        for (ItemQueue queue : queues) {
            queue.close();
            if (!queue.ended()) {
                queue.stop(interrupt);
            }
        }
    }

    @Override
    public final void takeBack(Deadline grace) {
        for (ItemQueue queue : queues) {
            if (queue.dropping) {
                queue.takeBack(grace);
            }
        }
    }

    @Override
    public final List<Object> handOut() {
        List<Object> faces = new ArrayList<>();
        try {
            handed = new Item[queues.length][0];
            // An item that was taken back may have been enqueued again by its owner, and taken back once more.
            Set<Item> dropped = Collections.newSetFromMap(new IdentityHashMap<>());
            for (int i = 0; i < queues.length; i++) {
                Item[] items = queues[i].handOut();
                handed[i] = items;
                dropped.addAll(Arrays.asList(items));
            }
            dropped.forEach(item -> faces.add(face(item)));
            return faces;
        } catch (Throwable t) {
            handBack();
            throw t;
        }
    }

    @Override
    public final void handBack() {
        for (int i = 0; i < handed.length; i++) {
            queues[i].handBack(handed[i]);
            handed[i] = none;
        }
    }

    /**
     * Returns the object that the owner of an item knows.
     *
     * @param item an item that was taken back
     * @return the item itself unless overridden
     */
    protected Object face(Item item) {
        return item;
    }

    @Override
    public final void finish(Deadline grace) {
        // The workers of a cold kernel end when they first run.
        if (!kernel.isCold()) {
            Deadline leave = Deadline.after(Duration.ofMillis(LEAVES_MILLIS));
            for (ItemQueue queue : queues) {
                if (queue.awaitEnd(grace)) {
                    queue.awaitThreads(leave);
                }
            }
        }
    }

    @Override
    public final void unlist() {
        unlisted.run();
    }

    /**
     * Ends the queues.
     *
     * @param atMost how long queued items may still run
     * @return the items that were taken back
     */
    public final List<Object> run(Duration atMost) {
        return QueueEnd.all(List.of(this), atMost, false);
    }

    /** Ends the queues after every queued item has run. In a cold kernel the workers end when they first run. */
    public final void run() {
        if (kernel.isCold()) {
            close();
            unlisted.run();
            return;
        }
        List<Object> unused = run(Deadline.FOREVER);
    }
}
