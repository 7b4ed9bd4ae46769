// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.openbsd;

import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.kernel.Kernel;
import org.percpu.queue.Delay;

/**
 * A {@link Task} that can wait for its time: {@link Taskq#addAfter}, {@link Taskq#modify} and {@link Taskq#cancel} take
 * it. An addition to the page.
 *
 * <p>It has its timer inside, so a delay allocates nothing. The first one of a kernel makes a clock thread for each CPU,
 * as the first {@link Timeout} does.
 */
public class DelayedTask extends Task {
    final Delay delay;

    /**
     * A task that must be {@linkplain #set set} before it can be added.
     *
     * @param kernel of the queues on which it is used
     * @throws ErrnoException EINVAL (null kernel), EAGAIN (no more threads), ESHUTDOWN (the kernel is closed), EPERM (it
     *     is the first timer of the kernel and the caller must not sleep)
     * @throws org.percpu.bindings.spi.LinuxException if a thread cannot be pinned or scheduled as the kernel's policies
     *     require
     */
    @SuppressWarnings("this-escape") // the timer keeps the task, and uses nothing of it before it is armed
    public DelayedTask(Kernel kernel) {
        delay = new Delay(Argument.requireNonNull(kernel, "a delayed task", "kernel"), this);
    }

    /**
     * A task that is ready to be added.
     *
     * @param kernel of the queues on which it is used
     * @param fn what it runs
     * @param arg given to the function, may be null
     * @param <A> the type of the argument
     * @return the task
     * @throws ErrnoException as {@link #DelayedTask(Kernel)}, and EINVAL if the function is null
     */
    public static <A extends @Nullable Object> DelayedTask initializer(Kernel kernel, Function<? super A> fn, A arg) {
        DelayedTask task = new DelayedTask(kernel);
        task.set(fn, arg);
        return task;
    }
}
