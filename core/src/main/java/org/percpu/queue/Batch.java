// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The fields of a {@link Batch}. They are in a class of their own, because within one class the virtual machine puts
 * padding before booleans.
 */
abstract class BatchFields extends Padded {
    /** True if the worker has taken works that have not started, or is about to take works. */
    volatile boolean unstarted;

    /** True if the worker is in {@link SerialQueue#runNext} and not in a callback. */
    volatile boolean inQueue;

    /** How many works the worker has run since it last looked for more. Only the worker uses it. */
    int last;
}

/**
 * How far the worker of a serial queue has come with its batch. The fields are on cache lines that no producer reads.
 * Only the worker writes them; other threads may read them. The items themselves are linked from
 * {@link WorkerProgress#batch}.
 */
final class Batch extends BatchFields {
    static final VarHandle UNSTARTED;
    static final VarHandle IN_QUEUE;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            UNSTARTED = lookup.findVarHandle(BatchFields.class, "unstarted", boolean.class);
            IN_QUEUE = lookup.findVarHandle(BatchFields.class, "inQueue", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    @SuppressWarnings("UnusedVariable") // keeps the memory behind this object off the cache line
    private int q00, q01, q02, q03, q04, q05, q06, q07, q08, q09, q10, q11, q12, q13, q14, q15;

    Batch() {}
}
