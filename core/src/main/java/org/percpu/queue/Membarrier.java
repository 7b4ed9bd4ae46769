// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;

/**
 * A full fence in every thread of the process, membarrier(2). The seldom side of two that must see each other pays for
 * both, so that the other one, a worker at each item, needs no fence. Linux has it since 4.14; a sandbox may refuse it.
 */
final class Membarrier {
    /** Not tried again then. */
    static volatile boolean missing;

    private Membarrier() {}

    /**
     * Whether each other thread has passed a full fence between the call and its return. The first call of a process
     * may take some milliseconds.
     */
    static boolean pass() {
        if (missing) {
            return false;
        }
        LinuxCalls linux = Backend.linux();
        int result = linux.membarrier(LinuxCalls.MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        if (result == -Errno.EPERM.number()
                && linux.membarrier(LinuxCalls.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0) {
            result = linux.membarrier(LinuxCalls.MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        }
        missing = result != 0;
        return result == 0;
    }
}
