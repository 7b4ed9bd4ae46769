// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.openbsd;

import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.queue.Inlet;
import org.percpu.queue.Item;
import org.percpu.queue.Names;

/**
 * {@code struct task} of task_add(9): a function and its argument, on at most one {@link Taskq} at a time. It belongs
 * to the caller (OTQ-1). The caller may use it again from the moment its function is about to start (OTQ-20).
 */
public class Task extends Item {
    /**
     * The function of a task.
     *
     * @param <A> the type of its argument
     */
    @FunctionalInterface
    public interface Function<A extends @Nullable Object> {
        /**
         * Runs in a thread of the queue.
         *
         * @param arg as given to {@link Task#set}
         * @throws Exception reported to the kernel's fault handler
         */
        void run(A arg) throws Exception;
    }

    @Nullable
    Function<@Nullable Object> fn;

    @Nullable
    Object arg;

    /** A task that must be {@linkplain #set set} before it can be added. */
    public Task() {}

    /**
     * TASK_INITIALIZER: a task that is ready to be added (OTQ-3).
     *
     * @param fn what it runs
     * @param arg given to the function, may be null
     * @param <A> the type of the argument
     * @return the task
     * @throws ErrnoException EINVAL if the function is null
     */
    public static <A extends @Nullable Object> Task initializer(Function<? super A> fn, A arg) {
        Task task = new Task();
        task.set(fn, arg);
        return task;
    }

    /**
     * task_set: what the task runs from now on. A run that has started keeps what it was started with (OTQ-20).
     *
     * @param function what it runs
     * @param argument given to the function, may be null
     * @param <A> the type of the argument
     * @throws ErrnoException EINVAL if the function is null, EBUSY if the task is queued (U9)
     */
    @SuppressWarnings("unchecked") // the argument goes nowhere but to this function
    public final <A extends @Nullable Object> void set(Function<? super A> function, A argument) {
        Argument.requireNonNull(function, "task_set", "fn");
        Object queue = Inlet.ownerOf(this);
        if (queue != null) {
            throw new ErrnoException(
                    Errno.EBUSY, "task_set of " + this + ", which is on " + queue + ": task_del it first");
        }
        this.fn = (Function<@Nullable Object>) (Function<?>) function;
        this.arg = argument;
    }

    /** For messages: the name of the class, or of the function's. */
    @Override
    public String toString() {
        return Names.of("task", fn, this, Task.class);
    }

    /**
     * task_pending: whether the task is on a queue. A later addition of OpenBSD (OTQ-30).
     *
     * @return true if it is queued; may be stale on return. A task that runs is not pending
     */
    public final boolean pending() {
        return Inlet.isPending(this);
    }
}
