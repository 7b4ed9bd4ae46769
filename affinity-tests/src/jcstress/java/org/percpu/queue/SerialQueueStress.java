// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.time.Duration;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;
import org.percpu.tests.support.Rule;

/** The queue of a workqueue; an actor is its worker. */
final class SerialQueueStress {
    private SerialQueueStress() {}

    /** The worker finds nothing and goes to sleep while a work comes. */
    @JCStressTest
    @Rule("NWQ-14")
    @Outcome(id = "1", expect = ACCEPTABLE, desc = "The worker has the work, whether it slept or not.")
    @Outcome(expect = FORBIDDEN, desc = "The worker came back with something else.")
    @State
    public static class AppendWakes {
        private final SerialQueue queue = Parts.serial();
        private final Worker worker = Parts.worker(queue);
        private final Item item = new Parts.Plain();

        @Actor
        public void enqueuer() {
            Append appended = queue.append(item);
            assert appended == Append.QUEUED;
        }

        @Actor
        @SuppressWarnings("ReferenceEquality")
        public void worker(I_Result r) {
            r.r1 = queue.next(worker) == item ? 1 : 0;
        }
    }

    /** A destroyed queue ends while somebody enqueues. */
    @JCStressTest
    @Rule({"U7", "NWQ-20"})
    @Outcome(id = "1, 1, 0", expect = ACCEPTABLE, desc = "Taken before the end, and run.")
    @Outcome(id = "0, 0, 0", expect = ACCEPTABLE, desc = "Too late: ESHUTDOWN, not run, and the work can go elsewhere.")
    @Outcome(expect = FORBIDDEN, desc = "Accepted and never run, refused and run, or left pending on a dead queue.")
    @State
    public static class AppendOrEnd {
        private final SerialQueue queue = Parts.serial();
        private final Worker worker = Parts.worker(queue);
        private final Item item = new Parts.Plain();

        public AppendOrEnd() {
            queue.close();
        }

        @Actor
        public void enqueuer(III_Result r) {
            r.r1 = queue.append(item) == Append.QUEUED ? 1 : 0;
        }

        @Actor
        public void worker(III_Result r) {
            while (queue.next(worker) != null) {
                r.r2++;
            }
            queue.workerLeft(worker);
        }

        @Arbiter
        public void pending(III_Result r) {
            r.r3 = item.owner() == 0 ? 0 : 1;
        }
    }

    /** A drain runs out of time while the worker takes works: each is run, or handed back, and never both. */
    @JCStressTest
    @Rule("NWQ-21")
    @Outcome(id = "3, 0", expect = ACCEPTABLE, desc = "All were run in time.")
    @Outcome(
            id = {"2, 1", "1, 2"},
            expect = ACCEPTABLE,
            desc = "Some were run, the rest is handed back.")
    @Outcome(id = "0, 3", expect = ACCEPTABLE, desc = "None was run, all are handed back.")
    @Outcome(expect = FORBIDDEN, desc = "A work that was neither run nor handed back, or both.")
    @State
    public static class RunOrDropped {
        private final SerialQueue queue = Parts.serial();
        private final Worker worker = Parts.worker(queue);

        public RunOrDropped() {
            for (int i = 0; i < 3; i++) {
                Append appended = queue.append(new Parts.Plain());
                assert appended == Append.QUEUED;
            }
        }

        @Actor
        public void worker(II_Result r) {
            while (queue.next(worker) != null) {
                r.r1++;
            }
            queue.workerLeft(worker);
            queue.wakeWaiters();
        }

        @Actor
        public void shutdown(II_Result r) {
            r.r2 = queue.end(Duration.ZERO).size();
        }
    }

    /** Somebody waits for a work while the worker comes to its end. */
    @JCStressTest
    @Rule({"NWQ-23", "NWQ-25"})
    @Outcome(id = "1", expect = ACCEPTABLE, desc = "The waiter comes back, and the work has run.")
    @Outcome(expect = FORBIDDEN, desc = "The waiter came back before the work had run.")
    @State
    public static class WaitOrFinish {
        private final SerialQueue queue = Parts.serial();
        private final Worker worker = Parts.worker(queue);
        private final Parts.Plain item = new Parts.Plain();

        public WaitOrFinish() {
            Append appended = queue.append(item);
            assert appended == Append.QUEUED;
            queue.close();
        }

        @Actor
        public void worker() {
            Item taken = queue.next(worker);
            assert taken != null;
            item.data = 1;
            worker.idle();
            Item none = queue.next(worker);
            assert none == null;
            queue.workerLeft(worker);
            queue.wakeWaiters();
        }

        @Actor
        public void waiter(I_Result r) {
            boolean done =
                    queue.await(() -> item.owner() == 0 && !worker.isRunning(item), Duration.ofNanos(Long.MAX_VALUE));
            assert done;
            r.r1 = item.data;
        }
    }
}
