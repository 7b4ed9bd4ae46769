// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import java.util.function.Supplier;
import org.percpu.kernel.Kernel;
import org.percpu.queue.Ending;
import org.percpu.queue.Item;
import org.percpu.queue.ItemQueue;

/** The end of an executor at a drain, or with its kernel. */
final class ExecutorEnding extends Ending {
    ExecutorEnding(Kernel kernel, Supplier<ItemQueue[]> all, Closing closing, Runnable unlisted) {
        super(kernel, all, closing, unlisted);
    }

    @Override
    protected Object face(Item item) {
        return KernelExecutor.face(item);
    }
}
