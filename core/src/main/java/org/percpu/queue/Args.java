// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.kernel.Kernel;
import org.percpu.thread.Pri;

/** Argument checks that the pages leave to the caller. */
public final class Args {
    private Args() {}

    /**
     * Refuses an empty name.
     *
     * @param name of a queue or thread
     * @param call what it was given to, for the message
     */
    public static void name(String name, String call) {
        if (name.isEmpty()) {
            throw new ErrnoException(Errno.EINVAL, call + ": the name is empty; its threads would have none");
        }
    }

    /**
     * Refuses a priority that is none.
     *
     * @param pri any number
     * @param call what it was given to, for the message
     */
    public static void priority(int pri, String call) {
        if (!Pri.isValid(pri)) {
            throw new ErrnoException(
                    Errno.EINVAL, call + ": priority " + pri + " is outside -1 (PRI_NONE) to " + (Pri.PRI_COUNT - 1));
        }
    }

    /**
     * Refuses to wait for a pending work: nothing runs before the kernel is warm (U23).
     *
     * @param kernel of the queue
     * @param call what waits, for the message
     */
    public static void warm(Kernel kernel, String call) {
        if (kernel.isCold()) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    call + ": nothing runs before the kernel is warm, it would wait for ever; call Kernel.warm first");
        }
    }

    /**
     * Refuses unknown flags.
     *
     * @param flags given
     * @param known all that there are
     * @param call what they were given to, for the message
     */
    public static void flags(int flags, int known, String call) {
        int unknown = flags & ~known;
        if (unknown != 0) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    call + ": unknown flag bits 0x" + Integer.toHexString(unknown) + "; the known ones are 0x"
                            + Integer.toHexString(known));
        }
    }
}
