// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.netbsd;

import java.util.EnumSet;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.Cpu;
import org.percpu.kernel.Kernel;
import org.percpu.linux.ThreadRoom;
import org.percpu.lwp.Lwp;
import org.percpu.queue.Call;
import org.percpu.queue.PooledQueue;
import org.percpu.queue.SerialQueue;
import org.percpu.queue.WorkerPool;
import org.percpu.thread.Pri;
import org.percpu.thread.Sched;

/** Makes the queues of a workqueue, each with its worker: a thread of its own, or one of a pool. */
final class Workers {
    private static final int MANY = 16;

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

    /**
     * Checks that there is room for the threads. A few threads are just tried: Linux refuses them if there is none, and
     * little has to be undone.
     *
     * @throws ErrnoException EAGAIN if there is not
     */
    void requireRoom(int workers) {
        String full = pool != null || workers < MANY ? null : ThreadRoom.whyNot(workers);
        if (full != null) {
            throw new ErrnoException(
                    Errno.EAGAIN,
                    "workqueue_create of " + name + ": there is no room for its " + workers + " threads, as " + full
                            + "; build the kernel with sharedWorkers(true), so that its queues share one thread on each"
                            + " CPU, or raise the limit");
        }
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
