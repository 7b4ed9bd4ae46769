// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.time.Duration;
import java.util.List;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.lwp.Deadline;

/** A queue of works or tasks as its {@link Kernel} sees it. */
public interface KernelQueue {
    /** A time that never runs out. */
    Duration FOREVER = Deadline.FOREVER;

    /**
     * The queue's full name.
     *
     * @return as given at creation
     */
    String name();

    /**
     * The workers and what they have done, with what the Linux kernel says of their threads. It takes some system calls
     * for each worker; {@link #counters} takes none.
     *
     * @return one for each worker; none if the queue has no thread yet
     */
    List<WorkerState> workers();

    /**
     * What the workers have counted. Asks the Linux kernel nothing.
     *
     * @return one for each worker that the queue has now
     */
    List<WorkerCounters> counters();

    /**
     * Runs everything that is queued, including what its callbacks add meanwhile, then ends the workers. Additions by
     * other threads are refused from the moment of the call. This method is an addition to the manual pages. Callbacks
     * may add only where something still runs: in a queue with several independent workers, a worker that has nothing
     * left ends. When this returns, Linux no longer has the threads of workers that had nothing more to run. The class
     * loader of their callbacks may then be closed.
     *
     * @param atMost how long to go on. When the time runs out, works that have not started are dropped: they will never
     *     run, are no longer pending and are returned. A callback that still runs then is not waited for; its worker
     *     ends after it. Zero drops at once
     * @return the works or tasks dropped, in no particular order. With several callers, each waits until everything has
     *     run or its own time is over; each dropped work is returned to one of them
     * @throws ErrnoException EDEADLK in a callback of this queue, EINVAL for a queue of the system and for a time that
     *     is null or negative, EPERM if the caller must not sleep
     */
    List<?> drainAndDestroy(Duration atMost);

    /**
     * Runs everything that is queued, however long it takes, then ends the workers.
     *
     * @throws ErrnoException as {@link #drainAndDestroy(Duration)}
     */
    default void drainAndDestroy() {
        List<?> dropped = drainAndDestroy(FOREVER);
        assert dropped.isEmpty();
    }
}
