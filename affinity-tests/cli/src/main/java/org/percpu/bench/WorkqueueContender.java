// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.thread.Pri;

/** workqueue(9) with WQ_PERCPU, enqueued on a named CPU. */
final class WorkqueueContender extends Contender {
    /** A work with the caller's data in it. */
    static final class Item extends Work {
        private Sink sink;

        Item(Sink sink) {
            this.sink = sink;
        }
    }

    private final Kernel kernel;
    private final Cpu cpu;
    private final Workqueue<Item> queue;
    private final Item[][] items;

    WorkqueueContender(Setup setup, WaitStrategy strategy) {
        kernel = kernel(strategy, CpuSet.of(setup.workerCpu()));
        cpu = kernel.cpus().get(0);
        queue = Workqueue.create(
                kernel,
                "compare",
                (work, none) -> work.sink.ran(),
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_PERCPU | Workqueue.WQ_MPSAFE);
        items = new Item[setup.sinks().size()][Sink.RING];
        for (int producer = 0; producer < items.length; producer++) {
            for (int i = 0; i < Sink.RING; i++) {
                items[producer][i] = new Item(setup.sinks().get(producer));
            }
        }
    }

    static Kernel kernel(WaitStrategy strategy, CpuSet cpus) {
        return Kernel.builder("compare").cpus(cpus).waitStrategy(strategy).build();
    }

    @Override
    void submit(int producer, int index) {
        queue.enqueue(items[producer][index], cpu);
    }

    @Override
    void fill(int producer, int index, Sink data) {
        items[producer][index].sink = data;
    }

    @Override
    public void close() {
        queue.drainAndDestroy();
        kernel.close();
    }
}
