// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WorkerCounters;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.Lwp;

/**
 * A queue with its workers. The class defines how items are handed out to the workers, and how the queue ends.
 *
 * <p>Life: a queue is open first. Then it is closing: queued items still run, and the workers end when they find
 * nothing more. Or it is dropping: the workers end after the callback that they are in, and the rest is handed back.
 */
public abstract class ItemQueue extends Outlet {
    private static final Item[] NO_ITEMS = {};
    private static final int FAILURES_AT_ONCE = 10;
    private static final long PAUSE_NANOS = 100_000_000;

    /** Items that were taken back and not yet handed out; guarded by itself. */
    final List<Item> released = new ArrayList<>();

    private final Delays delays = new Delays(this);
    private volatile long deleted;

    ItemQueue(Kernel kernel, String name, NativeDoor door) {
        super(kernel, name, door);
    }

    /**
     * The items that wait for their time.
     *
     * @return always the same object
     */
    public final Delays delays() {
        return delays;
    }

    /**
     * Returns whether an item runs here.
     *
     * @param item any item
     * @return true while its callback has not returned
     */
    public boolean isRunning(Item item) {
        for (Worker worker : workers()) {
            if (worker.isRunning(item)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Takes an item back.
     *
     * @param item any item
     * @return false if it is not pending here: never added, running, or done; or its append has not pushed it yet
     */
    public final boolean remove(Item item) {
        return remove(item, 0);
    }

    /** As {@link #remove(Item)}; the item is left with an owner that is no queue. */
    abstract boolean remove(Item item, int owner);

    /** The function of a worker's thread: runs items until the worker must end. */
    final void serve(Worker worker) {
        worker.begins();
        try {
            work(worker);
        } finally {
            worker.ends();
            leave(worker);
        }
    }

    /** Worker: runs items, and sleeps while there are none, until the worker must end. */
    final void work(Worker worker) {
        boolean more = true;
        int failures = 0;
        while (more) {
            try {
                more = runNext(worker);
                failures = 0;
            } catch (Throwable t) {
                // The items that the worker had taken come first in the next round: runNext() sees to that.
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
     * Worker: runs the next item or several, and sleeps until there is one. This is a method of its own, so that no
     * local variable of a sleeping worker keeps the last item reachable.
     *
     * @return false if the worker must end
     */
    abstract boolean runNext(Worker worker);

    /** Worker: records that the worker ends, and wakes the threads that wait for that. */
    final void leave(Worker worker) {
        try {
            workerLeft(worker);
        } catch (Throwable t) {
            worker.survive(t);
            workerLeft(worker);
        }
        waiters.wakeAll();
    }

    /** Records that a worker ends. */
    abstract void workerLeft(Worker worker);

    /** Worker: closes the inboxes. Returns false if something waits, for its time too. */
    final boolean closeInboxes() {
        synchronized (doorbell) {
            return delays.isEmpty() && door.close() && !pushIsDue() && inbox.close() && door.end();
        }
    }

    /**
     * Returns whether some item that C code may post is claimed and not pushed: its thread has not come to the push, or
     * an error keeps it from the push. A post that found the item claimed relies on the run to come, so the inbox must
     * not be closed before the push. Only a worker may call this, when it has found nothing to run and further posters
     * are refused.
     */
    final boolean pushIsDue() {
        return door.hasItem(item -> item instanceof Item mine && owns(mine));
    }

    /**
     * Worker: sleeps, so that the thread that has claimed an item can run. That thread may be on the worker's own CPU
     * and have a lower priority.
     */
    final void awaitPush() {
        LockSupport.parkNanos(this, NativeDoor.LOOK_NANOS);
    }

    /**
     * Called by the thread that drops the queue, when no more posters are let in. Takes back everything that was pushed.
     * Threads that have claimed a posted item and not pushed it yet get a moment to do so.
     */
    final void takeBackPushed(Deadline grace) {
        delays.takeBack(released);
        NativeDoor.await(
                this,
                () -> {
                    takeBackPushed();
                    return notPushed().isEmpty();
                },
                grace);
    }

    /** Takes back everything that was pushed and that no worker has. */
    abstract void takeBackPushed();

    /** Whether a worker has taken an item that is still pending here. */
    abstract boolean isTaken(Item item);

    /** Returns the items of accepted posts that rely on a push which is still to come. */
    private List<Item> notPushed() {
        List<Item> claimed = new ArrayList<>();
        for (Object posted : door.posted()) {
            if (posted instanceof Item item && owns(item) && !isTaken(item)) {
                claimed.add(item);
            }
        }
        return claimed;
    }

    /**
     * Thread that drops the queue: closes the inbox. Returns false if something waits. That includes works that the
     * worker has just moved, and works that a poster inside has marked.
     *
     * <p>A thread that has claimed a posted item and has not pushed it by now is refused. The post was accepted, so the
     * item is handed back. It stays pending until that thread goes on.
     */
    final boolean closeInbox() {
        synchronized (doorbell) {
            if (!door.end()) {
                return false;
            }
            if (inbox.isShut()) {
                return true;
            }
            List<Item> refused = notPushed();
            synchronized (released) {
                int before = released.size();
                boolean closed = false;
                try {
                    boolean added = released.addAll(refused);
                    assert added || refused.isEmpty();
                    closed = inbox.close();
                } finally {
                    if (!closed) {
                        // The pushes came after all.
                        released.subList(before, released.size()).clear();
                    }
                }
                return closed;
            }
        }
    }

    /**
     * Lets no further callback begin. A call of {@link #takeBack} follows.
     *
     * @param interrupt whether to interrupt the callbacks that run
     */
    void stop(boolean interrupt) {
        dropping = true;
        if (interrupt) {
            for (Worker worker : workers()) {
                worker.interruptIfBusy();
            }
        }
    }

    /**
     * Takes back every item that has not started, into {@link #released}. The flag `dropping` is set before. Any number
     * of threads may call this, and may call it again after an error.
     */
    abstract void takeBack(Deadline grace);

    /**
     * Hands an item back that has not begun. An error may come after this and before the item is unlinked. Then this is
     * called twice for the item, and the item is handed out once.
     */
    final void release(Item item) {
        synchronized (released) {
            boolean added = released.add(item);
            assert added;
            deleted(item);
        }
    }

    /** An item was taken back. Called under the lock of the queue, or of what was released. */
    @SuppressWarnings("NonAtomicVolatileUpdate")
    final void deleted(Item item) {
        if (item.isOfUser()) {
            deleted++;
        }
    }

    @Override
    final List<Thread> busyThreads() {
        List<Thread> threads = new ArrayList<>();
        for (Worker worker : workers()) {
            Lwp lwp = worker.lwp();
            if (lwp != null && worker.isBusy()) {
                threads.add(lwp.thread().thread());
            }
        }
        return threads;
    }

    @Override
    final long deleted() {
        return deleted;
    }

    @Override
    final long begun() {
        long begun = 0;
        for (Worker worker : workers()) {
            begun += worker.begun();
        }
        return begun;
    }

    /**
     * What the workers have counted.
     *
     * @return one for each worker, always the same
     */
    public final List<WorkerCounters> counters() {
        List<WorkerCounters> counters = new ArrayList<>();
        for (Worker worker : workers()) {
            counters.add(worker.counters);
        }
        return counters;
    }

    /** Makes an item no longer pending. Makes no call. */
    static void free(Item item) {
        item.older = null;
        item.newer = null;
        item.owner = 0;
    }

    /** Returns the items that were taken back. The first caller gets them. */
    Item[] handOut() {
        synchronized (released) {
            Item[] items = released.toArray(NO_ITEMS);
            released.clear();
            return items;
        }
    }

    /** Takes items back that were handed out and did not reach the caller. */
    final void handBack(Item[] items) {
        synchronized (released) {
            boolean added = released.addAll(Arrays.asList(items));
            assert added || items.length == 0;
        }
    }

    /** Returns the workers made so far. */
    abstract List<Worker> workers();

    /**
     * Returns whether every worker has ended.
     *
     * @return true from then on
     */
    public abstract boolean ended();

    /** Waits until every worker has ended. Returns false if the time is over. */
    boolean awaitEnd(Deadline deadline) {
        return ended() || await(this::ended, deadline.left());
    }

    /** Waits until Linux no longer has the threads of the workers, which have ended. */
    void awaitThreads(Deadline deadline) {
        for (Worker worker : workers()) {
            if (!worker.awaitGone(deadline)) {
                return;
            }
        }
    }

    /**
     * Returns whether the calling thread is a worker of this queue.
     *
     * @return true in its callbacks
     */
    public abstract boolean isWorker();
}
