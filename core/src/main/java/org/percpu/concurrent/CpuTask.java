// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import org.percpu.queue.Item;
import org.percpu.queue.Names;

/**
 * A task that its owner makes once and executes often. {@link CpuExecutor#execute} allocates nothing for it, since the
 * task is the queue's item.
 *
 * <p>The task is pending from {@code execute} until its run begins. Meanwhile no executor takes it a second time. From
 * the beginning of its run on it may be executed again, also by its own {@code run}.
 */
public abstract class CpuTask extends Item implements Runnable {
    /** A task that is not pending. */
    protected CpuTask() {}

    /** For messages: the name of the class. */
    @Override
    public String toString() {
        return Names.of("task", null, this, CpuTask.class);
    }
}
