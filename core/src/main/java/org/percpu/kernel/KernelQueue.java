// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.time.Duration;
import java.util.List;
import org.percpu.bindings.spi.ErrnoException;

/** A queue of works or tasks as its {@link Kernel} sees it. */
public interface KernelQueue {
    /** A time that never runs out. */
    Duration FOREVER = Duration.ofNanos(Long.MAX_VALUE);

    /**
     * The queue's full name.
     *
     * @return as given at creation
     */
    String name();

    /**
     * The workers and what they have done.
     *
     * @return one for each worker; none if the queue has no thread yet
     */
    List<WorkerState> workers();

    /**
     * Makes a worker for each CPU of the kernel that has none yet, if this is a queue with a worker for each CPU. A kernel that
     * {@linkplain Kernel.Builder#followCpus follows its CPUs} calls this when one has come, and again if it fails; queues that are
     * destroyed do nothing.
     */
    default void followCpus() {}

    /**
     * Runs everything that is queued, including what its callbacks add meanwhile, then ends the workers. What other threads add is
     * refused from the moment of the call. An addition to the manual pages. Callbacks may add only where something still runs: of a
     * queue with several independent workers, one that has nothing left ends. When this returns, the threads of workers that had nothing more
     * to run are gone, by Linux's word: the class loader of their callbacks may be closed.
     *
     * @param atMost how long to go on. When it runs out, what has not started is dropped: it will never run, is no longer pending
     *     and is returned. A callback that still runs then is not waited for, and its worker ends after it. Zero, or less, drops at once
     * @return the works or tasks dropped, in no particular order. Of several callers, each waits until everything has run or its own
     *     time is over, and what is dropped is returned to one of them
     * @throws ErrnoException EDEADLK in a callback of this queue, EINVAL for a queue of the system and for null, EPERM if the caller must not sleep
     */
    List<?> drainAndDestroy(Duration atMost);

    /**
     * The end of this queue in steps, which a kernel takes for all of its queues together.
     *
     * @return an end that has not begun
     */
    QueueEnd end();

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
