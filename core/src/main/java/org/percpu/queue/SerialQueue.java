// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WorkerState;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.Lwp;
import org.percpu.thread.CpuThread;

/**
 * One queue with one worker: strict first in, first out, one callback at a time. The worker takes the whole queue as a
 * batch (NWQ-14) and works through it without touching anything that producers write.
 */
public class SerialQueue extends ItemQueue {
    /** A work that could not be begun after so many tries is reported and let go. */
    private static final int MOST_FAILURES = 3;

    /** So many looks of an idle worker take much longer than a look at the clock. */
    private static final int SPUN_LONG = 200;

    final Worker worker;
    private final List<Worker> only; // the worker
    final Batch batch = new Batch();
    private final Recall recall = new Recall(this);
    private final DroppedBatch dropped = new DroppedBatch(this);

    /**
     * The worker takes no step with its works without a look at {@link #recall} and {@link #dropping}. Written under the
     * doorbell, as `dropping` is.
     */
    volatile boolean alert;

    /** Items that were taken out of the inbox and are to be released; guarded by released. */
    private @Nullable Item releasing;

    private volatile boolean left;

    // Only the worker uses these fields: they hold what an error has left to do.
    private @Nullable Item unlinked; // a batch whose items are not linked yet
    private @Nullable Item next; // the next item of a linked batch
    private boolean nextBegun; // next has begun and is no longer the queue's
    private @Nullable Item afterNext; // the item after next, if next has begun
    private int failures; // tries to begin next that failed

    /**
     * Makes a queue without a thread.
     *
     * @param kernel whose lock and policies it uses
     * @param name the worker's name
     * @param call how to run an item
     * @param mpsafe false if callbacks run under the kernel lock
     */
    public SerialQueue(Kernel kernel, String name, Call call, boolean mpsafe) {
        this(kernel, name, call, mpsafe, new NativeDoor(new Doorbell()));
    }

    SerialQueue(Kernel kernel, String name, Call call, boolean mpsafe, NativeDoor door) {
        super(kernel, name, door);
        this.worker = new Worker(this, call, mpsafe);
        this.only = List.of(worker);
    }

    /**
     * Makes the worker.
     *
     * @param thread its name, CPU and scheduling
     * @param flags its behaviour
     */
    public final void start(CpuThread.Builder thread, Set<Lwp.Flag> flags) {
        start(thread, flags, () -> {});
    }

    /**
     * Makes the worker.
     *
     * @param thread its name, CPU and scheduling
     * @param flags its behaviour
     * @param last called in the worker when it has left the queue. After an error it may be called again
     */
    public final void start(CpuThread.Builder thread, Set<Lwp.Flag> flags, Runnable last) {
        worker.start(thread, flags, () -> {
            serve(worker);
            last.run();
        });
    }

    @Override
    final boolean runNext(Worker me) {
        Batch batch = this.batch;
        Batch.IN_QUEUE.setOpaque(batch, true);
        // Work that an error has left over comes first.
        Item newest = unlinked;
        Item item = next;
        if (newest == null && item == null) {
            newest = takeBatch(me);
            if (newest == null) {
                return false;
            }
        }
        Item newer = item == null ? null : item.newer;
        boolean begun = false;
        if (item != null && nextBegun) {
            newer = afterNext;
            begun = true;
        }
        int tries = failures;
        int run = 0;
        try {
            if (newest != null) {
                // This store follows the compare-and-set that took the batch. So the fence in the collector's barrier
                // has nothing to wait for.
                WorkerProgress.BATCH.setRelease(me, newest);
                item = me.link(newest);
                newest = null;
                newer = item.newer;
            }
            while (item != null) {
                if (!begun) {
                    if (alert) {
                        item = recall.next(item);
                        newer = item == null ? null : item.newer;
                        if (item == null) {
                            break;
                        }
                        if (dropping) {
                            dropped.giveUp(item);
                            return false;
                        }
                    }
                    // The item that ran before this one is no longer the queue's.
                    item.older = null;
                    me.begin(item);
                    if (newer == null) {
                        Batch.UNSTARTED.setRelease(batch, false);
                    }
                    item.newer = null;
                    Item.OWNER.setRelease(item, 0);
                    begun = true;
                }
                Batch.IN_QUEUE.setRelease(batch, false);
                itemLeft();
                me.run(item);
                // No call comes before the next item stands here: an error would have this one called again.
                item = newer;
                newer = item == null ? null : item.newer;
                begun = false;
                tries = 0;
                run++;
                Batch.IN_QUEUE.setOpaque(batch, true);
            }
        } catch (Throwable t) {
            // No calls in this block: there may be no stack for a call. The worker reports the error and comes again.
            if (item != null) {
                boolean done = begun && me.called;
                me.called = false;
                if (!done && ++tries == MOST_FAILURES) {
                    me.lost = item;
                    done = true;
                }
                if (done) {
                    if (!begun) {
                        item.newer = null;
                        item.owner = 0;
                    }
                    item = newer;
                    newer = null;
                    begun = false;
                    tries = 0;
                } else if (!begun) {
                    item.newer = newer;
                }
            }
            unlinked = newest;
            next = item;
            nextBegun = begun;
            afterNext = newer;
            failures = tries;
            throw t;
        }
        if (unlinked != null || next != null) {
            unlinked = null;
            next = null;
            afterNext = null;
            failures = 0;
        }
        batch.last = run;
        return true;
    }

