// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;

/** Unwinds the function of a thread that exits. Not for catching; carries no stack trace. */
public final class KthreadExit extends Error {
    private static final long serialVersionUID = 1L;

    /** A function of a user, bound to its argument. */
    @FunctionalInterface
    public interface Body {
        /**
         * Runs it.
         *
         * @throws Exception whatever it throws
         */
        void run() throws Exception;
    }

    final int code;

    private KthreadExit(int code) {
        super("kthread_exit(" + code + ")", null, false, false);
        this.code = code;
    }

    /**
     * Calls the function of a kthread.
     *
     * @param func throws what it likes; a checked exception becomes the cause of an IllegalStateException
     */
    public static void call(Body func) {
        try {
            func.run();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException("the function of a kthread threw", e);
        }
    }

    /**
     * Exits the calling kernel thread (NKT-9): unwinds its function, so that {@code finally} blocks run, which C does
     * not do. Holds of the kernel lock are dropped.
     *
     * @param code 0, or a number that is reported to the console with the thread's name (NKT-10)
     * @return never
     * @throws ErrnoException EPERM if the caller is not a kernel thread, or is a worker of a queue (U18)
     */
    public static Error exit(int code) {
        Lwp lwp = Lwp.current();
        if (lwp == null) {
            throw new ErrnoException(
                    Errno.EPERM,
                    "kthread_exit on " + Thread.currentThread().getName()
                            + ", which is no kernel thread: return instead");
        }
        if (lwp.is(Lwp.Flag.WORKER)) {
            throw new ErrnoException(
                    Errno.EPERM,
                    "kthread_exit in a callback of queue worker " + lwp.name() + ": return from the callback instead");
        }
        throw new KthreadExit(code);
    }
}
