// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a kernel found when it was shut down.
 *
 * @param queuesNeverDestroyed queues their owners forgot
 * @param worksNeverRun works and tasks that were pending and were dropped, each once; they are not pending any more
 * @param threadsNeverStarted kernel threads made idle and neither started nor destroyed; now destroyed
 * @param threadsNeverJoined kernel threads that waited, or would have to wait, for a join
 * @param stuckThreads threads that have not ended; only their own functions and callbacks can end them
 */
public record ShutdownReport(
        List<String> queuesNeverDestroyed,
        List<Object> worksNeverRun,
        List<String> threadsNeverStarted,
        List<String> threadsNeverJoined,
        List<StuckThread> stuckThreads) {

    /**
     * A thread that has not ended.
     *
     * @param name of the thread
     * @param tid Linux's number of it
     * @param queue the queue of which it is a worker, or null
     * @param item the work or task that it runs, by its name, or null
     * @param waitsFor what it waits for, as {@link Lwp#waitsFor()} tells, or null
     * @param stack where it was when the shutdown gave up on it
     */
    public record StuckThread(
            String name,
            int tid,
            @Nullable String queue,
            @Nullable String item,
            @Nullable String waitsFor,
            List<StackTraceElement> stack) {

        /**
         * Name and number.
         *
         * @return such as {@code rx/3 (tid 4711)}
         */
        public String label() {
            return name + " (tid " + tid + ")";
        }

        /**
         * Everything, on a line for the thread and one for each frame of its stack.
         *
         * @return without a line end
         */
        public String text() {
            StringBuilder text = new StringBuilder("kthread ").append(label()).append(" still runs");
            if (item != null) {
                text.append(' ').append(item);
            }
            if (queue != null) {
                text.append(" of queue ").append(queue);
            }
            if (waitsFor != null) {
                text.append(", waits for ").append(waitsFor);
            }
            stack.forEach(frame -> text.append("\n    at ").append(frame));
            return text.toString();
        }
    }

    /**
     * The threads of {@link #stuckThreads} by name and number.
     *
     * @return one for each, in the same order
     */
    public List<String> threadsStillRunning() {
        return stuckThreads.stream().map(StuckThread::label).toList();
    }

    /**
     * Whether the owners had put everything away.
     *
     * @return true if every list is empty
     */
    public boolean isClean() {
        return lines().isEmpty();
    }

    /**
     * The report for a console.
     *
     * @return a text for each finding; the text of a stuck thread has its stack on further lines
     */
    public List<String> lines() {
        List<String> lines = new ArrayList<>();
        queuesNeverDestroyed.forEach(queue -> lines.add("queue " + queue + " was never destroyed"));
        threadsNeverStarted.forEach(thread -> lines.add("kthread " + thread + " was never started"));
        threadsNeverJoined.forEach(thread -> lines.add("kthread " + thread + " was never joined"));
        lines.addAll(lost());
        return lines;
    }

    /** What was accepted and did not run to its end. */
    List<String> lost() {
        List<String> lines = new ArrayList<>();
        worksNeverRun.forEach(work -> lines.add(work + " was never run"));
        stuckThreads.forEach(thread -> lines.add(thread.text()));
        return lines;
    }
}
