// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import org.jspecify.annotations.Nullable;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.Lwp;

/**
 * Finds the threads that have called System.exit. Such a thread waits for the shutdown hooks, and keeps the kernel lock
 * if it has it.
 */
final class ExitCalls {
    private final KernelCore kernel;

    ExitCalls(KernelCore kernel) {
        this.kernel = kernel;
    }

    /** Whether a callback of the kernel has called it. */
    boolean any() {
        for (Lwp lwp : kernel.registry().lwps()) {
            if (lwp.is(Lwp.Flag.WORKER) && isIn(lwp.thread().thread())) {
                return true;
            }
        }
        return false;
    }

    /** Whether nothing of a queue can run any more, because of such a call. */
    boolean block(KernelQueue queue) {
        Thread holder = kernel.lock().holder();
        boolean locked = holder != null && isIn(holder);
        boolean blocked = locked;
        for (WorkerState worker : queue.workers()) {
            Thread thread = threadOf(worker);
            if (thread != null && isIn(thread)) {
                blocked = true;
                continue;
            }
            boolean waits = locked && thread != null && kernel.lock().isAwaitedBy(thread);
            if (!waits && (worker.running() != null || worker.pending() > 0)) {
                return false;
            }
        }
        return blocked;
    }

    private @Nullable Thread threadOf(WorkerState worker) {
        for (Lwp lwp : kernel.registry().lwps()) {
            if (lwp.tid() == worker.thread().tid()) {
                return lwp.thread().thread();
            }
        }
        return null;
    }

    private static boolean isIn(Thread thread) {
        for (StackTraceElement frame : thread.getStackTrace()) {
            if (frame.getClassName().equals(Runtime.class.getName())
                    && frame.getMethodName().equals("exit")) {
                return true;
            }
        }
        return false;
    }
}
