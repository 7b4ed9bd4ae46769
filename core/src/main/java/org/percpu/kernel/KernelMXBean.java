// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What JMX shows of a kernel: {@code percpu top} and {@code percpu dump} read it, and any other client may. The name is
 * {@code org.percpu:type=Kernel,id=N,name="NAME"}. A kernel registers itself within a second after the process has got
 * an MBean server, for example because a tool has attached to it; a kernel with neither a pin watch nor a watch for stalls
 * does not.
 */
public interface KernelMXBean {
    /** A worker of a queue. Times are in nanoseconds, and 0 without {@link Kernel#timing()}. */
    interface Worker {
        /**
         * The queue's name.
         *
         * @return as {@link WorkerCounters#queue}
         */
        String getQueue();

        /**
         * What the Linux kernel says of the thread, and what it waits for.
         *
         * @return its state now
         */
        ThreadInfo getThread();

        /**
         * Waiting works.
         *
         * @return as {@link WorkerCounters#depth}
         */
        long getDepth();

        /**
         * Appended works.
         *
         * @return as {@link WorkerCounters#enqueued}
         */
        long getEnqueued();

        /**
         * Callbacks that have ended.
         *
         * @return as {@link WorkerCounters#executed}
         */
        long getExecuted();

        /**
         * Adds that changed nothing.
         *
         * @return as {@link WorkerCounters#coalesced}
         */
        long getCoalesced();

        /**
         * Works taken back.
         *
         * @return as {@link WorkerCounters#deleted}
         */
        long getDeleted();

        /**
         * Callbacks that threw.
         *
         * @return as {@link WorkerCounters#threw}
         */
        long getThrew();

        /**
         * What runs now.
         *
         * @return as {@link WorkerState#running}
         */
        @Nullable
        String getItem();

        /**
         * For how long it has run.
         *
         * @return as {@link WorkerState#runningNanos}
         */
        long getItemNanos();

        /**
         * How long works waited.
         *
         * @return p50, p99 and the longest
         */
        long[] getWaiting();

        /**
         * How long callbacks ran.
         *
         * @return p50, p99 and the longest
         */
        long[] getRunning();
    }

    /** A thread of the kernel. */
    interface ThreadInfo {
        /**
         * The full name.
         *
         * @return not cut
         */
        String getName();

        /**
         * Linux's number of the thread.
         *
         * @return a positive number
         */
        int getTid();

        /**
         * The CPU on which it ran last.
         *
         * @return -1 if unknown
         */
        int getCpu();

        /**
         * The CPUs asked for.
         *
         * @return as a list such as 0-3,8
         */
        String getAsked();

        /**
         * The scheduling that Linux reports.
         *
         * @return such as SCHED_RR 10
         */
        String getPolicy();

        /**
         * Whether it was asked to be on these CPUs alone.
         *
         * @return false for a thread that may run on every CPU of the kernel
         */
        boolean isBound();

        /**
         * Whether Linux has the mask that was asked for.
         *
         * @return false for a pin that is lost
         */
        boolean isPinned();

        /**
         * How often the mask was found changed.
         *
         * @return counted by the pin watch
         */
        long getPinsLost();

        /**
         * What it does.
         *
         * @return as {@link org.percpu.thread.KernelThread#stat}
         */
        String getStat();

        /**
         * What it waits for.
         *
         * @return as {@link org.percpu.thread.KernelThread#waitsFor}
         */
        @Nullable
        String getWaitsFor();
    }

    /** The clock of a CPU, which runs its timers. */
    interface Clock {
        /**
         * Its CPU.
         *
         * @return Linux's number
         */
        int getCpu();

        /**
         * Timers that wait.
         *
         * @return as {@link ClockState#pending}
         */
        int getPending();

        /**
         * How long until the first of them.
         *
         * @return in nanoseconds; -1 if none waits
         */
        long getNextNanos();

        /**
         * Functions that were called.
         *
         * @return as {@link ClockState#fired}
         */
        long getFired();

        /**
         * How many of them were called late.
         *
         * @return as {@link ClockState#late}
         */
        long getLate();

        /**
         * The greatest lateness.
         *
         * @return in nanoseconds
         */
        long getWorstLateNanos();
    }

    /**
     * The kernel's name.
     *
     * @return as given to the builder
     */
    String getName();

    /**
     * The kernel's CPUs.
     *
     * @return Linux's numbers
     */
    int[] getCpus();

    /**
     * Whether works are timed.
     *
     * @return as {@link Kernel#timing}
     */
    boolean isTiming();

    /**
     * The thread that holds the kernel lock.
     *
     * @return null if no thread has it
     */
    @Nullable
    String getLockHolder();

    /**
     * How many stalls were reported, each counted once.
     *
     * @return see {@link KernelBuilder#stallAfter}
     */
    long getStalls();

    /**
     * The workers of all queues. Asks the Linux kernel for each of them.
     *
     * @return by queue
     */
    List<Worker> getWorkers();

    /**
     * All threads of the kernel. Asks the Linux kernel for each of them.
     *
     * @return by number
     */
    List<ThreadInfo> getThreads();

    /**
     * The clocks.
     *
     * @return one for each CPU, or none
     */
    List<Clock> getClocks();

    /**
     * All of it as text, with the stacks of the threads that do something, and who waits for whom.
     *
     * @return lines
     */
    String dump();
}
