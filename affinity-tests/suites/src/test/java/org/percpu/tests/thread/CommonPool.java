// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import java.lang.reflect.Field;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinWorkerThread;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.thread.Affinity;

/** Pins its first thread, then uses the JDK's pools for the first time. */
final class CommonPool {
    private CommonPool() {}

    /** Made with the common pool, by the same thread. */
    public static final class Factory implements ForkJoinPool.ForkJoinWorkerThreadFactory {
        public Factory() {
            System.out.println("made by a thread with " + Runtime.getRuntime().availableProcessors() + " processors");
        }

        @Override
        public ForkJoinWorkerThread newThread(ForkJoinPool pool) {
            return ForkJoinPool.defaultForkJoinWorkerThreadFactory.newThread(pool);
        }
    }

    public static void main(String[] args) throws ReflectiveOperationException {
        Affinity.set(CpuSet.of(CpuTopology.system().allowed().first()));
        System.out.println("parallelism " + ForkJoinPool.getCommonPoolParallelism());
        if (Runtime.version().feature() >= 21
                && Object.class.getModule().isOpen("java.lang", CommonPool.class.getModule())) {
            Field scheduler = Class.forName("java.lang.VirtualThread").getDeclaredField("DEFAULT_SCHEDULER");
            scheduler.setAccessible(true);
            System.out.println("carriers " + ((ForkJoinPool) scheduler.get(null)).getParallelism());
        }
    }
}
