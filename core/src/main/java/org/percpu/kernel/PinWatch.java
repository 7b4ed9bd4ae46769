// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.percpu.lwp.Deadline;
import org.percpu.thread.CpuThread;
import org.percpu.thread.PinPolicy;

/**
 * A pin can be lost at any time: a rewritten cpuset, a CPU that goes offline. Linux sends no notice, so a thread looks.
 */
final class PinWatch {
    private final String kernel;
    private final Supplier<CpuThread.Builder> threads;
    private final long periodNanos;
    private final Runnable look;
    private @Nullable CpuThread thread; // guarded by this
    private volatile boolean ended;
    /**
     * The mark of the thread in use. A thread whose start has failed may still run: it finds another mark here, and
     * ends.
     */
    private volatile @Nullable Object session;

    private boolean failed; // used by the watch alone

    /**
     * Does nothing until {@link #start}.
     *
     * @param kernel name of the kernel
     * @param threads describes its thread
     * @param period zero for a watch that never looks
     * @param look what it does each time
     */
    PinWatch(String kernel, Supplier<CpuThread.Builder> threads, Duration period, Runnable look) {
        this.kernel = kernel;
        this.threads = threads;
        this.periodNanos = TimeUnit.NANOSECONDS.convert(period); // at most Long.MAX_VALUE, 292 years
        this.look = look;
    }

    synchronized void start() {
        if (thread != null || ended || periodNanos == 0) {
            return;
        }
        Object mine = new Object();
        session = mine;
        boolean started = false;
        try {
            thread = threads.get().pinPolicy(PinPolicy.BEST_EFFORT).start(() -> run(mine));
            started = true;
        } finally {
            if (!started) {
                session = null;
            }
        }
    }

    @SuppressWarnings("ReferenceEquality")
    private void run(Object mine) {
        while (!ended && session == mine) {
            LockSupport.parkNanos(this, periodNanos);
            try {
                look.run();
                failed = false;
            } catch (Throwable t) {
                // A look that failed once may succeed the next time. Without the watch no lost pin would be set again.
                if (!failed) {
                    failed = true;
                    log(t);
                }
            }
        }
    }

    private void log(Throwable failure) {
        try {
            System.getLogger(PinWatch.class.getName())
                    .log(
                            System.Logger.Level.WARNING,
                            "the pin watch of kernel " + kernel + " failed and goes on",
                            failure);
        } catch (Throwable t) {
            // There is no further place to report it.
        }
    }

    /** Ends the thread without waiting for it. */
    void end() {
        ended = true;
        CpuThread watcher;
        synchronized (this) {
            watcher = thread;
        }
        if (watcher != null) {
            LockSupport.unpark(watcher.thread());
        }
    }

    /** Waits until the thread, if there was one, is gone. */
    boolean awaitGone(Deadline deadline) {
        CpuThread watcher;
        synchronized (this) {
            watcher = thread;
        }
        return watcher == null || watcher.awaitGone(deadline.left());
    }
}
