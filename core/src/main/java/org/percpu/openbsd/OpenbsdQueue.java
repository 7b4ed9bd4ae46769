// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.openbsd;

import java.time.Duration;
import java.util.List;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.KernelQueue;
import org.percpu.kernel.WorkerCounters;
import org.percpu.kernel.WorkerState;
import org.percpu.queue.Item;

/**
 * What users see alike of a {@link Taskq} and a {@link Workq}.
 *
 * @param <T> what is queued
 */
abstract class OpenbsdQueue<T extends Item> implements KernelQueue {
    @Override
    @SuppressWarnings("unchecked") // add takes nothing else
    public List<T> drainAndDestroy(Duration atMost) {
        // No call may follow: an error would lose the list.
        return (List<T>) (List<?>) threads().drainAndDestroy(atMost);
    }

    @Override
    public final String name() {
        return threads().name();
    }

    /**
     * The highest level at which tasks may be added.
     *
     * @return as given to create
     */
    public final Ipl ipl() {
        return threads().ipl();
    }

    @Override
    public final List<WorkerCounters> counters() {
        return threads().counters();
    }

    @Override
    public final List<WorkerState> workers() {
        return threads().workers();
    }

    /** Its name. */
    @Override
    public final String toString() {
        return threads().label();
    }

    abstract ThreadedQueue threads();
}
