// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.events;

import org.percpu.bindings.spi.Backend;

/** Where the calling thread is. */
final class CurrentCpu {
    private CurrentCpu() {}

    /** Returns the CPU, or a negative number if Linux does not tell. */
    static int get() {
        return Backend.linux().sched_getcpu();
    }
}
