// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import java.util.Arrays;
import java.util.function.Supplier;
import org.percpu.kernel.Kernel;
import org.percpu.queue.Ending;
import org.percpu.queue.Item;
import org.percpu.queue.SerialQueue;

/** The end of an executor at a drain, or with its kernel. */
final class ExecutorEnding extends Ending {
    private final Supplier<CpuExecutor[]> all;

    ExecutorEnding(Kernel kernel, Supplier<CpuExecutor[]> all, Closing closing, Runnable unlisted) {
        super(
                kernel,
                () -> Arrays.stream(all.get()).map(CpuExecutor::queue).toArray(SerialQueue[]::new),
                closing,
                unlisted);
        this.all = all;
    }

    @Override
    protected void closeQueues() {
        for (CpuExecutor executor : all.get()) {
            executor.shutdown();
        }
    }

    @Override
    public void stop(boolean interrupt) {
        super.stop(interrupt);
        for (CpuExecutor executor : all.get()) {
            executor.delayed().drop();
        }
    }

    @Override
    protected Object face(Item item) {
        return KernelExecutor.face(item);
    }
}
