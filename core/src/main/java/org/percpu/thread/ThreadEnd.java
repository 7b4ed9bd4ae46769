// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Tasks;

/** Waits for the end of a thread: first Java's, then Linux's, which comes when the thread has left the JVM. */
final class ThreadEnd {
    private static final long LOOK_NANOS = 50_000;
    /** By then the number belongs to another thread of this process that was started later. */
    private static final long REUSED_NANOS = 1_000_000_000;

    private ThreadEnd() {}

    static boolean await(Thread thread, int tid, Duration atMost) {
        boolean interrupted = false;
        long start = System.nanoTime();
        long limit = atMost.compareTo(Duration.ofNanos(Long.MAX_VALUE)) < 0 ? atMost.toNanos() : Long.MAX_VALUE;
        while (thread.isAlive()) {
            long left = limit - (System.nanoTime() - start);
            if (left <= 0) {
                break;
            }
            try {
                TimeUnit.NANOSECONDS.timedJoin(thread, left);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        boolean gone = !thread.isAlive();
        Tasks tasks = Backend.linux().tasks();
        long ended = System.nanoTime();
        while (gone && tasks.exists(tid) && System.nanoTime() - ended < REUSED_NANOS) {
            LockSupport.parkNanos(thread, LOOK_NANOS);
            interrupted |= Thread.interrupted();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return gone;
    }
}
