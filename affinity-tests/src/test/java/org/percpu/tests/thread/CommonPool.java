// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import java.util.concurrent.ForkJoinPool;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.thread.Affinity;

/** Pins its first thread, then uses the common pool for the first time. */
final class CommonPool {
    private CommonPool() {}

    public static void main(String[] args) {
        Affinity.set(CpuSet.of(CpuTopology.system().allowed().first()));
        System.out.println("parallelism " + ForkJoinPool.getCommonPoolParallelism());
    }
}
