// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.openbsd;

import java.util.List;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.kernel.Kernel;

/**
 * autoconf(9), as far as the queues see it: the place where a cold kernel becomes warm.
 *
 * <p>While devices attach, {@code cold} is set and there are no threads: queues can be created and filled, and thread
 * creation is deferred. Then the kernel becomes warm, and what was deferred is called in order (OKT-12).
 */
public final class Autoconf {
    private Autoconf() {}

    /**
     * Attaches devices in a cold kernel, one after the other, and makes it warm. If one of them throws, the kernel
     * stays cold.
     *
     * @param kernel a cold kernel
     * @param attach what each device does while it attaches
     * @throws ErrnoException EINVAL if the kernel is warm
     */
    public static void configure(Kernel kernel, List<Runnable> attach) {
        Argument.requireNonNull(kernel, "autoconf", "kernel");
        Argument.requireNonNull(attach, "autoconf of kernel " + kernel.name(), "attach");
        if (!kernel.isCold()) {
            throw new ErrnoException(
                    Errno.EINVAL, "autoconf of kernel " + kernel.name() + ", which is warm: it boots once");
        }
        attach.forEach(Runnable::run);
        kernel.warm();
    }
}