    /** Worker: takes what waits, and sleeps until there is something. Returns null if the worker must end. */
    @Nullable
    Item takeBatch(Worker me) {
        while (true) {
            if (dropping) {
                return null;
            }
            door.take();
            if (batch.last > 1 && !inbox.isEmpty() && !core.lock().isHeld()) {
                Inbox.gather(batch.last);
            }
            Item newest = take();
            if (newest != null) {
                return newest;
            }
            me.idle();
            batch.last = 0;
            me.answerInterrupts();
            if (closing && closeInboxes()) {
                return null;
            }
            if (closing && (door.isBusy() || !delays().isEmpty())) {
                // The last poster to leave rings, and so does the last item that waits for its time.
                idle(true);
            } else if (closing && pushIsDue()) {
                awaitPush();
            } else if (core.lock().isHeld()) {
                idle(false);
                me.clock(System.nanoTime());
            } else {
                newest = await(me);
                if (newest != null) {
                    return newest;
                }
            }
        }
    }

    final @Nullable Item take() {
        if (inbox.isEmpty()) {
            return null;
        }
        // Set before the list leaves the inbox: hasUnstarted() looks at the inbox first and at `unstarted` second.
        Batch.UNSTARTED.setOpaque(batch, true);
        Item newest = alert ? recall.take() : inbox.take();
        if (newest == null) {
            Batch.UNSTARTED.setRelease(batch, false);
        }
        // No call may follow the take of the list: an error in it would lose the list.
        return newest;
    }

    /** As idle(), for a worker without the kernel lock: it looks where it takes, and so starts without delay. */
    private @Nullable Item await(Worker me) {
        for (int looks = 0; ; looks++) {
            Item newest = take();
            if (newest != null || closing || doorbell.poll()) {
                if (looks > SPUN_LONG) {
                    // Kept here, as an error in clock() would lose the batch.
                    unlinked = newest;
                    me.clock(System.nanoTime());
                }
                return newest;
            }
            if (!spinning.goesOn(looks)) {
                park();
                me.clock(System.nanoTime());
                return null;
            }
            Thread.onSpinWait();
        }
    }

    /**
     * The worker hands its batch over when its callback returns. If the worker is stuck in its callback, this thread
     * takes the batch away, and the worker finds that out later. A worker without a batch is not waited for: it finds
     * the inbox closed, however long it waits for the kernel lock before it looks.
     */
    @Override
    void takeBack(Deadline grace) {
        door.expelPosters(grace);
        takeBackPushed(grace);
        do {
            takeBackPushed();
        } while (!closeInbox());
        // The worker may have gone to sleep while the inbox had no marker that close() could find.
        doorbell.ring();
        // A worker sets `unstarted` before it takes a batch. The inbox is closed, so the value is reliable now.
        if (left || batch.unstarted) {
            dropped.take(grace);
        }
        waiters.wakeAll();
    }

    @Override
    void stop(boolean interrupt) {
        synchronized (doorbell) {
            dropping = true;
            alert = true;
        }
        // An interrupt may have the worker return from its callback, so it comes after both.
        super.stop(interrupt);
    }

    @Override
    final boolean remove(Item item, int owner) {
        return recall.remove(item, owner);
    }

    @Override
    Item[] handOut() {
        return dropped.handOut();
    }

    @Override
    boolean isTaken(Item item) {
        return worker.hasInBatch(item);
    }

    @Override
    void takeBackPushed() {
        door.take();
        synchronized (doorbell) {
            recall.putBack();
            takeBackInbox();
        }
    }

    private void takeBackInbox() {
        synchronized (released) {
            if (releasing == null) {
                releasing = inbox.take();
            }
            if (releasing == null) {
                return;
            }
            // After an error the rest is linked once more, which changes nothing.
            for (Item item = Inbox.linkNewer(releasing); item != null; item = releasing) {
                // Read before the release: after it the item may be on another queue.
                Item newer = item.newer;
                release(item);
                if (newer != null) {
                    newer.older = null;
                }
                releasing = newer;
                free(item);
            }
        }
    }

    /**
     * Returns whether works wait whose callbacks have not begun.
     *
     * @return true also for works that the worker has taken but not started
     */
    public final boolean hasUnstarted() {
        return !door.isEmpty() || !inbox.isEmpty() || batch.unstarted;
    }

    /** As {@link #hasUnstarted}, without what C code has posted. Takes no monitor. */
    final boolean hasMore() {
        return !inbox.isEmpty() || batch.unstarted;
    }

    /**
     * Returns whether the calling thread is the one that would run the works of this queue, in a callback of this queue
     * or of another one that shares the thread. It waits for ever if it waits for such a work.
     *
     * @return true in the thread of the worker
     */
    public final boolean needsCaller() {
        return worker.isCurrentThread();
    }

    @Override
    public final boolean isRunning(Item item) {
        return worker.isRunning(item);
    }

    @Override
    public boolean isWorker() {
        return worker.isCurrentThread();
    }

    @Override
    void workerLeft(Worker me) {
        left = true;
    }

    @Override
    public boolean ended() {
        return left;
    }

    @Override
    List<Worker> workers() {
        return only;
    }

    @Override
    final long depth() {
        return (batch.unstarted ? worker.unstarted() : 0) + inbox.size();
    }

    /**
     * Asks what the worker does.
     *
     * @return its state now; null while it is being made
     */
    public @Nullable WorkerState state() {
        return worker.state((int) Math.min(depth(), Integer.MAX_VALUE));
    }
}
