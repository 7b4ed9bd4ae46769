// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.netbsd;

import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.kernel.Kernel;
import org.percpu.queue.Delay;

/**
 * A {@link Work} that can wait for its time: {@link Workqueue#enqueueAfter}, {@link Workqueue#modify} and
 * {@link Workqueue#cancel} take it. An addition to the page, as Linux has it in {@code struct delayed_work}.
 *
 * <p>Extend it with the data of the work. It has its timer inside, so a delay allocates nothing. The first one of a
 * kernel makes a clock thread for each CPU, as the first {@link Callout} does.
 */
public class DelayedWork extends Work {
    final Delay delay;

    /**
     * A work that is not pending.
     *
     * @param kernel of the queues on which it is used
     * @throws ErrnoException EINVAL (null kernel), EAGAIN (no more threads), ESHUTDOWN (the kernel is closed), EPERM (it
     *     is the first timer of the kernel and the caller must not sleep)
     * @throws org.percpu.bindings.spi.LinuxException if a thread cannot be pinned or scheduled as the kernel's policies
     *     require
     */
    @SuppressWarnings("this-escape") // the timer keeps the work, and uses nothing of it before it is armed
    public DelayedWork(Kernel kernel) {
        delay = new Delay(Argument.requireNonNull(kernel, "a delayed work", "kernel"), this);
    }
}
