// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.trace;

import java.util.List;
import java.util.Map;

/**
 * What a recording tells. Times are in nanoseconds since its first event.
 *
 * @param boxes by their beginning
 * @param arrows by their run
 * @param threads names by Linux's number of the thread
 * @param nanos how long the recording is
 * @param unrun enqueues whose run is not in the recording
 * @param unqueued runs whose enqueue is not in the recording
 */
public record Timeline(
        List<Box> boxes, List<Arrow> arrows, Map<Long, String> threads, long nanos, int unrun, int unqueued) {

    /** What a box stands for. */
    public enum Kind {
        /** A work or task runs. */
        RUN,
        /** An interrupt handler or the function of a timer runs. */
        HANDLER,
        /** The thread is at a raised level. */
        LEVEL,
        /** The thread sleeps. */
        SLEEP,
        /** The thread waits for a lock. */
        WAIT,
        /** The thread holds a lock. */
        HOLD,
        /** A moment: a fault, a stall, a pin that is restored, a timer that is late. */
        MARK
    }

    /**
     * A stretch of time of one thread.
     *
     * @param kind what it stands for
     * @param cpu where it began; -1 if unknown
     * @param endCpu where it ended; -1 if unknown
     * @param thread Linux's number of the thread
     * @param start when it began
     * @param end when it ended
     * @param group name of the queue, line or lock
     * @param name what it is called
     * @param detail what else there is to tell, or nothing
     */
    public record Box(
            Kind kind,
            int cpu,
            int endCpu,
            long thread,
            long start,
            long end,
            String group,
            String name,
            String detail) {
        long length() {
            return end - start;
        }
    }

    /**
     * From an enqueue to its run.
     *
     * @param cpu of the enqueue
     * @param thread that enqueued
     * @param time when
     * @param run the run
     */
    public record Arrow(int cpu, long thread, long time, Box run) {}

    /**
     * The part of a timeline between two moments.
     *
     * @param from the first
     * @param to the last
     * @return what is there at least in part
     */
    public Timeline between(long from, long to) {
        return new Timeline(
                boxes.stream().filter(b -> b.end() >= from && b.start() <= to).toList(),
                arrows.stream()
                        .filter(a -> a.run().start() >= from && a.time() <= to)
                        .toList(),
                threads,
                nanos,
                unrun,
                unqueued);
    }
}
