// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.intr;

import java.util.function.LongConsumer;
import org.percpu.bindings.spi.Argument;
import org.percpu.dispatch.Faces;
import org.percpu.dispatch.PostedWork;

/**
 * A work or task of a queue under a handle, so that C code, from a signal handler or any native thread, and interrupt
 * lines can post it with a value: {@code percpu_post} of {@code percpu.h}.
 *
 * <pre>{@code
 * NativeWork rx = wq.nativeWork(work, cpu);   // and the callback of the work:
 * rx.drain(value -> handle(value));           // takes the values that wait, oldest first
 * }</pre>
 *
 * <p>Posting a work that is pending adds a value to that run. The callback takes the values with {@link #drain}. Values
 * are for the run that they lead to. The values that wait when a callback begins are let go when it has returned,
 * unless a thread has drained some of them meanwhile; then the others wait for the next run. {@link State#undrained}
 * counts what was let go. So a work whose callback has no use for values need not drain, and runs for each burst all
 * the same.
 *
 * <p>A post that finds {@value #MAX_VALUES} values waiting is refused. The work runs nevertheless, which makes room.
 * The log of this class says so once for each handle, at WARNING.
 *
 * <p>Values of one sender are kept in order. Runs of a task may overlap on a queue with several threads; each value
 * then goes to one of them.
 *
 * <p>The queues make these objects: {@code Workqueue.nativeWork}, {@code Taskq.nativeTask}, {@code Workq.nativeTask}.
 * All methods may be called from any thread. The work may also be enqueued from Java; the callback then may find no
 * value.
 */
public final class NativeWork implements AutoCloseable {
    /** The largest number of values that wait. */
    public static final int MAX_VALUES = PostedWork.MAX_VALUES;

    static {
        Faces.madeBy(NativeWork::new);
    }

    private final PostedWork work;

    private NativeWork(PostedWork work) {
        this.work = work;
    }

    PostedWork work() {
        return work;
    }

    /**
     * The handle for C.
     *
     * @return a positive number that is never used again; 0 when closed
     */
    public long handle() {
        return work.handle();
    }

    /**
     * The address of {@code percpu_post}, for C code that cannot look it up: {@code long (*)(long handle, long value)}.
     *
     * @return an address that is valid as long as the process lives
     * @throws UnsupportedOperationException without libpercpu
     */
    public static long postFunction() {
        return PostedWork.postFunction();
    }

    /**
     * Posts the work as {@code percpu_post} does. Lock-free, allocates nothing.
     *
     * @param value added to those that wait
     * @return 0 queued; 1 pending already, and that run finds the value; or -errno: EAGAIN ({@value #MAX_VALUES} values
     *     wait: the value was not taken, but the work runs), ESHUTDOWN (the queue has ended or is about to), EINVAL
     *     (closed)
     */
    public int post(long value) {
        return work.post(value);
    }

    /**
     * Takes the values that wait, in the order in which they were posted. Allocates nothing. For the callback: a caller
     * that drains elsewhere may find that a run has let the values go.
     *
     * @param consumer called for each; if it throws, the values behind wait for the next call
     * @return how many there were
     */
    public int drain(LongConsumer consumer) {
        return work.drain(Argument.requireNonNull(consumer, "drain", "consumer"));
    }

    /**
     * What has become of the values.
     *
     * @param name of the work and its queue
     * @param drained values that {@link NativeWork#drain} has taken
     * @param undrained values that were let go because a run has returned and no thread had drained
     * @param refused posts that found {@value NativeWork#MAX_VALUES} values waiting, whose values were not taken
     */
    public record State(String name, long drained, long undrained, long refused) {}

    /**
     * What has become of the values.
     *
     * @return the counts now, also when it is closed
     */
    public State state() {
        PostedWork.State now = work.state();
        return new State(now.name(), now.drained(), now.undrained(), now.refused());
    }

    /**
     * Closes the handle: C code that uses it gets EINVAL. What was posted before still runs. Closing twice is harmless.
     */
    @Override
    public void close() {
        work.close();
    }

    /** Name and handle. */
    @Override
    public String toString() {
        return work.toString();
    }
}
