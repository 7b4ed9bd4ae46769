// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import org.percpu.cpu.CpuSet;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;

/** task_add(9) on a taskq with one thread, in a kernel that has one CPU. */
final class TaskqContender extends PayloadContender {
    private final Kernel kernel;
    private final Taskq queue;
    private final Task[][] tasks;

    TaskqContender(Setup setup, WaitStrategy strategy) {
        super(setup);
        kernel = WorkqueueContender.kernel(strategy, CpuSet.of(setup.workerCpu()));
        queue = Taskq.create(kernel, "compare", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        tasks = new Task[items.length][Sink.RING];
        for (int producer = 0; producer < items.length; producer++) {
            for (int i = 0; i < Sink.RING; i++) {
                tasks[producer][i] = Task.initializer(Payload::run, items[producer][i]);
            }
        }
    }

    @Override
    void submit(int producer, int index) {
        boolean added = queue.add(tasks[producer][index]);
        assert added;
    }

    @Override
    public void close() {
        queue.destroy();
        kernel.close();
    }
}
