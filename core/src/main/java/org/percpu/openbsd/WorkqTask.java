// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.openbsd;

import org.jspecify.annotations.Nullable;
import org.percpu.queue.Item;
import org.percpu.queue.Names;

/**
 * {@code struct workq_task} of workq_add_task(9): room for one entry of a {@link Workq}. It belongs to the caller of
 * {@link Workq#queueTask}, who may use it again from the moment the function is about to start.
 */
public class WorkqTask extends Item {
    Workq.@Nullable Function<@Nullable Object, @Nullable Object> func;

    @Nullable
    Object arg1;

    @Nullable
    Object arg2;

    /** A task that is not queued. */
    public WorkqTask() {}

    /** For messages: the name of the class, or of the function's while it is queued. */
    @Override
    public String toString() {
        return Names.of("workq task", func, this, WorkqTask.class);
    }

    /** {@inheritDoc} */
    @Override
    @SuppressWarnings("unchecked") // Workq gives no other function
    protected final void carry(@Nullable Object func, @Nullable Object arg1, @Nullable Object arg2) {
        this.func = (Workq.Function<@Nullable Object, @Nullable Object>) func;
        this.arg1 = arg1;
        this.arg2 = arg2;
    }
}
