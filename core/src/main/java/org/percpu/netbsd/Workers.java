// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.netbsd;

import java.util.EnumSet;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.Cpu;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.Lwp;
import org.percpu.queue.Call;
import org.percpu.queue.PooledQueue;
import org.percpu.queue.SerialQueue;
import org.percpu.queue.WorkerPool;
import org.percpu.thread.Pri;
import org.percpu.thread.Sched;

/** Makes the queues of a workqueue, each with its worker: a thread of its own, or one of a pool. */
final class Workers {
    private final Kernel kernel;
    private final String name;
    private final Sched sched;
    private final boolean mpsafe;
    private final Supplier<Call> calls;
    private final @Nullable WorkerPool pool;

    Workers(Kernel kernel, String name, int prio, boolean mpsafe, boolean perCpu, Supplier<Call> calls) {
        this.kernel = kernel;
        this.name = name;
        this.mpsafe = mpsafe;
        this.calls = calls;
        int pri = prio == Pri.PRI_NONE ? Pri.MAXPRI_USER : prio;
        this.sched = pri < Pri.PRI_KERNEL ? Pri.timeSharing(pri) : Pri.fixed(pri);
        this.pool = perCpu && kernel.sharedWorkers() ? WorkerPool.of(kernel, pri, sched) : null;
    }

    /** Makes a queue without a worker, of a CPU or of the whole workqueue. */
    SerialQueue queue(@Nullable Cpu cpu) {
        String worker = cpu == null ? name : name + "/" + cpu.index();
        return pool == null
                ? new SerialQueue(kernel, worker, calls.get(), mpsafe)
                : new PooledQueue(kernel, worker, calls.get(), mpsafe);
    }

    /** Gives a queue its worker. */
    void start(SerialQueue queue, @Nullable Cpu cpu) {
        if (pool != null && cpu != null && queue instanceof PooledQueue pooled) {
            pooled.join(pool, cpu);
            return;
        }
        Set<Lwp.Flag> flags = mpsafe ? EnumSet.of(Lwp.Flag.WORKER, Lwp.Flag.MPSAFE) : EnumSet.of(Lwp.Flag.WORKER);
        queue.start(kernel.thread(queue.name(), cpu, sched), flags);
    }
}
