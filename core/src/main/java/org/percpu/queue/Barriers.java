// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The barriers of a shared queue. Everything in here is called under the queue's lock. */
final class Barriers {
    /**
     * An item that stands for a barrier. It is put at the tail of the queue when the barrier is raised. It comes to the
     * front when all items before it have started.
     */
    static final class Barrier extends Item {
        @Override
        boolean isOfUser() {
            return false;
        }

        /**
         * The workers that run something older than the barrier. They are known once the barrier has come to the front.
         */
        private @Nullable List<Worker> behind;

        /** Whether the barrier was raised in a task of this queue. */
        private final boolean fromInside;

        /** Read by the thread that waits for it. */
        volatile boolean passed;

        Barrier(boolean fromInside) {
            this.fromInside = fromInside;
        }
    }

    private final Waiters waiters;
    private final List<Barrier> raised = new ArrayList<>();

    /** Workers whose task waits for a barrier: they count as passed, for every barrier. */
    private final List<Worker> inside = new ArrayList<>();

    Barriers(Waiters waiters) {
        this.waiters = waiters;
    }

    /** Raises a barrier: in a task of the worker, or, with null, elsewhere. */
    void raise(Barrier barrier, @Nullable Worker self, int alive) {
        raised.add(barrier);
        if (self != null) {
            inside.add(self);
            pass(self, alive);
        }
    }

    void forget(Barrier barrier, @Nullable Worker self) {
        raised.remove(barrier);
        inside.remove(self);
    }

    /** Called when a worker has ended its task, or has ended. */
    void comesRound(Worker worker, int alive) {
        if (!inside.isEmpty()) {
            // An error has kept the worker from leaving a barrier.
            inside.remove(worker);
        }
        pass(worker, alive);
    }

    /** Called when a barrier has come to the front. The barrier waits for the workers that run something now. */
    void atFront(Barrier barrier, List<Worker> workers) {
        List<Worker> behind = new ArrayList<>();
        for (Worker worker : workers) {
            if (worker.isBusy() && !inside.contains(worker)) {
                behind.add(worker);
            }
        }
        barrier.behind = behind;
    }

    /** A worker has done what stood before the barriers, or, with null, a barrier has come to the front. */
    void pass(@Nullable Worker done, int alive) {
        if (raised.isEmpty()) {
            return;
        }
        boolean any = false;
        for (Barrier barrier : raised) {
            List<Worker> behind = barrier.behind;
            if (behind != null) {
                behind.remove(done);
            }
            // If every worker is inside, no worker is left to bring the barriers raised there to the front.
            boolean stuck = barrier.fromInside && inside.size() == alive;
            if (!barrier.passed && (stuck || (behind != null && behind.isEmpty()))) {
                barrier.passed = true;
                any = true;
            }
        }
        if (any) {
            waiters.wakeAll();
        }
    }
}
