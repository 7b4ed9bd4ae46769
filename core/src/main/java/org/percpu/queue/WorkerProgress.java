// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The fields that a worker writes for each item. They are on cache lines that no producer reads. Only the worker writes
 * them; other threads may read them. Only one field is a reference, and it changes once in a batch: each store of a
 * reference into an old object costs a store barrier of the collector, which contains a fence.
 */
abstract class WorkerProgress extends Padded {
    static final VarHandle BATCH;
    static final VarHandle CURRENT;
    static final VarHandle DUE;
    static final VarHandle EXECUTED;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            BATCH = lookup.findVarHandle(WorkerProgress.class, "batch", Item.class);
            CURRENT = lookup.findVarHandle(WorkerProgress.class, "current", int.class);
            DUE = lookup.findVarHandle(WorkerProgress.class, "due", long.class);
            EXECUTED = lookup.findVarHandle(WorkerProgress.class, "executed", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /**
     * The newest item that the worker has taken. In a serial queue it is the newest work of the batch; the links to
     * older works lead through the works that have not started to the work that runs. In a shared queue it is the task
     * that runs. Null while the worker looks for more.
     */
    volatile @Nullable Item batch;

    /** {@linkplain Item#id Id} of the item in whose callback the worker is, or 0. */
    volatile int current;

    /**
     * When the worker last looked at the clock, by System.nanoTime(): when it has slept, and after some callbacks, after
     * each one if they are slow. So the item that runs began then or a little later.
     */
    long clock;

    /** In a serial queue: the value of executed when the batch will have run. */
    volatile long due;

    volatile long executed;
    volatile long faults;
    volatile long longestNanos;

    WorkerProgress() {}

    /**
     * Links the items of a batch from the oldest to the newest as well, and notes how many there are. After an error it
     * may be called again.
     *
     * @param newest of the batch
     * @return the oldest
     */
    final Item link(Item newest) {
        Item item = newest;
        long count = 1;
        for (Item older = item.older; older != null; older = item.older) {
            older.newer = item;
            item = older;
            count++;
        }
        DUE.setOpaque(this, (long) EXECUTED.getOpaque(this) + count);
        return item;
    }

    /** Any thread: how many items of a batch have not begun. */
    final long unstarted() {
        // In this order: an item that begins meanwhile is missed and not counted twice.
        long ran = executed;
        boolean busy = current != 0;
        return Math.max(0, due - ran - (busy ? 1 : 0));
    }
}
