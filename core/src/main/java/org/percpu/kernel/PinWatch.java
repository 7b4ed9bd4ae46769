// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.percpu.lwp.Deadline;
import org.percpu.thread.CpuThread;
import org.percpu.thread.PinPolicy;

/**
 * A pin can be lost at any time: a rewritten cpuset, a CPU that goes offline. Linux sends no notice, so a thread looks.
 * The same thread also looks for stalls.
 */
final class PinWatch {
    /** Something that the watch does again and again. */
    static final class Look {
        private final long periodNanos;
        private final Runnable body;

        // Only the watch uses these fields.
        private long last = System.nanoTime();
        private boolean failed;

        /**
         * A look.
         *
         * @param periodNanos at most Long.MAX_VALUE, 292 years
         * @param body what it does each time
         */
        Look(long periodNanos, Runnable body) {
            this.periodNanos = periodNanos;
            this.body = body;
        }

        private long left(long now) {
            return periodNanos - (now - last);
        }
    }

    private final String kernel;
    private final Supplier<CpuThread.Builder> threads;
    private final List<Look> looks;
    private @Nullable CpuThread thread; // guarded by this
    private volatile boolean ended;
    /**
     * The mark of the thread in use. A thread whose start has failed may still run: it finds another mark here, and
     * ends.
     */
    private volatile @Nullable Object session;

    /**
     * Does nothing until {@link #start}.
     *
     * @param kernel name of the kernel
     * @param threads describes its thread
     * @param looks what it does; none for a watch without a thread
     */
    PinWatch(String kernel, Supplier<CpuThread.Builder> threads, List<Look> looks) {
        this.kernel = kernel;
        this.threads = threads;
        this.looks = looks;
    }

    synchronized void start() {
        if (thread != null || ended || looks.isEmpty()) {
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
            long now = System.nanoTime();
            long left = Long.MAX_VALUE;
            for (Look look : looks) {
                left = Math.min(left, look.left(now));
            }
            if (left > 0) {
                LockSupport.parkNanos(this, left);
            } else {
                for (Look look : looks) {
                    if (look.left(now) <= 0 && !ended) {
                        run(look);
                    }
                }
            }
        }
    }

    private void run(Look look) {
        look.last = System.nanoTime();
        try {
            look.body.run();
            look.failed = false;
        } catch (Throwable t) {
            // A look that failed once may succeed the next time. Without the watch no lost pin would be set again.
            if (!look.failed) {
                look.failed = true;
                log(t);
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
