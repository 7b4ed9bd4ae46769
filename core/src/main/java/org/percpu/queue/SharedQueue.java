// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

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
 */
public final class SharedQueue extends ReadyQueue {
    private final Supplier<Call> calls;

    /**
     * Makes a queue without threads.
     *
     * @param kernel whose lock and policies it uses
     * @param name its name and that of the workers
     * @param calls makes one for each worker
     * @param mpsafe false if callbacks run under the kernel lock
     * @param inPortions whether the worker takes items in portions: only for a queue that is given one worker
     */
    public SharedQueue(Kernel kernel, String name, Supplier<Call> calls, boolean mpsafe, boolean inPortions) {
        super(kernel, name, mpsafe, inPortions);
        this.calls = calls;
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
    boolean remove(Item item, int owner) {
        if (!owns(item)) {
            return false;
        }
        boolean removed = false;
        try {
            synchronized (lock) {
                drainInbox();
                if (item.owner == portion.taken || portion.isHalfGivenBack()) {
                    portion.giveBack();
                }
                // Workers take items under the lock. So an item that is still owned is in the ready list, or its add
                // has claimed it and not pushed it yet. In the second case this call came first.
                if (item.owner == number && ready.links(item)) {
                    ready.unlink(item);
                    item.owner = owner;
                    removed = true;
                    deleted(item);
                }
                // An idle worker that has not put up its marker yet did not hear of what the drain has made ready.
                if (ready.first != null) {
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
            portion.giveBack();
            drainInbox();
            for (Item item = ready.first; item != null; item = ready.first) {
                if (item instanceof Barrier barrier) {
                    barrier.passed = true;
                } else {
                    release(item);
                }
                ready.unlink(item);
                item.owner = 0;
            }
        }
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
        return !inbox.isEmpty() || ready.size != 0 || portion.isLeft();
    }

    @Override
    long depth() {
        long waiting = (long) inbox.size() + ready.size;
        for (Worker worker : workers.list()) {
            waiting += worker.unstarted();
        }
        return waiting;
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
