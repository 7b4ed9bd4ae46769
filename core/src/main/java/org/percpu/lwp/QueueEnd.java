// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.percpu.bindings.spi.ErrnoException;

/**
 * The end of one queue, in steps, so that a kernel can take each step for all of its queues before the
 * next one. Several threads may end the same queue at the same time: each step may be repeated, and what is taken back
 * is handed to one of them.
 */
public interface QueueEnd {
    /**
     * The longest time, in milliseconds, that a worker which is not stuck needs to look again, and a thread to leave.
     * Generous, for busy machines.
     */
    long COMES_ROUND_MILLIS = 100;

    /**
     * Refuses everything from outside, and tells the workers to end when they find nothing more to run.
     *
     * @throws ErrnoException EDEADLK in a callback of this queue, EPERM if the caller must not sleep; nothing is closed
     *     then
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
     * Takes back the works that have not started, if {@link #stop} was called, here or by another caller. None of them
     * is pending any more, and none will run. The queue keeps them for {@link #handOut}.
     *
     * @param grace how long to wait for workers on their way
     */
    void takeBack(Deadline grace);

    /**
     * Returns the works that were taken back, including those of an earlier call that an error has ended.
     *
     * @return the works or tasks
     */
    List<Object> handOut();

    /** The works handed out here do not reach the caller. The queue keeps them for the next call. */
    void handBack();

    /**
     * Waits until the workers have left and Linux no longer has their threads.
     *
     * @param grace how long to wait for callbacks that still run
     */
    void finish(Deadline grace);

    /** Takes the queue off the kernel's list. */
    void unlist();

    /**
     * Ends several queues within one time limit. All queues are told first, then waited for. When the time is over, all
     * are stopped together.
     *
     * @param ends of the queues
     * @param atMost how long to go on running what is queued, over all queues
     * @param interrupt whether callbacks that run at the end of the time are interrupted
     * @return what has not run
     */
    static List<Object> all(List<? extends QueueEnd> ends, Duration atMost, boolean interrupt) {
        stopAll(ends, atMost, interrupt);
        // This step is late, so that after an error the next call still finds what was taken back.
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

    /**
     * The steps of {@link #all} before the last one. The queues keep what was taken back, and stay listed.
     *
     * @param ends of the queues
     * @param atMost how long to go on running what is queued, over all queues
     * @param interrupt whether callbacks that run at the end of the time are interrupted
     */
    static void stopAll(List<? extends QueueEnd> ends, Duration atMost, boolean interrupt) {
        Deadline deadline = Deadline.after(atMost);
        ends.forEach(QueueEnd::close);
        List<QueueEnd> late = new ArrayList<>();
        for (QueueEnd end : ends) {
            if (!end.await(deadline)) {
                late.add(end);
            }
        }
        late.forEach(end -> end.stop(interrupt));
        Deadline grace = Deadline.after(Duration.ofMillis(COMES_ROUND_MILLIS));
        // Of all: another caller, or an earlier call that an error has ended, may have stopped a queue that is not
        // late.
        ends.forEach(end -> end.takeBack(grace));
        ends.forEach(end -> end.finish(grace));
    }
}
