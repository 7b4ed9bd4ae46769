// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs something once on a new thread, which has a whole stack and is not interrupted. The first use of levels loads
 * classes and a library. A caller's thread may be near the end of its stack, or interrupted; then a class would stay
 * unusable for ever.
 */
final class Loading<T> extends Thread {
    private final Supplier<T> code;

    // Written by the thread, read after its end.
    private @Nullable T result;
    private @Nullable Throwable thrown;

    private Loading(Supplier<T> code) {
        super(null, null, "percpu-loading", 0, false);
        this.code = code;
        setDaemon(true);
    }

    @Override
    public void run() {
        try {
            result = code.get();
        } catch (Throwable t) {
            thrown = t;
        }
    }

    /** The result, or what the code threw. */
    static <T> T run(Supplier<T> code) {
        Loading<T> loading = new Loading<>(code);
        loading.start();
        boolean interrupted = false;
        while (loading.isAlive()) {
            try {
                loading.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return loading.resultOrThrow();
    }

    private T resultOrThrow() {
        Throwable t = thrown;
        if (t instanceof RuntimeException e) {
            throw e;
        }
        if (t instanceof Error e) {
            throw e;
        }
        T made = result;
        if (made == null) {
            throw new AssertionError("nothing was loaded");
        }
        return made;
    }
}
