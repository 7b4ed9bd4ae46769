// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.openbsd;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater;
import org.jspecify.annotations.Nullable;
import org.percpu.queue.Inlet;
import org.percpu.queue.Names;

/**
 * A bounded pool of tasks that allocates each of them once, at its first use. Lock-free: a stack of indices whose head
 * carries a count of changes beside the index, so that a head that was taken and put back is not mistaken for an
 * unchanged head.
 */
final class TaskPool {
    /** A task that knows its place. */
    static final class Pooled extends WorkqTask {
        private final int index;

        /** How often it was taken; written by the taker. */
        int takes;

        /** The take whose call a worker has begun; written by the worker while the entry is pending. */
        int runs;

        /** The take in which an error may have kept the entry out of queue and pool. */
        int strayedAt;

        /** A worker has begun that take's call, and an error has kept it from putting the entry back. */
        boolean unput;

        Pooled(int index) {
            this.index = index;
        }

        /**
         * True if neither the queue, the pool nor a worker has the entry. The order matters: a worker counts the run
         * before the entry is no longer pending, and puts the entry back later; a taker counts after that.
         */
        private boolean isStray() {
            return !Inlet.isPending(this) && takes == strayedAt && (unput || runs != takes);
        }

        @Override
        public String toString() {
            return Names.of("workq task", func, this, Pooled.class);
        }
    }

    private static final int NONE = -1;

    private static final AtomicReferenceFieldUpdater<TaskPool, Pooled> STRAYED =
            AtomicReferenceFieldUpdater.newUpdater(TaskPool.class, Pooled.class, "strayed");

    private final @Nullable Pooled[] tasks;
    private final AtomicIntegerArray below;
    private final AtomicInteger made = new AtomicInteger();
    private final AtomicLong head = new AtomicLong(pack(0, NONE));

    /**
     * An entry that an error has kept from being put back. It is set without a call, because there may be no stack for
     * a call.
     */
    @Nullable
    volatile Pooled strayed;

    TaskPool(int size) {
        this.tasks = new @Nullable Pooled[size];
        this.below = new AtomicIntegerArray(size);
    }

    int size() {
        return tasks.length;
    }

    /** A task, or null if all are queued. */
    @Nullable
    Pooled get() {
        Pooled task = strayed == null ? null : getStrayed();
        if (task == null) {
            task = pop();
        }
        if (task != null) {
            task.takes++;
        }
        return task;
    }

    @SuppressWarnings("NullAway") // an updater's type does not say that it takes null
    private @Nullable Pooled getStrayed() {
        Pooled found = strayed;
        if (found == null || !STRAYED.compareAndSet(this, found, null) || !owns(found) || !found.isStray()) {
            return null;
        }
        found.unput = false;
        return found;
    }

    private @Nullable Pooled pop() {
        while (true) {
            long seen = head.get();
            int index = (int) seen;
            if (index == NONE) {
                return getNew();
            }
            if (head.compareAndSet(seen, pack(changes(seen) + 1, below.get(index)))) {
                return tasks[index];
            }
        }
    }

    private @Nullable Pooled getNew() {
        int index = made.get();
        while (index < tasks.length) {
            Pooled task = new Pooled(index);
            if (made.compareAndSet(index, index + 1)) {
                tasks[index] = task;
                return task;
            }
            index = made.get();
        }
        // Another thread may have put an entry back since the stack was found empty.
        return (int) head.get() == NONE ? null : pop();
    }

    void put(Pooled task) {
        while (true) {
            long seen = head.get();
            below.set(task.index, (int) seen);
            if (head.compareAndSet(seen, pack(changes(seen) + 1, task.index))) {
                return;
            }
        }
    }

    boolean owns(Pooled task) {
        return task.index < tasks.length && tasks[task.index] == task;
    }

    boolean isExhausted() {
        return (int) head.get() == NONE && made.get() >= tasks.length && strayed == null;
    }

    private static int changes(long head) {
        return (int) (head >>> Integer.SIZE);
    }

    private static long pack(int changes, int index) {
        return ((long) changes << Integer.SIZE) | (index & 0xFFFF_FFFFL);
    }
}
