// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.ArrayList;
import java.util.List;

/**
 * What a kernel found when it was shut down.
 *
 * @param queuesNeverDestroyed queues their owners forgot
 * @param worksNeverRun works and tasks that were pending and were dropped, each once; they are not pending any more
 * @param threadsNeverStarted kernel threads made idle and neither started nor destroyed; now destroyed
 * @param threadsNeverJoined kernel threads that waited, or would have to wait, for a join
 * @param threadsStillRunning threads that have not ended: nothing can end them but their own functions
 */
public record ShutdownReport(
        List<String> queuesNeverDestroyed,
        List<Object> worksNeverRun,
        List<String> threadsNeverStarted,
        List<String> threadsNeverJoined,
        List<String> threadsStillRunning) {

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
     * @return a line for each finding
     */
    public List<String> lines() {
        List<String> lines = new ArrayList<>();
        queuesNeverDestroyed.forEach(queue -> lines.add("queue " + queue + " was never destroyed"));
        worksNeverRun.forEach(work -> lines.add(work + " was never run"));
        threadsNeverStarted.forEach(thread -> lines.add("kthread " + thread + " was never started"));
        threadsNeverJoined.forEach(thread -> lines.add("kthread " + thread + " was never joined"));
        threadsStillRunning.forEach(thread -> lines.add("kthread " + thread + " still runs"));
        return lines;
    }
}
