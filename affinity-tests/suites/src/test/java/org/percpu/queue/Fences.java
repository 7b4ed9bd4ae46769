// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;

/** A machine with or without membarrier(2), for tests of those who use it. */
public final class Fences {
    private Fences() {}

    /** From now on as on a machine without it, or again as on this one. */
    public static void areMissing(boolean missing) {
        Membarrier.missing = missing;
    }

    /** Whether this machine has it. */
    public static boolean areThere() {
        return Backend.linux().membarrier(LinuxCalls.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
                != -Errno.ENOSYS.number();
    }

    /** Lets the queues forget what the collector has found since the last one was made. */
    public static void forgetGarbage() {
        Inlet looks = new Inlet("none", new Doorbell()) {};
        assert looks.number != 0;
    }
}
