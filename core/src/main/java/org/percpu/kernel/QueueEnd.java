// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.percpu.bindings.spi.ErrnoException;

/**
 * The end of one {@link KernelQueue}, in steps, so that a kernel can take each step for all of its queues before the next one. Several
 * threads may end the same queue at the same time: each step may be repeated, and what is taken back is handed to one of them.
 */
public interface QueueEnd {
    /** How long a worker that is not stuck needs at most to come round, and a thread to leave; generous, for busy machines. */
    Duration COMES_ROUND = Duration.ofMillis(100);

    /**
     * Takes nothing more from outside and tells the workers to end when they find nothing more to run.
     *
     * @throws ErrnoException EDEADLK in a callback of this queue, EPERM if the caller must not sleep; nothing is closed then
     */
    void close();

    /**
     * Waits until the workers have run everything and have left.
     *
     * @param deadline how long
     * @return false if it is over
     */
    boolean await(Deadline deadline);

    /**
     * Lets no further callback begin.
     *
     * @param interrupt whether to interrupt the callbacks that run
     */
    void stop(boolean interrupt);

    /**
     * Takes back what has not started, after {@link #stop}; none of it is pending any more, and none will run. The queue keeps it for
     * {@link #handOut}.
     *
     * @param grace how long to wait for workers on their way
     */
    void takeBack(Deadline grace);

    /**
     * Hands out what was taken back, also by an earlier call that an error has ended.
     *
     * @return the works or tasks
     */
    List<Object> handOut();

    /** What was handed out here does not reach the caller: the queue keeps it for the next call. */
    void handBack();

    /**
     * Waits until the workers have left and their threads are gone, by Linux's word.
     *
     * @param grace how long to wait for callbacks that still run
     */
    void finish(Deadline grace);

    /** Takes the queue off the kernel's list. */
    void unlist();

    /**
     * Ends several queues within one time: all are told first, then waited for, and when the time is over all are stopped together.
     *
     * @param ends of the queues
     * @param atMost how long to go on running what is queued, over all queues
     * @param interrupt whether callbacks that run at the end of the time are interrupted
     * @return what has not run
     */
    static List<Object> all(List<? extends QueueEnd> ends, Duration atMost, boolean interrupt) {
        ErrnoException.requireNonNull(ends, "end", "ends");
        Deadline deadline = Deadline.after(ErrnoException.requireNonNull(atMost, "end", "atMost"));
        ends.forEach(QueueEnd::close);
        List<QueueEnd> late = new ArrayList<>();
        for (QueueEnd end : ends) {
            if (!end.await(deadline)) {
                late.add(end);
            }
        }
        late.forEach(end -> end.stop(interrupt));
        Deadline grace = Deadline.after(COMES_ROUND);
        late.forEach(end -> end.takeBack(grace));
        ends.forEach(end -> end.finish(grace));
        // Late, so that an error leaves what was taken back to the next call.
        List<Object> neverRun = new ArrayList<>();
        try {
            ends.forEach(end -> neverRun.addAll(end.handOut()));
            ends.forEach(QueueEnd::unlist);
            return neverRun;
        } catch (Throwable t) {
            ends.forEach(QueueEnd::handBack);
            throw t;
        }
    }
}
