// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.percpu.lwp.Lwp;

/** Looks at threads that have not ended. */
final class StuckThreads {
    private StuckThreads() {}

    /**
     * The workers of queues, by the number of their thread. Where queues share a thread, it is the worker that is in
     * its callback.
     */
    static Map<Integer, WorkerState> workers(List<KernelQueue> queues) {
        Map<Integer, WorkerState> workers = new HashMap<>();
        for (KernelQueue queue : queues) {
            for (WorkerState worker : queue.workers()) {
                workers.merge(worker.thread().tid(), worker, (one, other) -> one.running() != null ? one : other);
            }
        }
        return workers;
    }

    static ShutdownReport.StuckThread describe(Lwp lwp, Map<Integer, WorkerState> workers) {
        WorkerState worker = workers.get(lwp.tid());
        return new ShutdownReport.StuckThread(
                lwp.name(),
                lwp.tid(),
                worker == null ? null : worker.queue(),
                worker == null || lwp.isOver() ? null : worker.running(),
                lwp.waitsFor(),
                List.of(lwp.thread().thread().getStackTrace()));
    }
}
