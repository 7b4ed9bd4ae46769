// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.Deadline;

/**
 * A queue with its workers: what hands out the items, and how the queue ends.
 *
 * <p>Life: open; then closing, when what is queued still runs and the workers end when they find nothing more; or
 * dropping, when the workers end after the callback they are in and the rest is handed back.
 */
public abstract class ItemQueue extends Outlet {
    private static final Item[] NO_ITEMS = {};
    private static final int FAILURES_AT_ONCE = 10;
    private static final long PAUSE_NANOS = 100_000_000;

    /** What was taken back and has not been handed out; guarded by itself. */
    final List<Item> released = new ArrayList<>();

    ItemQueue(Kernel kernel, String name) {
        super(kernel, name);
    }

    /** A worker's thread: runs items until it must end. */
    final void serve(Worker worker) {
        worker.begins();
        try {
            work(worker);
        } finally {
            worker.ends();
            leave(worker);
        }
    }

    /** Worker: runs items and sleeps while there are none, until it must end. */
    final void work(Worker worker) {
        boolean more = true;
        int failures = 0;
        while (more) {
            try {
                more = runNext(worker);
                failures = 0;
            } catch (Throwable t) {
                // What was in its hands comes first in the next round: runNext() looks after that.
                try {
                    worker.survive(t);
                    if (++failures > FAILURES_AT_ONCE) {
                        LockSupport.parkNanos(this, PAUSE_NANOS);
                    }
                } catch (Throwable again) {
                    doorbell.owed = true;
                }
            }
        }
    }

    /**
     * Worker: runs what comes next, one item or several, and sleeps until it does. A call of its own, so that no local
     * variable of a worker that sleeps keeps the last item.
     *
     * @return false if the worker must end
     */
    abstract boolean runNext(Worker worker);

    /** Worker: it ends. */
    final void leave(Worker worker) {
        try {
            workerLeft(worker);
        } catch (Throwable t) {
            worker.survive(t);
            workerLeft(worker);
        }
        waiters.wakeAll();
    }

    /** A worker ends. */
    abstract void workerLeft(Worker worker);

    /** Worker: takes nothing more from anybody; false if something waits. */
    final boolean closeInboxes() {
        synchronized (doorbell) {
            return door.close() && !pushIsDue() && inbox.close() && door.end();
        }
    }

    /**
     * Whether a thread has claimed an item that C code may post, and has not pushed it yet; or an error keeps it from
     * that. A post that found the item claimed relies on the run to come, so the inbox must not be closed before. For a
     * worker that has found nothing to run, after no further poster is let in.
     */
    final boolean pushIsDue() {
        return door.hasItem(item -> item instanceof Item mine && owns(mine));
    }

    /** Worker: lets the thread run that has claimed an item, which may be on the worker's own CPU and below its priority. */
    final void awaitPush() {
        LockSupport.parkNanos(this, NativeDoor.LOOK_NANOS);
    }

    /**
     * Dropper: takes nothing more; false if something waits, also what the worker has just moved, or a poster inside
     * has marked.
     */
    final boolean closeInbox() {
        synchronized (doorbell) {
            return door.end() && inbox.close();
        }
    }

    /**
     * Lets no further callback begin; {@link #takeBack} follows.
     *
     * @param interrupt whether to interrupt the callbacks that run
     */
    final void stop(boolean interrupt) {
        dropping = true;
        if (interrupt) {
            for (Worker worker : workers()) {
                worker.interruptIfBusy();
            }
        }
    }

    /**
     * Takes back everything that has not started, into {@link #released}; `dropping` is set. Any number of threads may
     * do so, and again after an error.
     */
    abstract void takeBack(Deadline grace);

    /** Ends an item's being pending, without a call. */
    static void free(Item item) {
        item.older = null;
        item.newer = null;
        item.owner = 0;
    }

    /** What was taken back, to whoever asks first. */
    final Item[] handOut() {
        synchronized (released) {
            Item[] items = released.toArray(NO_ITEMS);
            released.clear();
            return items;
        }
    }

    /** What was handed out did not reach the caller. */
    final void handBack(Item[] items) {
        synchronized (released) {
            boolean added = released.addAll(Arrays.asList(items));
            assert added || items.length == 0;
        }
    }

    /** Those made so far. */
    abstract List<Worker> workers();

    /**
     * Whether every worker has ended.
     *
     * @return true from then on
     */
    public abstract boolean ended();

    /**
     * Whether the calling thread is a worker of this queue.
     *
     * @return true in its callbacks
     */
    public abstract boolean isWorker();
}
