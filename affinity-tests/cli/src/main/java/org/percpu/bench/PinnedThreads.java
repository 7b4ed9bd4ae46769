// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinWorkerThread;
import java.util.concurrent.ThreadFactory;
import org.percpu.cpu.CpuSet;
import org.percpu.thread.Affinity;

/** Makes the peers' workers run where ours does. */
final class PinnedThreads implements ThreadFactory, ForkJoinPool.ForkJoinWorkerThreadFactory {
    private final CpuSet cpu;

    PinnedThreads(int cpu) {
        this.cpu = CpuSet.of(cpu);
    }

    @Override
    public Thread newThread(Runnable body) {
        Thread thread = new Thread(
                () -> {
                    Affinity.set(cpu);
                    body.run();
                },
                "peer");
        thread.setDaemon(true);
        return thread;
    }

    @Override
    public ForkJoinWorkerThread newThread(ForkJoinPool pool) {
        return new Worker(pool);
    }

    private final class Worker extends ForkJoinWorkerThread {
        Worker(ForkJoinPool pool) {
            super(pool);
        }

        @Override
        protected void onStart() {
            Affinity.set(cpu);
        }
    }
}
