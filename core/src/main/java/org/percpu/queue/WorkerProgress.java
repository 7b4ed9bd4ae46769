// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * What a worker writes for each item, on cache lines that no producer reads. Others may read it; only the worker writes.
 * There is one reference among it, which changes once in a batch: each reference that is stored into an old object costs
 * a store barrier of the collector, with a fence in it.
 */
abstract class WorkerProgress extends Padded {
    static final VarHandle BATCH;
    static final VarHandle CURRENT;
    static final VarHandle EXECUTED;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            BATCH = lookup.findVarHandle(WorkerProgress.class, "batch", Item.class);
            CURRENT = lookup.findVarHandle(WorkerProgress.class, "current", int.class);
            EXECUTED = lookup.findVarHandle(WorkerProgress.class, "executed", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /**
     * What the worker has in its hands, by the newest item: in a serial queue the newest of the works that were taken
     * together, in a shared queue the task that runs. In a serial queue the links to the older works lead through those
     * that have not started to the one that runs. Null while the worker looks for more.
     */
    volatile @Nullable Item batch;

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
