// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.samples;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.DelayState;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.DelayedWork;
import org.percpu.netbsd.Workqueue;
import org.percpu.thread.Pri;

/**
 * A request that is tried again after longer and longer pauses, as a work of workqueue(9) that waits for its time.
 *
 * <pre>
 * java --enable-native-access=ALL-UNNAMED -cp affinity-tests/cli/target/percpu-cli.jar org.percpu.samples.Sample10_RetryLater
 * </pre>
 *
 * <p>It prints:
 *
 * <pre>
 * try 1 failed, the next one in 5 ms
 * try 2 failed, the next one in 10 ms
 * try 3 failed, the next one in 20 ms
 * try 4 succeeded, none came early: true
 * another request was WAITING when it was cancelled
 * </pre>
 *
 * <p>The request is the work, and has its timer inside: a pause allocates nothing. Between the tries no thread waits for it. A try may sleep,
 * as it runs in a thread of the workqueue and not on the clock.
 */
public final class Sample10_RetryLater {
    private static final int SUCCEEDS = 4;
    private static final long FIRST_PAUSE_MILLIS = 5;

    private Sample10_RetryLater() {}

    private static final class Request extends DelayedWork {
        private int tries;
        private boolean early;
        private long due = System.nanoTime();

        Request(Kernel kernel) {
            super(kernel);
        }

        /** Returns how long to pause, or null if it has succeeded. */
        private Duration pauseAfterTry() {
            tries++;
            early |= System.nanoTime() - due < 0;
            Duration pause = Duration.ofMillis(FIRST_PAUSE_MILLIS << (tries - 1));
            due = System.nanoTime() + pause.toNanos();
            return pause;
        }
    }

    /** The callback of the workqueue. */
    private static final class Tries {
        private final CountDownLatch done = new CountDownLatch(1);
        private final CompletableFuture<Workqueue<Request>> queue = new CompletableFuture<>();

        void run(Request request) {
            Duration pause = request.pauseAfterTry();
            if (request.tries == SUCCEEDS) {
                System.out.println("try " + request.tries + " succeeded, none came early: " + !request.early);
                done.countDown();
            } else {
                System.out.println("try " + request.tries + " failed, the next one in " + pause.toMillis() + " ms");
                queue.join().enqueueAfter(request, null, pause);
            }
        }
    }

    /**
     * Runs the sample.
     *
     * @param args none
     * @throws InterruptedException if it is interrupted
     */
    public static void main(String[] args) throws InterruptedException {
        try (Kernel kernel = Kernel.builder("client").build()) {
            Tries tries = new Tries();
            Workqueue<Request> wq = Workqueue.create(
                    kernel,
                    "requests",
                    (request, all) -> all.run(request),
                    tries,
                    Pri.PRI_NONE,
                    Ipl.NONE,
                    Workqueue.WQ_MPSAFE);
            tries.queue.complete(wq);
            wq.enqueue(new Request(kernel), null);
            tries.done.await();
            Request other = new Request(kernel);
            wq.enqueueAfter(other, null, Duration.ofHours(1));
            DelayState found = wq.cancel(other);
            System.out.println("another request was " + found + " when it was cancelled");
            wq.destroy();
        }
    }
}
