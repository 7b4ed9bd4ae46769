// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.VarHandle;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.percpu.kernel.Kernel;
import org.percpu.queue.Barriers.Barrier;

/**
 * The part of a {@link SharedQueue} that its workers use: how they take items, and how they wake each other.
 *
 * <p>Producers push to the inbox without a lock. Workers and removers move it, under the lock, to a doubly linked ready
 * list.
 *
 * <p><b>Waking.</b> While a worker sleeps and nothing is ready, the inbox holds the "parked" marker. A push that
 * finds the marker replaces it with the item and rings the doorbell, which wakes one worker. A worker that takes an
 * item while others sleep passes the wake-up on: it rings if more items are ready (OTQ-22), and otherwise puts the
 * marker back.
 */
abstract class ReadyQueue extends ItemQueue {
    /** A task that could not be called after so many tries is reported and let go. */
    private static final int MOST_FAILURES = 3;

    /** The lock. It is a monitor, because an error cannot leave a monitor held: the exit of a monitor is no call. */
    final Object lock = new Object();

    final Workers workers = new Workers();
    final boolean mpsafe;

    /** Only a queue with one worker takes items in portions: with several, all take the first item. */
    private final boolean inPortions;

    // Under the lock.
    final ReadyList ready = new ReadyList();
    final Portion portion = new Portion(number, ready);
    final Barriers barriers = new Barriers(waiters);
    private int idle;
    int alive;

    volatile boolean ended;

    ReadyQueue(Kernel kernel, String name, boolean mpsafe, boolean inPortions) {
        super(kernel, name, new NativeDoor(new Doorbell()));
        this.mpsafe = mpsafe;
        this.inPortions = inPortions;
    }

    @Override
    final boolean runNext(Worker me) {
        // Work that an error has left over comes first.
        Item item = me.begun;
        Item newer = me.unstarted;
        if (item == null && newer == null) {
            item = next(me);
            if (item == null) {
                return false;
            }
            if (inPortions) {
                newer = item;
                item = null;
            }
        }
        try {
            while (item != null || newer != null) {
                if (item == null && newer != null) {
                    if (!mpsafe) {
                        // The worker offers to yield after each task (OTQ-23).
                        core.lock().offer();
                    }
                    Item following = newer.newer;
                    me.announce(newer);
                    if (dropping || !Item.OWNER.compareAndSet(newer, portion.taken, portion.starting)) {
                        // What has not started is in the ready list again, or will be handed back.
                        newer = null;
                        break;
                    }
                    item = newer;
                    newer = following;
                }
                if (item != null) {
                    if (item.owner == portion.starting) {
                        startTaken(me, item);
                    }
                    me.run(item);
                    item = null;
                }
            }
        } catch (Throwable t) {
            // The error is not the callback's. No calls in this block: the worker reports the error and comes again.
            if (me.called) {
                me.called = false;
                item = null;
                me.failures = 0;
            } else if (item != null && ++me.failures == MOST_FAILURES) {
                me.lost = item;
                if (item.owner == portion.starting) {
                    item.older = null;
                    item.newer = null;
                    item.owner = 0;
                }
                item = null;
                me.failures = 0;
            }
            me.begun = item;
            me.unstarted = newer;
            throw t;
        }
        if (me.begun != null || me.unstarted != null) {
            me.begun = null;
            me.unstarted = null;
            me.failures = 0;
        }
        return true;
    }

    /** Starts an item of the portion, which no other thread touches. After an error it is called again. */
    private void startTaken(Worker me, Item item) {
        me.load(item);
        item.older = null;
        item.newer = null;
        Item.OWNER.setRelease(item, 0);
        // As in start().
        VarHandle.fullFence();
        itemLeft();
    }

    /** As the worker of a serial queue does. */
    private void gather() {
        if (inPortions
                && ready.lately > 1
                && ready.size == 0
                && !inbox.isEmpty()
                && !core.lock().isHeld()) {
            Inbox.gather(ready.lately);
        }
    }

