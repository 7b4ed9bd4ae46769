// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/** What a worker writes for each item, on cache lines that no producer reads. Others may read it; only the worker writes. */
abstract class WorkerProgress extends Padded {
    static final VarHandle CURRENT;
    static final VarHandle BATCH;
    static final VarHandle TAKING;
    static final VarHandle IN_NEXT;
    static final VarHandle EXECUTED;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            CURRENT = lookup.findVarHandle(WorkerProgress.class, "current", Item.class);
            BATCH = lookup.findVarHandle(WorkerProgress.class, "batch", Item.class);
            TAKING = lookup.findVarHandle(WorkerProgress.class, "taking", boolean.class);
            IN_NEXT = lookup.findVarHandle(WorkerProgress.class, "inNext", boolean.class);
            EXECUTED = lookup.findVarHandle(WorkerProgress.class, "executed", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** Of a serial queue: what the worker has taken from the inbox and not started. */
    volatile @Nullable Item batch;

    /** Of a serial queue: the worker takes a batch; there are works that have not started, but not yet which. */
    volatile boolean taking;

    /** Of a serial queue: works come faster than one by one. For the worker alone. */
    boolean streaming;

    /** Of a serial queue: the worker is in {@link RunQueue#next}, not in a callback. */
    volatile boolean inNext;

    volatile @Nullable Item current;
    volatile long executed;
    volatile long faults;
    volatile long longestNanos;

    WorkerProgress() {}
}
