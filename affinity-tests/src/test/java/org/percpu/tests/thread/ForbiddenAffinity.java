// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import org.percpu.bindings.spi.LinuxException;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.thread.CpuThread;

/** Pins a thread where that is forbidden, and prints what is said of it. */
final class ForbiddenAffinity {
    private ForbiddenAffinity() {}

    public static void main(String[] args) {
        try {
            CpuThread.builder("forbidden")
                    .cpus(CpuSet.of(CpuTopology.system().allowed().first()))
                    .start(() -> {});
            System.out.println("it runs");
        } catch (LinuxException e) {
            System.out.println(e.getMessage());
        }
    }
}
