// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WorkerState;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.Lwp;
import org.percpu.queue.Barriers.Barrier;
import org.percpu.thread.CpuThread;

/**
 * One queue with any number of workers, from which items can be taken back. Items are started in the order in which
 * they came (OWQ-8); with one worker they also end in it.
 *
 * <p>Producers push to the inbox without a lock. Workers and removers move it, under the lock, to a doubly linked ready
 * list.
 *
 * <p><b>Waking.</b> While a worker sleeps and nothing is ready, the inbox holds the "parked" marker. A push that
 * finds the marker replaces it with the item and rings the doorbell, which wakes one worker. A worker that takes an
 * item while others sleep passes the wake-up on: it rings if more items are ready (OTQ-22), and otherwise puts the
 * marker back.
 */
@SuppressWarnings("ReferenceEquality") // a task may define equals; its place in a queue is identity
public final class SharedQueue extends ItemQueue {
    /** A task that could not be called after so many tries is reported and let go. */
    private static final int MOST_FAILURES = 3;

    /** The lock. It is a monitor, because an error cannot leave a monitor held: the exit of a monitor is no call. */
    private final Object lock = new Object();

    private final Workers workers = new Workers();
    private final boolean mpsafe;
    private final Supplier<Call> calls;

    // Under the lock.
    private @Nullable Item first;
    private @Nullable Item last;
    private final Barriers barriers = new Barriers(waiters);
    private int idle;
    private int alive;
    /**
     * How many items are linked. Written under the lock. Read without the lock, after a look at the inbox, which is
     * volatile.
     */
    private int ready;

    private volatile boolean ended;

    /**
     * Makes a queue without threads.
     *
     * @param kernel whose lock and policies it uses
     * @param name its name and that of the workers
     * @param calls makes one for each worker
     * @param mpsafe false if callbacks run under the kernel lock
     */
    public SharedQueue(Kernel kernel, String name, Supplier<Call> calls, boolean mpsafe) {
        super(kernel, name, new NativeDoor(new Doorbell()));
        this.calls = calls;
        this.mpsafe = mpsafe;
    }

    /**
     * Makes one more worker.
     *
     * @param thread its name, CPU and scheduling
     * @param flags its behaviour
     */
    public void start(CpuThread.Builder thread, Set<Lwp.Flag> flags) {
        Worker worker = new Worker(this, calls.get(), mpsafe);
        synchronized (lock) {
            workers.add(worker);
            alive++;
        }
        boolean made = false;
        try {
            worker.start(thread, flags, () -> serve(worker));
            made = true;
        } finally {
            if (!made) {
                synchronized (lock) {
                    workers.remove(worker);
                    alive--;
                    // The other workers may have counted on this one, in a barrier or at their end. If there are no
                    // others, the creator drops what is queued.
                    ended = closing && alive == 0 && !workers.isEmpty();
                    barriers.pass(worker, alive);
                }
                waiters.wakeAll();
            }
        }
    }

    @Override
    boolean runNext(Worker me) {
        // Work that an error has left over comes first.
        Item item = me.begun ? me.batch : next(me);
        if (item == null) {
            return false;
        }
        try {
            me.run(item);
        } catch (Throwable t) {
            // The error is not the callback's. No calls in this block: the worker reports the error and comes again.
            if (me.called) {
                me.called = false;
                me.begun = false;
            } else if (++me.failures == MOST_FAILURES) {
                me.lost = item;
                me.begun = false;
            }
            throw t;
        }
        me.begun = false;
        return true;
    }

