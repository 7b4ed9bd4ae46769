// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.NativeWork;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelQueue;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.openbsd.WorkqTask;
import org.percpu.thread.Pri;

/** Something that runs numbered works: a queue of one of the interfaces, a soft interrupt, or an interrupt line. */
abstract class Target {
    /** The name of the queue, with which those of its threads begin. */
    static final String NAME = "target";

    /** Where the function of a work may be called. */
    IntConsumer callback = which -> {};

    /**
     * Makes it, and works with the numbers from 0.
     *
     * @param size how many works
     */
    abstract void open(Fixture made, int size);

    /** Hands a work over; one that is pending must not be handed over. */
    abstract void submit(int which);

    /** Whether works run in the order in which they were handed over. */
    boolean isInOrder() {
        return true;
    }

    /** The number of a work that the library has named or returned, or -1. */
    int numberOf(Object work) {
        return -1;
    }

    /** Closes what is beside the queue. */
    void close() {}

    /** As the page has it. */
    void destroy() {
        throw new UnsupportedOperationException();
    }

    List<?> drain(Duration atMost) {
        throw new UnsupportedOperationException("drain within " + atMost);
    }

    /** Waits until a work is neither pending nor runs. */
    void waitFor(int which) {
        throw new UnsupportedOperationException("wait for " + which);
    }

    /**
     * A queue with works of its caller's.
     *
     * @param <W> what a work is
     * @param <Q> what the queue is
     */
    @SuppressWarnings("NullAway") // open() comes first
    abstract static class OfQueue<W, Q extends KernelQueue> extends Target {
        List<W> works = List.of();

        @Nullable
        Q queue;

        @Override
        void open(Fixture made, int size) {
            works = IntStream.range(0, size).mapToObj(this::work).toList();
            queue = create(made.kernel);
        }

        /** Makes a work that calls the callback with its number. */
        abstract W work(int which);

        abstract Q create(Kernel kernel);

        @Override
        final int numberOf(Object work) {
            return works.indexOf(work);
        }

        @Override
        final List<?> drain(Duration atMost) {
            return queue.drainAndDestroy(atMost);
        }
    }

    /** A workqueue. */
    @SuppressWarnings("NullAway") // open() comes first
    static final class OfWorkqueue extends OfQueue<Work, Workqueue<Work>> {
        private final int flags;

        OfWorkqueue(int flags) {
            this.flags = flags;
        }

        @Override
        Work work(int which) {
            return new Work();
        }

        @Override
        Workqueue<Work> create(Kernel kernel) {
            return Workqueue.create(
                    kernel, NAME, (work, none) -> callback.accept(numberOf(work)), null, Pri.PRI_NONE, Ipl.NONE, flags);
        }

        @Override
        void submit(int which) {
            queue.enqueue(works.get(which), null);
        }

        /** A caller that moves from one CPU to another enqueues to another worker. */
        @Override
        boolean isInOrder() {
            return (flags & Workqueue.WQ_PERCPU) == 0;
        }

        @Override
        void destroy() {
            queue.destroy();
        }

        @Override
        void waitFor(int which) {
            queue.waitFor(works.get(which));
        }
    }

    /** A taskq. */
    @SuppressWarnings("NullAway") // open() comes first
    static class OfTaskq extends OfQueue<Task, Taskq> {
        private final int threads;
        private final int flags;

        OfTaskq(int threads, int flags) {
            this.threads = threads;
            this.flags = flags;
        }

        @Override
        Task work(int which) {
            return Task.initializer(callback::accept, which);
        }

        @Override
        Taskq create(Kernel kernel) {
            return Taskq.create(kernel, NAME, threads, Ipl.NONE, flags);
        }

        @Override
        void submit(int which) {
            Fixture.require(queue.add(works.get(which)), "task_add found it pending");
        }

        @Override
        boolean isInOrder() {
            return threads == 1;
        }

        @Override
        void destroy() {
            queue.destroy();
        }

        @Override
        void waitFor(int which) {
            queue.barrier();
        }

        boolean del(int which) {
            return queue.del(works.get(which));
        }
    }

    /** A taskq of which a task is waited for by taking it back. */
    @SuppressWarnings("NullAway") // open() comes first
    static final class OfDeletion extends OfTaskq {
        OfDeletion() {
            super(2, Taskq.TASKQ_MPSAFE);
        }

        @Override
        void waitFor(int which) {
            boolean unused = queue.delBarrier(works.get(which));
        }
    }

    /** A workq, with the caller's entries. */
    @SuppressWarnings("NullAway") // open() comes first
    static final class OfWorkq extends OfQueue<WorkqTask, Workq> {
        @Override
        WorkqTask work(int which) {
            return new WorkqTask();
        }

        @Override
        Workq create(Kernel kernel) {
            return Workq.create(kernel, NAME, 1, Ipl.NONE);
        }

