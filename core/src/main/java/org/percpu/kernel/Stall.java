// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Something that makes no progress, as {@link KernelBuilder#stallAfter} finds it.
 *
 * @param kernel name of the kernel
 * @param kind what stalls
 * @param subject name of the queue, the lock or the thread
 * @param item the work or task that runs, as it calls itself; null if none does
 * @param lasts for how long it has been seen without progress. It began earlier than that, by less than an eighth of the
 *     limit
 * @param thread name of the thread whose stack this is; null if there is none, because nobody knows the thread
 * @param tid Linux's number of the thread; 0 if unknown
 * @param cpu the CPU on which the thread ran last; -1 if unknown
 * @param stack what the thread does
 * @param text one line that says all of this but the stack, and what the thread waits for
 */
public record Stall(
        String kernel,
        Kind kind,
        String subject,
        @Nullable String item,
        Duration lasts,
        @Nullable String thread,
        int tid,
        int cpu,
        List<StackTraceElement> stack,
        String text) {

    /** What stalls. */
    public enum Kind {
        /** A worker is in one callback. */
        CALLBACK,
        /** A queue has items, and none of its workers begins one. */
        QUEUE,
        /** A thread holds the kernel lock, and others wait for the lock. */
        LOCK,
        /** Threads wait for one another in a circle. */
        CYCLE
    }

    /** The text and the stack. */
    @Override
    public String toString() {
        StringBuilder all = new StringBuilder(text);
        for (StackTraceElement frame : stack) {
            all.append("\n    at ").append(frame);
        }
        return all.toString();
    }
}
