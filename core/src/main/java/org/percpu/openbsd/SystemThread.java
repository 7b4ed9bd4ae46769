// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.openbsd;

import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;

/** A thread that makes the thread of a system queue for a caller that must not sleep, and then ends. */
final class SystemThread extends Thread {
    private final String queue;

    SystemThread(String queue, Runnable maker) {
        super(null, maker, "make-" + queue, 0, false);
        this.queue = queue;
        setDaemon(true);
        // It may outlive the caller's class loader.
        setContextClassLoader(null);
    }

    void start(String kernel) {
        try {
            start();
        } catch (OutOfMemoryError e) {
            throw new ErrnoException(
                    Errno.EAGAIN,
                    queue + " of kernel " + kernel + ": no thread can be made (" + e.getMessage()
                            + "): the next call tries again",
                    e);
        }
    }
}
