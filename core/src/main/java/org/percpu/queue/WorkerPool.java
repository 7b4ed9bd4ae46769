// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.util.HashMap;
import java.util.Map;
import org.percpu.cpu.Cpu;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.KernelCore;
import org.percpu.thread.Sched;

/** The threads of one kernel and one priority that queues share, one for each CPU that a queue has been made for. */
public final class WorkerPool {
    private record Key(int pri) {}

    private final Kernel kernel;
    private final int pri;
    private final Sched sched;
    private final Map<Integer, PoolThread> threads = new HashMap<>(); // by CPU number; guarded by this

    private WorkerPool(Kernel kernel, int pri, Sched sched) {
        this.kernel = kernel;
        this.pri = pri;
        this.sched = sched;
    }

    /**
     * The pool of a kernel for a priority.
     *
     * @param kernel with shared workers
     * @param pri the priority, which is in the threads' names
     * @param sched what the priority stands for
     * @return always the same for the same kernel and priority
     */
    public static WorkerPool of(Kernel kernel, int pri, Sched sched) {
        return KernelCore.of(kernel).shared(new Key(pri), () -> new WorkerPool(kernel, pri, sched));
    }

    /**
     * Finds the thread of a CPU for a queue, or makes it. It is made without the monitor: a thread that is made may
     * have to wait for the kernel lock, and a caller that holds the kernel lock may wait for the monitor.
     */
    PoolThread join(PooledQueue queue, Cpu cpu) {
        synchronized (this) {
            PoolThread there = threads.get(cpu.id());
            if (there != null) {
                there.add(queue);
                return there;
            }
        }
        PoolThread made = new PoolThread(kernel, "pool" + pri + "/" + cpu.index(), this, cpu);
        made.start(sched);
        PoolThread used = null;
        try {
            synchronized (this) {
                PoolThread first = threads.putIfAbsent(cpu.id(), made);
                PoolThread taken = first == null ? made : first;
                taken.add(queue);
                used = taken;
            }
            return used;
        } finally {
            if (used != made) {
                // Another caller was faster.
                made.close();
            }
        }
    }

    /** A queue leaves its thread. Returns true once, if the thread has no queue any more and must end. */
    synchronized boolean remove(PoolThread thread, PooledQueue queue, Cpu cpu) {
        return thread.remove(queue) && threads.remove(cpu.id(), thread);
    }
}
