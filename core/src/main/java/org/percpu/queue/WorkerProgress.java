// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * What a worker writes for each item, on cache lines that no producer reads. Others may read it; only the worker writes. No references
 * among it, but for one in a batch: each one stored into an old object costs a store barrier of the collector, with a fence in it.
 */
abstract class WorkerProgress extends Padded {
    static final VarHandle BATCH;
    static final VarHandle CURRENT;
    static final VarHandle UNSTARTED;
    static final VarHandle IN_QUEUE;
    static final VarHandle EXECUTED;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            BATCH = lookup.findVarHandle(WorkerProgress.class, "batch", Item.class);
            CURRENT = lookup.findVarHandle(WorkerProgress.class, "current", int.class);
            UNSTARTED = lookup.findVarHandle(WorkerProgress.class, "unstarted", boolean.class);
            IN_QUEUE = lookup.findVarHandle(WorkerProgress.class, "inQueue", boolean.class);
            EXECUTED = lookup.findVarHandle(WorkerProgress.class, "executed", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /**
     * Of a serial queue: the newest of the works that the worker has taken together. The links to the older ones lead through those that
     * have not started to the one that runs. Of a shared queue: the task that runs. Null while the worker looks for more.
     */
    volatile @Nullable Item batch;

    /** Of a serial queue: the worker has taken works that have not started, or is about to take them. */
    volatile boolean unstarted;

    /** Of a serial queue: the worker is in {@link SerialQueue#runNext}, not in a callback. */
    volatile boolean inQueue;

    /** Of a serial queue: how many works the worker has run since it last looked for more. For the worker alone. */
    int lastBatch;

    /** {@linkplain Item#id Id} of the item in whose callback the worker is, or 0. */
    volatile int current;

    /**
     * When the item began, by System.nanoTime(), or a little earlier: the worker looks at the clock when it has slept, and after some
     * callbacks, each time if they are slow.
     */
    long since;

    volatile long executed;
    volatile long faults;
    volatile long longestNanos;

    WorkerProgress() {}
}
