// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Tasks;
import org.percpu.linux.Uninterrupted;

/** Waits for the end of a thread: first Java's, then Linux's, which comes when the thread has left the JVM. */
final class ThreadEnd {
    private static final long LOOK_NANOS = 50_000;
    /** By then the number belongs to another thread of this process that was started later. */
    private static final long REUSED_NANOS = 1_000_000_000;

    private ThreadEnd() {}

    static boolean await(Thread thread, int tid, Duration atMost) {
        long start = System.nanoTime();
        long limit =
                atMost.compareTo(Duration.ofNanos(Long.MAX_VALUE)) < 0 ? Math.max(atMost.toNanos(), 0) : Long.MAX_VALUE;
        Uninterrupted.until(() -> {
            long left = limit - (System.nanoTime() - start);
            if (left > 0) {
                TimeUnit.NANOSECONDS.timedJoin(thread, left);
            }
            return left <= 0 || !thread.isAlive();
        });
        if (thread.isAlive()) {
            return false;
        }
        Tasks tasks = Backend.linux().tasks();
        long ended = System.nanoTime();
        Uninterrupted.until(() -> {
            if (!tasks.exists(tid) || System.nanoTime() - ended >= REUSED_NANOS) {
                return true;
            }
            Uninterrupted.park(thread, LOOK_NANOS);
            return false;
        });
        return true;
    }
}
