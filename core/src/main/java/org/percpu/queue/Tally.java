// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/** A count that any thread may raise, on a cache line of its own. */
final class Tally extends Padded {
    private static final VarHandle COUNT;

    static {
        try {
            COUNT = MethodHandles.lookup().findVarHandle(Tally.class, "count", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private volatile long count;

    Tally() {}

    /** Adds, with the effect of a volatile write and read. */
    void add(long more) {
        long unused = (long) COUNT.getAndAdd(this, more);
    }

    long get() {
        return count;
    }
}
