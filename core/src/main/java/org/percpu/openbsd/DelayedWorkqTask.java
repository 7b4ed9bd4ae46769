// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.openbsd;

import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.kernel.Kernel;
import org.percpu.queue.Delay;

/**
 * A {@link WorkqTask} whose call can wait for its time: {@link Workq#queueTaskAfter}, {@link Workq#modify} and
 * {@link Workq#cancel} take it. An addition to the page.
 *
 * <p>It has its timer inside, so a delay allocates nothing. The first one of a kernel makes a clock thread for each CPU,
 * as the first {@link Timeout} does.
 */
public class DelayedWorkqTask extends WorkqTask {
    final Delay delay;

    /**
     * A task that is not queued.
     *
     * @param kernel of the queues on which it is used
     * @throws ErrnoException EINVAL (null kernel), EAGAIN (no more threads), ESHUTDOWN (the kernel is closed), EPERM (it
     *     is the first timer of the kernel and the caller must not sleep)
     * @throws org.percpu.bindings.spi.LinuxException if a thread cannot be pinned or scheduled as the kernel's policies
     *     require
     */
    @SuppressWarnings("this-escape") // the timer keeps the task, and uses nothing of it before it is armed
    public DelayedWorkqTask(Kernel kernel) {
        delay = new Delay(Argument.requireNonNull(kernel, "a delayed task", "kernel"), this);
    }
}