    /**
     * Returns the next item, begun and no longer pending, or, where the worker takes a portion, the first one of the next
     * portion; null when the worker must end.
     */
    private @Nullable Item next(Worker me) {
        if (!mpsafe) {
            // The worker offers to yield after each task (OTQ-23).
            core.lock().offer();
        }
        gather();
        while (true) {
            // Read once: a close() between two looks would leave a worker asleep, and no thread would ring for it.
            boolean sawClosing;
            synchronized (lock) {
                if (me.asleep) {
                    me.asleep = false;
                    idle--;
                }
                me.done();
                barriers.comesRound(me, alive);
                sawClosing = closing;
                boolean stopped = dropping;
                Item item = stopped ? null : firstReady();
                if (item != null) {
                    if (inPortions) {
                        portion.take(me, item);
                        return item;
                    }
                    return start(me, item);
                }
                ready.lately = 0;
                VarHandle.fullFence();
                itemLeft();
                if (stopped || (sawClosing && workers.nobodyRuns(me) && closeInboxes())) {
                    ringIfIdle();
                    return null;
                }
                if (!sawClosing || !pushIsDue()) {
                    me.asleep = true;
                    idle++;
                }
            }
            me.answerInterrupts();
            if (me.asleep) {
                // If the queue is closing, the worker that still runs something will ring.
                idle(sawClosing);
            } else {
                awaitPush();
            }
            me.clock(System.nanoTime());
        }
    }

    /** Under the lock: takes the first item. If the item cannot be begun, it stays the first one. */
    private Item start(Worker me, Item item) {
        WorkerProgress.BATCH.setRelease(me, item);
        me.begin(item);
        ready.unlink(item);
        // No call up to here: an error would lose the item.
        item.owner = 0;
        try {
            // A caller that found the item still pending relies on this run to see what the caller wrote. So the worker
            // must not read that before this point (OTQ-11). And the item that ran before has ended before the look at
            // the waiters.
            VarHandle.fullFence();
            itemLeft();
            wakeAnother();
        } catch (Throwable t) {
            // The item has begun, so it must run. The next ring makes up for this one.
            me.begun = item;
            doorbell.owed = true;
            throw t;
        }
        return item;
    }

    /** Returns the first ready item that is not a barrier. The item stays linked. */
    private @Nullable Item firstReady() {
        door.take();
        portion.end();
        drainIfNothingIsReady();
        while (ready.first instanceof Barrier barrier) {
            barriers.atFront(barrier, workers.list());
            ready.unlink(barrier);
            barrier.owner = 0;
            barriers.pass(null, alive);
            drainIfNothingIsReady();
        }
        return ready.first;
    }

    /**
     * A look at the inbox takes its cache line away from the producers, and the items in the inbox come after the ready
     * ones.
     */
    private void drainIfNothingIsReady() {
        if (ready.first == null) {
            drainInbox();
        }
    }

    /** Links the items of the inbox behind the ready ones, and the other way too. */
    final void drainInbox() {
        door.take();
        Item newest = inbox.take();
        if (newest == null) {
            return;
        }
        // No call from here on: an error would lose the items.
        Item oldest = newest;
        int more = 1;
        for (Item older = oldest.older; older != null; older = oldest.older) {
            older.newer = oldest;
            oldest = older;
            more++;
        }
        ready.lately = more;
        ready.size += more;
        oldest.older = ready.last;
        if (ready.last == null) {
            ready.first = oldest;
        } else {
            ready.last.newer = oldest;
        }
        ready.last = newest;
    }

    private void wakeAnother() {
        if (idle == 0) {
            return;
        }
        // If nothing is ready, the next push must find the marker, or it would not ring.
        if (ready.first != null || !inbox.park()) {
            doorbell.ring();
        }
    }

    final void ringIfIdle() {
        if (idle > 0) {
            doorbell.ring();
        }
    }

    /** Where items are taken back, a portion is given back first. */
    @Override
    final boolean isTaken(Item item) {
        return item.owner() == portion.starting;
    }

    @Override
    final List<Worker> workers() {
        return workers.list();
    }

    @Override
    final void workerLeft(Worker worker) {
        synchronized (lock) {
            // Added once, even if this is called again after an error.
            if (!worker.gone) {
                worker.gone = true;
                alive--;
            }
            ended = alive == 0;
            barriers.pass(worker, alive);
            ringIfIdle();
        }
    }

    @Override
    public final boolean ended() {
        return ended;
    }
}
