// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Outcome;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.QueueEnd;

/**
 * What the tests of the engine's parts are made of: queues without threads, whose worker is an actor of the test. Both kinds of queue
 * answer to the same scenarios; jcstress wants actors in the class of each test, so those are one line each and the rest is here.
 */
final class Parts {
    /** One kernel for each forked JVM, made when the first test in it asks. */
    static final Kernel KERNEL = Kernel.builder("jcstress")
            .pinWatch(Duration.ZERO)
            .stallAfter(Duration.ZERO)
            .build();

    private Parts() {}

    /** An item of a list that knows no removal. */
    static final class Plain extends Item {
        int data;
    }

    /** Counts, and can end the work after the first item. */
    static final class Runs extends Call {
        private final List<Item> items = new ArrayList<>();
        private final Consumer<Item> callback;
        private @Nullable ItemQueue closing;

        Runs(Consumer<Item> callback) {
            this.callback = callback;
        }

        @Override
        public void load(Item item) {}

        @Override
        public void invoke(Item item) {
            items.add(item);
            callback.accept(item);
            if (closing != null) {
                closing.close();
            }
        }
    }

    /** A queue, its worker, and an item. */
    static final class Rig {
        final ItemQueue queue;
        final Worker worker;
        final Item item = new Plain();
        private final Runs runs;

        private Rig(ItemQueue queue, Worker worker, Runs runs) {
            this.queue = queue;
            this.worker = worker;
            this.runs = runs;
        }

        Rig queued() {
            return queued(item);
        }

        Rig queued(Item... items) {
            for (Item each : items) {
                Append appended = queue.append(each);
                assert appended == Append.QUEUED;
            }
            return this;
        }

        Rig closing() {
            queue.close();
            return this;
        }

        int append() {
            return queue.append(item) == Append.QUEUED ? 1 : 0;
        }

        /** The worker's part up to its first item, or to the end of the queue. */
        int takes(Item... expected) {
            runs.closing = queue;
            queue.work(worker);
            return runs.items.equals(List.of(expected)) ? 1 : 0;
        }

        /** To the end of the queue. */
        int takesAll() {
            queue.work(worker);
            return runs.items.size();
        }

        /** As workqueue_wait does. */
        void awaitItem() {
            boolean done =
                    queue.await(() -> item.owner() == 0 && !worker.isRunning(item), Duration.ofNanos(Long.MAX_VALUE));
            assert done;
        }

        int pending() {
            return item.owner() == 0 ? 0 : 1;
        }

        int endsWith() {
            Ending end = Ending.ofUnlisted(KERNEL, queue);
            end.close();
            if (end.await(Deadline.after(Duration.ZERO))) {
                return 0;
            }
            end.stop(false);
            end.takeBack(Deadline.after(Duration.ofMillis(QueueEnd.COMES_ROUND_MILLIS)));
            return end.handOut().size();
        }
    }

    /** The worker finds nothing and goes to sleep while an item comes. */
    @Outcome(id = "1", expect = ACCEPTABLE, desc = "The worker has the item, whether it slept or not.")
    @Outcome(expect = FORBIDDEN, desc = "The worker came back with something else.")
    static final class AppendWakes {
        private AppendWakes() {}
    }

    /** A destroyed queue ends while somebody appends. */
    @Outcome(id = "1, 1, 0", expect = ACCEPTABLE, desc = "Taken before the end, and run.")
    @Outcome(id = "0, 0, 0", expect = ACCEPTABLE, desc = "Too late: ESHUTDOWN, not run, and the item can go elsewhere.")
    @Outcome(expect = FORBIDDEN, desc = "Accepted and never run, refused and run, or left pending on a dead queue.")
    static final class AppendOrEnd {
        private AppendOrEnd() {}
    }

    /** A drain runs out of time while the worker takes three items: each is run, or handed back, and never both. */
    @Outcome(id = "3, 0", expect = ACCEPTABLE, desc = "All were run in time.")
    @Outcome(
            id = {"2, 1", "1, 2"},
            expect = ACCEPTABLE,
            desc = "Some were run, the rest is handed back.")
    @Outcome(id = "0, 3", expect = ACCEPTABLE, desc = "None was run, all are handed back.")
    @Outcome(expect = FORBIDDEN, desc = "An item that was neither run nor handed back, or both.")
    static final class RunOrDropped {
        private RunOrDropped() {}
    }

    /** The queue of a workqueue. */
    static Rig serial() {
        return serial(item -> {});
    }

    static Rig serial(Consumer<Item> callback) {
        Runs runs = new Runs(callback);
        SerialQueue queue = new SerialQueue(KERNEL, "serial", runs, true);
        return new Rig(queue, queue.worker, runs);
    }

    /** The queue of a workq or taskq. */
    static Rig shared() {
        Runs runs = new Runs(item -> {});
        SharedQueue queue = new SharedQueue(KERNEL, "shared", () -> runs, true, true);
        return new Rig(queue, new Worker(queue, runs, true), runs);
    }

    static int remove(Rig shared) {
        return ((SharedQueue) shared.queue).remove(shared.item) ? 1 : 0;
    }
}
