// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Collection;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.Lwp;
import org.percpu.kernel.WorkerState;
import org.percpu.thread.CpuThread;

/**
 * One queue with one worker: strict first in, first out, one callback at a time. The worker takes the whole queue as a batch
 * (NWQ-14) and works through it without touching anything that producers write.
 */
public final class SerialQueue extends RunQueue {
    /** Stands in `batch` while the worker takes one: there are works that have not started, but not yet which. */
    private static final Item TAKING = new Item() {};

    private static final VarHandle BATCH;

    static {
        try {
            BATCH = MethodHandles.lookup().findVarHandle(SerialQueue.class, "batch", Item.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final Worker worker;
    private final Queue<Item> givenUp = new ConcurrentLinkedQueue<>();

    /** The part of the batch that has not started. Written by the worker alone. */
    private volatile @Nullable Item batch;

    private volatile boolean left;

    /**
     * Makes a queue without a thread.
     *
     * @param kernel whose lock and policies it uses
     * @param name the worker's name
     * @param call how to run an item
     * @param mpsafe false if callbacks run under the kernel lock
     */
    public SerialQueue(Kernel kernel, String name, Call call, boolean mpsafe) {
        super(kernel, name);
        this.worker = new Worker(this, call, mpsafe);
    }

    /**
     * Makes the worker.
     *
     * @param thread its name, CPU and scheduling
     * @param flags its behaviour
     */
    public void start(CpuThread.Builder thread, Set<Lwp.Flag> flags) {
        worker.start(thread, flags);
    }

    @Override
    @Nullable
    Item next(Worker me) {
        Item item = (Item) BATCH.getOpaque(this);
        if (item == null) {
            item = takeBatch();
            if (item == null) {
                return null;
            }
        }
        BATCH.setRelease(this, item.next);
        item.next = null;
        me.take(item);
        itemLeft();
        if (dropping) {
            // The fence in take() lies between the store to batch and this look: drop() sees the one or we see the
            // other.
            giveUp(item);
            return null;
        }
        return item;
    }

    private @Nullable Item takeBatch() {
        while (true) {
            if (!inbox.isEmpty()) {
                // Before the list leaves the inbox: hasUnstarted() looks there first and here second.
                batch = TAKING;
                Item first = inbox.takeAll();
                if (first != null) {
                    return first;
                }
                batch = null; // drop() was faster
            }
            worker.idle();
            if (closing && inbox.close()) {
                return null;
            }
            idle(false);
        }
    }

    private void giveUp(Item taken) {
        givenUp.add(taken);
        release(batch, givenUp);
        batch = null;
    }

    @Override
    void drop(Set<Item> dropped) {
        do {
            release(inbox.takeAll(), dropped);
        } while (!inbox.close());
        // A worker stuck in its callback never gets to giveUp(). Its batch is not written meanwhile, so walk it; if the
        // worker is
        // just coming back it may release the same items, which the set forgives.
        release(batch, dropped);
        dropped.addAll(givenUp);
    }

    @SuppressWarnings("ReferenceEquality") // a work may define equals; its place in a queue is identity
    private static void release(@Nullable Item first, Collection<Item> to) {
        Item item = first == TAKING ? null : first;
        while (item != null) {
            Item next = item.next;
            to.add(item);
            item.release();
            item = next;
        }
    }

    /**
     * Whether works wait whose callbacks have not begun.
     *
     * @return true also for works that the worker has taken but not started
     */
    public boolean hasUnstarted() {
        return !inbox.isEmpty() || batch != null;
    }

    @Override
    public boolean isRunning(Item item) {
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

    /**
     * The worker and what it has done.
     *
     * @return the state now
     */
    public WorkerState state() {
        return worker.state(inbox.size(Integer.MAX_VALUE));
    }
}
