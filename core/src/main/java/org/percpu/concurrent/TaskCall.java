// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import org.jspecify.annotations.Nullable;
import org.percpu.queue.Call;
import org.percpu.queue.Item;

/** How the worker of an executor runs a task. */
final class TaskCall extends Call {
    private final Thread.@Nullable UncaughtExceptionHandler handler;

    TaskCall(Thread.@Nullable UncaughtExceptionHandler handler) {
        this.handler = handler;
    }

    @Override
    public void load(Item item) {
        // A wrapper and a future are not used a second time, and a CpuTask is called itself.
    }

    @Override
    public void invoke(Item item) throws Throwable {
        try {
            if (item instanceof Execution execution) {
                execution.command.run();
            } else {
                ((Runnable) item).run();
            }
        } catch (Throwable t) {
            Thread.UncaughtExceptionHandler told =
                    handler != null ? handler : Thread.getDefaultUncaughtExceptionHandler();
            if (told == null) {
                throw t;
            }
            told.uncaughtException(Thread.currentThread(), t);
        }
    }
}
