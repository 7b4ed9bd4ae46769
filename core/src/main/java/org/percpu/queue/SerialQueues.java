// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.percpu.kernel.WorkerCounters;
import org.percpu.kernel.WorkerState;
import org.percpu.lwp.Deadline;

/** Questions to several serial queues that are one queue for the user. */
public final class SerialQueues {
    private SerialQueues() {}

    /**
     * Whether the calling thread is the worker of one of several queues.
     *
     * @param queues any
     * @return true in their callbacks
     */
    public static boolean isWorkerOf(SerialQueue[] queues) {
        for (SerialQueue queue : queues) {
            if (queue.isWorker()) {
                return true;
            }
        }
        return false;
    }

    /**
     * The workers of several queues.
     *
     * @param queues any
     * @return the states now, in the order of the queues, of those whose worker has been made
     */
    public static List<WorkerState> states(SerialQueue[] queues) {
        List<WorkerState> states = new ArrayList<>();
        for (SerialQueue queue : queues) {
            WorkerState state = queue.state();
            if (state != null) {
                states.add(state);
            }
        }
        return states;
    }

    /**
     * The counters of the workers of several queues.
     *
     * @param queues any
     * @return one for each queue, in their order
     */
    public static List<WorkerCounters> counters(SerialQueue[] queues) {
        List<WorkerCounters> counters = new ArrayList<>(queues.length);
        for (SerialQueue queue : queues) {
            counters.add(queue.worker.counters);
        }
        return counters;
    }

    /**
     * Lets no further item of a queue begin, and takes back those that have not, without waiting for the callback that
     * runs. Any thread may call this, also the worker in a callback, and so may several.
     *
     * @param queue any
     * @param interrupt whether to interrupt the callback that runs
     * @param last called when nothing more can enter the queue. It may {@link #handBack} further items
     * @return the items, oldest first; with several callers each item is returned to one of them
     */
    public static Item[] drop(SerialQueue queue, boolean interrupt, Runnable last) {
        queue.close();
        if (!queue.ended()) {
            queue.stop(interrupt);
        }
        if (queue.dropping) {
            queue.takeBack(Deadline.after(Duration.ZERO));
        }
        last.run();
        return queue.handOut();
    }

    /**
     * Gives items to a queue that were to come to it and did not. Who drops the queue gets them, behind its own.
     *
     * @param queue that was closed
     * @param items that are not pending
     */
    public static void handBack(SerialQueue queue, Item[] items) {
        queue.handBack(items);
    }
}
