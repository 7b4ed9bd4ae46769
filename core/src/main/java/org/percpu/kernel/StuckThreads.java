// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.percpu.lwp.Lwp;

/** Looks at threads that have not ended. */
final class StuckThreads {
    private static final StackTraceElement[] ENDED = {};

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

    /**
     * The stacks of threads, by one stop of the JVM for all of them: a thread that spins is stopped when it has its CPU,
     * and each thread by itself would be waited for until then.
     */
    static Map<Thread, StackTraceElement[]> stacks(List<Lwp> lwps) {
        if (lwps.size() == 1) {
            Thread thread = lwps.get(0).thread().thread();
            return Map.of(thread, thread.getStackTrace());
        }
        return lwps.isEmpty() ? Map.of() : Thread.getAllStackTraces();
    }

    static ShutdownReport.StuckThread describe(
            Lwp lwp, Map<Integer, WorkerState> workers, Map<Thread, StackTraceElement[]> stacks) {
        WorkerState worker = workers.get(lwp.tid());
        return new ShutdownReport.StuckThread(
                lwp.name(),
                lwp.tid(),
                worker == null ? null : worker.queue(),
                worker == null || lwp.isOver() ? null : worker.running(),
                lwp.waitsFor(),
                List.of(stacks.getOrDefault(lwp.thread().thread(), ENDED)));
    }
}