        @Override
        void submit(int which) {
            queue.queueTask(works.get(which), 0, (self, none) -> self.callback.accept(which), this, null);
        }

        @Override
        void destroy() {
            queue.destroy();
        }
    }

    /** Queues of different kinds in one kernel, each with one work. */
    static final class OfSeveral extends Target {
        private final List<Target> queues = List.of(
                new OfWorkqueue(Workqueue.WQ_MPSAFE),
                new OfTaskq(2, Taskq.TASKQ_MPSAFE),
                new OfWorkq(),
                new OfWorkqueue(0));

        @Override
        void open(Fixture made, int size) {
            Fixture.require(size == queues.size(), "a work for each queue");
            for (int i = 0; i < size; i++) {
                int which = i;
                queues.get(i).callback = none -> callback.accept(which);
                queues.get(i).open(made, 1);
            }
        }

        @Override
        void submit(int which) {
            queues.get(which).submit(0);
        }

        @Override
        boolean isInOrder() {
            return false;
        }

        @Override
        int numberOf(Object work) {
            for (int i = 0; i < queues.size(); i++) {
                if (queues.get(i).numberOf(work) == 0) {
                    return i;
                }
            }
            return -1;
        }
    }

    /** A workq with entries of its pool, which a single lost entry would exhaust in the end. */
    @SuppressWarnings("NullAway") // open() comes first
    static final class OfPool extends Target {
        private @Nullable Workq wq;

        @Override
        void open(Fixture made, int size) {
            wq = Workq.create(made.kernel, NAME, 1, Ipl.NONE, size);
        }

        @Override
        void submit(int which) {
            Fixture.require(
                    wq.addTask(0, (self, none) -> self.callback.accept(which), this, null),
                    "an entry of the pool is lost");
        }
    }

    /** A kthread that does a work and ends, and the next one that does the next work. */
    static final class OfKthread extends Target {
        private final Kthread[] threads = new Kthread[2];
        private @Nullable Fixture fixture;

        @Override
        void open(Fixture made, int size) {
            fixture = made;
        }

        @Override
        @SuppressWarnings("NullAway") // open() comes first
        void submit(int which) {
            threads[which] = Kthread.create(
                    fixture.kernel,
                    Pri.PRI_NONE,
                    Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_MUSTJOIN,
                    null,
                    none -> callback.accept(which),
                    null,
                    NAME);
        }

        @Override
        void waitFor(int which) {
            threads[which].join();
        }

        @Override
        void destroy() {}
    }

    /** Soft interrupts of one level. */
    static final class OfSoftint extends Target {
        private final int flags;
        private Softint[] softints = {};
        private @Nullable Fixture fixture;

        OfSoftint(int flags) {
            this.flags = Softint.SOFTINT_NET | Softint.SOFTINT_RCPU | flags;
        }

        @Override
        void open(Fixture made, int size) {
            fixture = made;
            softints = new Softint[size];
            Arrays.setAll(softints, i -> Softint.establish(made.kernel, flags, which -> callback.accept(which), i));
        }

        @Override
        @SuppressWarnings("NullAway") // open() comes first
        void submit(int which) {
            softints[which].scheduleCpu(fixture.kernel.cpus().get(0));
        }

        @Override
        int numberOf(Object work) {
            return List.of(softints).indexOf(work);
        }

        @Override
        void waitFor(int which) {
            softints[which].disestablish();
        }
    }

    /** A work that is posted as C code does, and drains its values. */
    @SuppressWarnings("NullAway") // open() comes first
    static final class OfPosts extends Target {
        private @Nullable NativeWork posted;

        @Override
        void open(Fixture made, int size) {
            Workqueue<Work> wq = Workqueue.create(
                    made.kernel, NAME, (work, none) -> drain(), null, Pri.PRI_NONE, Ipl.HIGH, Workqueue.WQ_MPSAFE);
            posted = wq.nativeWork(new Work(), null);
        }

        private void drain() {
            int drained = posted.drain(value -> callback.accept((int) value));
            assert drained >= 0;
        }

        @Override
        void submit(int which) {
            Fixture.require(posted.post(which) >= 0, "a post was refused");
        }

        @Override
        void close() {
            posted.close();
        }
    }

    /** A line of a CPU's interrupt thread. */
    @SuppressWarnings("NullAway") // open() comes first
    static final class OfLine extends Target {
        private @Nullable InterruptLine line;

        @Override
        void open(Fixture made, int size) {
            Receiver receiver = made.kernel.interrupts(made.kernel.cpus().get(0));
            line = InterruptLine.establish(receiver, NAME, Ipl.VM, value -> callback.accept((int) value));
        }

        @Override
        void submit(int which) {
            Fixture.require(line.trigger(which), "a value was refused");
        }

        @Override
        void close() {
            line.close();
        }
    }
}
