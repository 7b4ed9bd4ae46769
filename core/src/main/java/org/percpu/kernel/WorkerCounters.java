// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import org.jspecify.annotations.Nullable;
import org.percpu.thread.KernelThread;

/**
 * What a worker has done, counted by itself. The object lives as long as the worker, and each method tells the count at
 * the moment of the call, from any thread, without a system call and without a lock. {@link WorkerState} also tells what
 * the Linux kernel says of the thread, which takes some system calls.
 *
 * <p>While nothing runs, {@code enqueued = executed + deleted + depth} for the queue.
 */
public interface WorkerCounters {
    /**
     * The queue's full name.
     *
     * @return as in {@link WorkerState#queue}
     */
    String queue();

    /**
     * The worker's thread.
     *
     * @return null while it is being made
     */
    @Nullable
    KernelThread thread();

    /**
     * The works or tasks that wait and have not begun. In a queue with several workers all of them tell the same. The
     * call counts what has come since the worker last took works, some nanoseconds for each.
     *
     * @return an estimate while others add more
     */
    long depth();

    /**
     * The works or tasks that were appended to the queue. In a queue with several workers all of them tell the same.
     *
     * @return never less than at an earlier call
     */
    long enqueued();

    /**
     * The callbacks of this worker that have returned or thrown.
     *
     * @return never less than at an earlier call
     */
    long executed();

    /**
     * The adds that found their item pending already. For task_add the run to come stands for them (OTQ-14);
     * workqueue_enqueue refuses them (U1). In a queue with several workers all of them tell the same.
     *
     * @return never less than at an earlier call
     */
    long coalesced();

    /**
     * The works or tasks that were taken back before they ran: by task_del, or when the queue was dropped. In a queue
     * with several workers all of them tell the same.
     *
     * @return never less than at an earlier call
     */
    long deleted();

    /**
     * The callbacks of this worker that have thrown.
     *
     * @return never less than at an earlier call
     */
    long threw();

    /**
     * How long works have waited, from the enqueue to the beginning of the callback. The unit is 256 ns; a wait of more
     * than 18 minutes counts as that much shorter.
     *
     * @return null without {@link Kernel#timing()}
     */
    @Nullable
    TimeHistogram waiting();

    /**
     * How long callbacks have run.
     *
     * @return null without {@link Kernel#timing()}
     */
    @Nullable
    TimeHistogram running();

    /**
     * Whether the worker is in a callback.
     *
     * @return may be stale on return
     */
    boolean isBusy();

    /**
     * What the worker runs now, as it calls itself. This call may look at many works.
     *
     * @return null while it runs nothing; may be stale on return
     */
    @Nullable
    String item();
}
