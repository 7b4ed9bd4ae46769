// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/** What the callbacks of one producer's items leave behind. Written by the worker alone, but for the switch. */
final class Sink {
    /** How many items a producer has, and may have in flight. */
    static final int RING = 1 << 16;

    private static final VarHandle COUNT;

    static {
        try {
            COUNT = MethodHandles.lookup().findVarHandle(Sink.class, "count", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** Whether callbacks note when they began; changed while nothing is in flight. */
    boolean stamping;

    // Who reads a line may take it away from who has written it: the switch, which the worker reads first, is not on
    // the line that the producer reads, and no two sinks share one.
    @SuppressWarnings("UnusedVariable")
    private long p0, p1, p2, p3, p4, p5, p6, p7;

    @SuppressWarnings("UnusedVariable") // through COUNT
    private volatile long count;

    private long ranAt;

    @SuppressWarnings("UnusedVariable")
    private long q0, q1, q2, q3, q4, q5, q6, q7;

    /** The callback. */
    void ran() {
        if (stamping) {
            ranAt = System.nanoTime();
        }
        COUNT.setRelease(this, (long) COUNT.get(this) + 1);
    }

    /** How often the callback ran. */
    long count() {
        return (long) COUNT.getAcquire(this);
    }

    /** When the last one counted began, if stamping. */
    long ranAt() {
        return ranAt;
    }
}
