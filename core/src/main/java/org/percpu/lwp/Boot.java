// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;

/** Whether a kernel is cold, that is, still boots, and what is deferred until it is warm. */
public final class Boot {
    private final String kernel;
    private final Reports reports;

    // Guarded by this.
    private final ArrayDeque<Runnable> deferred = new ArrayDeque<>();
    private boolean cold;

    Boot(String kernel, Reports reports, boolean cold) {
        this.kernel = kernel;
        this.reports = reports;
        this.cold = cold;
    }

    /**
     * Whether no threads run yet.
     *
     * @return true until {@link #warm}, for a kernel that was made cold
     */
    public synchronized boolean isCold() {
        return cold;
    }

    /**
     * Runs something as soon as threads can run: now, in the caller's context, or when the kernel becomes warm.
     *
     * @param callback what to run
     */
    public void whenWarm(Runnable callback) {
        synchronized (this) {
            if (cold) {
                deferred.add(callback);
                return;
            }
        }
        callback.run();
    }

    /**
     * Makes the kernel warm, then runs in order what was deferred. A callback that throws is reported and the next one
     * is called.
     *
     * @throws ErrnoException EINVAL if it is warm
     */
    public void warm() {
        synchronized (this) {
            if (!cold) {
                throw new ErrnoException(Errno.EINVAL, "kernel " + kernel + " is warm: it boots once");
            }
            cold = false;
        }
        for (Runnable next = nextDeferred(); next != null; next = nextDeferred()) {
            try {
                next.run();
            } catch (Throwable t) {
                reports.fault("deferred callbacks of kernel " + kernel, next, t);
            }
        }
    }

    private synchronized @Nullable Runnable nextDeferred() {
        return deferred.poll();
    }
}
