// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.TimeUnit;

/** What a thread allocates. */
public final class Allocation {
    /** Method handles allocate until they are compiled, and a busy compiler takes its time. */
    private static final long WARM_NANOS = TimeUnit.SECONDS.toNanos(20);

    private Allocation() {}

    /** The fewest bytes that the calling thread allocated in one of many rounds; one without any is the last. */
    public static long fewest(Runnable round) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long self = Thread.currentThread().getId();
        long start = System.nanoTime();
        long least = Long.MAX_VALUE;
        while (least > 0 && System.nanoTime() - start < WARM_NANOS) {
            long before = threads.getThreadAllocatedBytes(self);
            round.run();
            least = Math.min(least, threads.getThreadAllocatedBytes(self) - before);
        }
        return least;
    }
}
