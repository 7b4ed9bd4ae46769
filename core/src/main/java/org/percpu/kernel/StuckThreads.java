// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.percpu.lwp.Lwp;

/** Looks at threads that have not ended. */
final class StuckThreads {
    private StuckThreads() {}

    static ShutdownReport.StuckThread describe(Lwp lwp, List<KernelQueue> queues) {
        WorkerState worker = lwp.is(Lwp.Flag.WORKER) ? workerOf(lwp, queues) : null;
        return new ShutdownReport.StuckThread(
                lwp.name(),
                lwp.tid(),
                worker == null ? null : worker.queue(),
                worker == null || lwp.isOver() ? null : worker.running(),
                lwp.waitsFor(),
                List.of(lwp.thread().thread().getStackTrace()));
    }

    private static @Nullable WorkerState workerOf(Lwp lwp, List<KernelQueue> queues) {
        for (KernelQueue queue : queues) {
            for (WorkerState worker : queue.workers()) {
                if (worker.thread().tid() == lwp.tid()) {
                    return worker;
                }
            }
        }
        return null;
    }
}
