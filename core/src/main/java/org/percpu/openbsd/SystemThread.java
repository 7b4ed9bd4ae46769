// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.openbsd;

import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.kernel.Kernel;

/** A thread that makes the thread of a system queue for a caller that must not sleep, and then ends. */
final class SystemThread extends Thread {
    private final ThreadedQueue queue;

    SystemThread(ThreadedQueue queue) {
        super(null, null, "make-" + queue.name(), 0, false);
        this.queue = queue;
        setDaemon(true);
        // It may outlive the caller's class loader.
        setContextClassLoader(null);
    }

    @Override
    public void run() {
        queue.makeThreadLater();
    }

    void start(Kernel kernel) {
        try {
            start();
        } catch (OutOfMemoryError e) {
            throw new ErrnoException(
                    Errno.EAGAIN,
                    queue.name() + " of kernel " + kernel.name() + ": no thread can be made (" + e.getMessage()
                            + "): the next call tries again",
                    e);
        }
    }
}
