// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.percpu.kernel.WorkerState;

/**
 * The workers of a shared queue. Any thread may read the list; workers are added and removed under the queue's lock.
 */
final class Workers {
    private final List<Worker> all = new CopyOnWriteArrayList<>();

    void add(Worker worker) {
        all.add(worker);
    }

    void remove(Worker worker) {
        all.remove(worker);
    }

    boolean isEmpty() {
        return all.isEmpty();
    }

    /** Returns the workers made so far. */
    List<Worker> list() {
        return all;
    }

    /** Whether no other worker runs an item. */
    boolean nobodyRuns(Worker me) {
        for (Worker worker : all) {
            if (worker != me && worker.isBusy()) {
                return false;
            }
        }
        return true;
    }

    /** Whether no other worker runs this item. */
    boolean nobodyRuns(Item item, @Nullable Worker me) {
        for (Worker worker : all) {
            if (worker != me && worker.isRunning(item)) {
                return false;
            }
        }
        return true;
    }

    /** The worker that runs the calling thread, or null. */
    @Nullable
    Worker current() {
        for (Worker worker : all) {
            if (worker.isCurrentThread()) {
                return worker;
            }
        }
        return null;
    }

    List<WorkerState> states(int pending) {
        List<WorkerState> states = new ArrayList<>();
        for (Worker worker : all) {
            WorkerState state = worker.state(pending);
            if (state != null) {
                states.add(state);
            }
        }
        return states;
    }
}
