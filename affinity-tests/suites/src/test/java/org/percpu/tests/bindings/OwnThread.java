// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Runs code on a new platform thread that ends with it. */
final class OwnThread {
    private static final long LONGEST_SECONDS = 20;

    private OwnThread() {}

    /** Starts the code and answers at once. A thread that is stuck does not keep the process alive. */
    static <T> FutureTask<T> start(Callable<T> code) {
        FutureTask<T> task = new FutureTask<>(code);
        Thread thread = new Thread(task, "own-thread");
        thread.setDaemon(true);
        thread.start();
        return task;
    }

    static <T> T join(FutureTask<T> task) throws Exception {
        try {
            return task.get(LONGEST_SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            throw new AssertionError("the thread did not end within " + LONGEST_SECONDS + " s", e);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            if (cause instanceof Error error) {
                throw error;
            }
            throw cause instanceof Exception exception ? exception : e;
        }
    }

    static <T> T call(Callable<T> code) throws Exception {
        return join(start(code));
    }

    static void run(Code code) throws Exception {
        call(() -> {
            code.run();
            return true;
        });
    }

    @FunctionalInterface
    interface Code {
        void run() throws Exception;
    }
}
