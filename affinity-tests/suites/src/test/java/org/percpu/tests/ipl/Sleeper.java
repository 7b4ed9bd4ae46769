// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.percpu.intr.Receiver;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;

/** A thread with a level that sleeps in the library. */
class Sleeper {
    /** Code that may throw. */
    @FunctionalInterface
    interface Code {
        void run() throws Exception;
    }

    final Thread thread;
    final Receiver receiver;
    final long pthread;

    /** When the sleep ended, by the clock of {@link System#nanoTime}. */
    final FutureTask<Long> end;

    /** Runs code on the new thread, and then what that answers. */
    Sleeper(Callable<Code> before) {
        CompletableFuture<Object[]> begun = new CompletableFuture<>();
        end = Bounded.start("sleeper", () -> {
            Code sleep;
            try {
                sleep = before.call();
                begun.complete(new Object[] {
                    Thread.currentThread(), Receiver.current(), Machine.linux().pthread_self()
                });
            } catch (Throwable t) {
                begun.completeExceptionally(t);
                throw t;
            }
            sleep.run();
            return System.nanoTime();
        });
        Object[] known = begun.orTimeout(Bounded.SECONDS, TimeUnit.SECONDS).join();
        thread = (Thread) known[0];
        receiver = (Receiver) known[1];
        pthread = (Long) known[2];
    }

    boolean isAsleep() {
        return LockSupport.getBlocker(thread) != null;
    }

    boolean endsWithin(long seconds) throws Exception {
        try {
            long nanos = end.get(seconds, TimeUnit.SECONDS);
            return nanos != 0;
        } catch (TimeoutException e) {
            return false;
        }
    }
}
