// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.util.EnumSet;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.Cpu;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.Lwp;
import org.percpu.thread.Sched;

/**
 * A thread that several queues share: the one worker of a queue of {@link Turn}s. It ends when its last queue has
 * ended.
 */
final class PoolThread extends SerialQueue {
    private final WorkerPool pool;
    private final Cpu cpu;
    final PoolDoor poolDoor;

    PoolThread(Kernel kernel, String name, WorkerPool pool, Cpu cpu) {
        this(kernel, name, pool, cpu, new PoolDoor());
    }

    private PoolThread(Kernel kernel, String name, WorkerPool pool, Cpu cpu, PoolDoor door) {
        super(kernel, name, new Turn.TurnCall(), true, door);
        this.pool = pool;
        this.cpu = cpu;
        this.poolDoor = door;
    }

    void start(Sched sched) {
        start(kernel.thread(name(), cpu, sched), EnumSet.of(Lwp.Flag.WORKER, Lwp.Flag.MPSAFE));
    }

    /** In the pool's monitor: a queue joins. */
    void add(PooledQueue queue) {
        poolDoor.add(queue);
    }

    /** In the pool's monitor: a queue leaves. Returns true if this was the last queue. */
    boolean remove(PooledQueue queue) {
        return poolDoor.remove(queue);
    }

    /** A queue has ended. May be called any number of times. */
    void leave(PooledQueue queue) {
        if (pool.remove(this, queue, cpu)) {
            close();
        }
    }

    /** The queue that has its turn, or null. It may be stale on return. */
    @Nullable
    PooledQueue inTurn() {
        return worker.running() instanceof Turn turn && turn.queue instanceof PooledQueue queue ? queue : null;
    }
}
