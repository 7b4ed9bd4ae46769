// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What a kernel found when it was shut down.
 *
 * @param queuesNeverDestroyed queues their owners forgot
 * @param dropped works and tasks that were pending and were dropped, each once; they are not pending any more
 * @param threadsNeverStarted kernel threads made idle and neither started nor destroyed; now destroyed
 * @param threadsNeverJoined kernel threads that waited, or would have to wait, for a join
 * @param callbacksInterrupted callbacks that were interrupted when the time was over, and have returned or thrown
 *     since: the work or task by its name, and its queue
 * @param stuckThreads threads that have not ended; only their own functions and callbacks can end them
 */
public record ShutdownReport(
        List<String> queuesNeverDestroyed,
        List<Dropped> dropped,
        List<String> threadsNeverStarted,
        List<String> threadsNeverJoined,
        List<String> callbacksInterrupted,
        List<StuckThread> stuckThreads) {

    /**
     * A work or task that was accepted and never run.
     *
     * @param queue the queue's full name
     * @param work the work or task
     */
    public record Dropped(String queue, Object work) {
        /** Its name and its queue. A name is the owner's code. */
        @Override
        public String toString() {
            String name;
            try {
                name = String.valueOf(work);
            } catch (RuntimeException e) {
                name = work.getClass().getName();
            }
            return name + " of queue " + queue;
        }
    }

    /**
     * A thread that has not ended.
     *
     * @param name of the thread
     * @param tid Linux's number of it
     * @param queue the queue of which it is a worker, or null
     * @param item the work or task that it runs, by its name; null if the callback has ended and, for example, what
     *     it threw is still being reported
     * @param waitsFor what it waits for, as {@link org.percpu.thread.KernelThread#waitsFor()} tells, or null
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
     * The works and tasks of {@link #dropped}.
     *
     * @return each once
     */
    public List<Object> worksNeverRun() {
        return dropped.stream().map(Dropped::work).toList();
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
        return lines(queue -> true);
    }

    /** Without the queues whose works have all run. */
    List<String> linesOfClose() {
        Set<String> cut = new HashSet<>();
        dropped.forEach(work -> cut.add(work.queue()));
        return lines(cut::contains);
    }

    private List<String> lines(Predicate<String> queues) {
        List<String> lines = new ArrayList<>();
        queuesNeverDestroyed.stream()
                .filter(queues)
                .forEach(queue -> lines.add("queue " + queue + " was never destroyed"));
        threadsNeverStarted.forEach(thread -> lines.add("kthread " + thread + " was never started"));
        threadsNeverJoined.forEach(thread -> lines.add("kthread " + thread + " was never joined"));
        lines.addAll(lost());
        return lines;
    }

    /** What was accepted and did not run to its end. */
    List<String> lost() {
        List<String> lines = new ArrayList<>();
        Map<String, Integer> counts = new LinkedHashMap<>();
        dropped.forEach(work -> counts.merge(work.toString(), 1, Integer::sum));
        counts.forEach((work, count) ->
                lines.add(count == 1 ? work + " was never run" : count + " x " + work + " were never run"));
        callbacksInterrupted.forEach(callback -> lines.add(callback + " was interrupted when the time was over"));
        stuckThreads.forEach(thread -> lines.add(thread.text()));
        return lines;
    }
}