    /** Returns the next item, begun and no longer pending, or null when the worker must end. */
    private @Nullable Item next(Worker me) {
        if (!mpsafe) {
            // The worker offers to yield after each task (OTQ-23).
            core.lock().offer();
        }
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
                    return start(me, item);
                }
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
        unlink(item);
        // No call up to here: an error would lose the item.
        item.owner = 0;
        me.begun = true;
        me.failures = 0;
        // A caller that found the item still pending relies on this run to see what the caller wrote. So the worker
        // must not read that before this point (OTQ-11). And the item that ran before has ended before the look at the
        // waiters.
        VarHandle.fullFence();
        try {
            itemLeft();
            wakeAnother();
        } catch (Throwable t) {
            // The item has begun, so it must run. The next ring makes up for this one.
            doorbell.owed = true;
            throw t;
        }
        return item;
    }

    /** Returns the first ready item that is not a barrier. The item stays linked. */
    private @Nullable Item firstReady() {
        door.take();
        drainIfNothingIsReady();
        while (first instanceof Barrier barrier) {
            barriers.atFront(barrier, workers.list());
            unlink(barrier);
            barrier.owner = 0;
            barriers.pass(null, alive);
            drainIfNothingIsReady();
        }
        return first;
    }

    /**
     * A look at the inbox takes its cache line away from the producers, and the items in the inbox come after the ready
     * ones.
     */
    private void drainIfNothingIsReady() {
        if (first == null) {
            drainInbox();
        }
    }

    private void drainInbox() {
        door.take();
        Item newest = inbox.take();
        if (newest == null) {
            return;
        }
        Item oldest = newest;
        int more = 1;
        for (Item older = oldest.older; older != null; older = oldest.older) {
            older.newer = oldest;
            oldest = older;
            more++;
        }
        ready += more;
        oldest.older = last;
        if (last == null) {
            first = oldest;
        } else {
            last.newer = oldest;
        }
        last = newest;
    }

    private void unlink(Item item) {
        Item older = item.older;
        Item newer = item.newer;
        if (older == null) {
            first = newer;
        } else {
            older.newer = newer;
        }
        if (newer == null) {
            last = older;
        } else {
            newer.older = older;
        }
        item.older = null;
        item.newer = null;
        ready--;
    }

    private void wakeAnother() {
        if (idle == 0) {
            return;
        }
        // If nothing is ready, the next push must find the marker, or it would not ring.
        if (first != null || !inbox.park()) {
            doorbell.ring();
        }
    }

    private void ringIfIdle() {
        if (idle > 0) {
            doorbell.ring();
        }
    }

    /**
     * Takes an item back.
     *
     * @param item any item
     * @return false if it is not pending here: never added, running, or done
     */
    public boolean remove(Item item) {
        if (!owns(item)) {
            return false;
        }
        boolean removed = false;
        try {
            synchronized (lock) {
                drainInbox();
                // Workers take items under the lock. So an item that is still owned is in the ready list, or its add
                // has claimed it and not pushed it yet. In the second case this call came first.
                if (owns(item) && (item == last || item.newer != null)) {
                    unlink(item);
                    item.owner = 0;
                    removed = true;
                    deleted(item);
                }
                // An idle worker that has not put up its marker yet did not hear of what the drain has made ready.
                if (first != null) {
                    ringIfIdle();
                }
            }
        } catch (Throwable t) {
            doorbell.owed = true;
            ringFailed = true;
            throw t;
        }
        return removed;
    }

    /**
     * Waits until everything that was queued or running before the call has ended (OTQ-31). A worker of this queue
     * counts itself as passed (OTQ-33); so it says nothing about the caller's own task, nor about others that wait in
     * here.
     *
     * @param atMost how long to wait
     * @return false if the time ran out first
     */
    public boolean barrier(Duration atMost) {
        core.requireSleepable(name());
        Worker self = workers.current();
        Barrier barrier = new Barrier(self != null);
        try {
            synchronized (lock) {
                if (ended) {
                    return true;
                }
                barriers.raise(barrier, self, alive);
            }
            // In a task of a dropped queue the inbox is closed, and this worker is one of those that the end waits for.
            Append appended = append(barrier);
            assert appended != Append.PENDING;
            return await(() -> barrier.passed || ended, atMost);
        } finally {
            forget(barrier, self);
            remove(barrier);
        }
    }

    private void forget(Barrier barrier, @Nullable Worker self) {
        synchronized (lock) {
            barriers.forget(barrier, self);
        }
    }

    @Override
    void takeBack(Deadline grace) {
        door.expelPosters(grace);
        takeBackPushed(grace);
        synchronized (lock) {
            do {
                takeBackPushed();
            } while (!closeInbox());
            ended = alive == 0;
            ringIfIdle();
        }
        waiters.wakeAll();
    }

    @Override
    void takeBackPushed() {
        synchronized (lock) {
            drainInbox();
            for (Item item = first; item != null; item = first) {
                if (item instanceof Barrier barrier) {
                    barrier.passed = true;
                } else {
                    release(item);
                }
                unlink(item);
                item.owner = 0;
            }
        }
    }

    /** Workers take and begin an item in one step, under the lock. */
    @Override
    boolean isTaken(Item item) {
        return false;
    }

    @Override
    List<Worker> workers() {
        return workers.list();
    }

    @Override
    void workerLeft(Worker worker) {
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
    public boolean ended() {
        return ended;
    }

    /**
     * Waits until no worker runs an item, the caller left out.
     *
     * @param item any item
     * @param atMost how long to wait
     * @return false if the time ran out first
     */
    public boolean awaitNotRunning(Item item, Duration atMost) {
        Worker self = workers.current();
        return await(() -> workers.nobodyRuns(item, self), atMost);
    }

    @Override
    public boolean isWorker() {
        return workers.current() != null;
    }

    /**
     * Whether anything waits here.
     *
     * @return the state when the call looked, which may be stale on return
     */
    public boolean hasItems() {
        return !inbox.isEmpty() || ready != 0;
    }

    @Override
    long depth() {
        return (long) inbox.size() + ready;
    }

    /**
     * The workers and what they have done.
     *
     * @return one for each worker that has run; each shows the whole queue's pending items
     */
    public List<WorkerState> states() {
        // Without the lock: producers and workers go on while a caller counts what has just come.
        return workers.states((int) depth());
    }
}
