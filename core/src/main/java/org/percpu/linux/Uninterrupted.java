// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.linux;

import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** Waits that {@link Thread#interrupt} does not end. The interrupt status is kept for the caller. */
public final class Uninterrupted {
    /** One look, and one wait that an interrupt may end. */
    @FunctionalInterface
    public interface Wait {
        /**
         * Looks, and waits if it is not over.
         *
         * @return true when there is nothing left to wait for
         * @throws InterruptedException if the thread was interrupted meanwhile; then the wait is called again
         */
        boolean isOver() throws InterruptedException;
    }

    private Uninterrupted() {}

    /**
     * Waits until a wait is over.
     *
     * @param wait called again and again
     */
    public static void until(Wait wait) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    if (wait.isOver()) {
                        return;
                    }
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /**
     * Parks for a while, as part of a {@link Wait}.
     *
     * @param blocker what a thread dump shows, or null
     * @param nanos longest sleep
     * @throws InterruptedException if the thread was interrupted
     */
    public static void park(@Nullable Object blocker, long nanos) throws InterruptedException {
        LockSupport.parkNanos(blocker, nanos);
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
    }
}
