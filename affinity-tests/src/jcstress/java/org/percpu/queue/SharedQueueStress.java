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

/** The queue of a workq or taskq; an actor is its worker. */
final class SharedQueueStress {
    private SharedQueueStress() {}

    /** The worker finds nothing and goes to sleep while a task comes. */
    @JCStressTest
    @Rule("OTQ-8")
    @Outcome(id = "1", expect = ACCEPTABLE, desc = "The worker has the task, whether it slept or not.")
    @Outcome(expect = FORBIDDEN, desc = "The worker came back with something else.")
    @State
    public static class AppendWakes {
        private final SharedQueue queue = Parts.shared();
        private final Worker worker = Parts.worker(queue);
        private final Item item = new Parts.Linked();

        @Actor
        public void adder() {
            Append appended = queue.append(item);
            assert appended == Append.QUEUED;
        }

        @Actor
        @SuppressWarnings("ReferenceEquality")
        public void worker(I_Result r) {
            r.r1 = queue.next(worker) == item ? 1 : 0;
        }
    }

    /** The worker finds nothing and goes to sleep while the queue is destroyed. */
    @JCStressTest
    @Rule({"OTQ-27", "OWQ-12"})
    @Outcome(id = "1", expect = ACCEPTABLE, desc = "The worker is told to end, whether it slept or not.")
    @Outcome(expect = FORBIDDEN, desc = "The worker came back with a task that nobody added.")
    @State
    public static class CloseWakes {
        private final SharedQueue queue = Parts.shared();
        private final Worker worker = Parts.worker(queue);

        @Actor
        public void destroyer() {
            queue.close();
        }

        @Actor
        public void worker(I_Result r) {
            r.r1 = queue.next(worker) == null ? 1 : 0;
        }
    }

    /** A queued task is deleted while the worker comes for it. */
    @JCStressTest
    @Rule({"OTQ-15", "OTQ-19"})
    @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "Deleted, and not run.")
    @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = "Run, and the delete says that it was not queued.")
    @Outcome(expect = FORBIDDEN, desc = "Both, or neither.")
    @State
    public static class DelOrRun {
        private final SharedQueue queue = Parts.shared();
        private final Worker worker = Parts.worker(queue);
        private final LinkedItem item = new Parts.Linked();

        public DelOrRun() {
            Append appended = queue.append(item);
            assert appended == Append.QUEUED;
            queue.close();
        }

        @Actor
        public void deleter(II_Result r) {
            r.r1 = queue.remove(item) ? 1 : 0;
        }

        @Actor
        public void worker(II_Result r) {
            while (queue.next(worker) != null) {
                r.r2++;
            }
        }
    }

    /** A task is added while it is deleted: the delete that says so took it off, and nothing else did. */
    @JCStressTest
    @Rule({"OTQ-15", "OTQ-16"})
    @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "Added, deleted, gone.")
    @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "The delete came first and found nothing; the task is queued.")
    @Outcome(expect = FORBIDDEN, desc = "A delete that says yes and leaves the task, or says no and takes it.")
    @State
    public static class AddOrDel {
        private final SharedQueue queue = Parts.shared();
        private final Worker worker = Parts.worker(queue);
        private final LinkedItem item = new Parts.Linked();

        @Actor
        public void adder() {
            Append appended = queue.append(item);
            assert appended == Append.QUEUED;
        }

        @Actor
        public void deleter(II_Result r) {
            r.r1 = queue.remove(item) ? 1 : 0;
        }

        @Arbiter
        public void rest(II_Result r) {
            queue.close();
            r.r2 = queue.next(worker) == null ? 1 : 0;
        }
    }

    /** A destroyed queue ends while somebody adds. */
    @JCStressTest
    @Rule({"U7", "OTQ-12"})
    @Outcome(id = "1, 1, 0", expect = ACCEPTABLE, desc = "Taken before the end, and run.")
    @Outcome(id = "0, 0, 0", expect = ACCEPTABLE, desc = "Too late: ESHUTDOWN, not run, and the task can go elsewhere.")
    @Outcome(expect = FORBIDDEN, desc = "Accepted and never run, refused and run, or left pending on a dead queue.")
    @State
    public static class AppendOrEnd {
        private final SharedQueue queue = Parts.shared();
        private final Worker worker = Parts.worker(queue);
        private final Item item = new Parts.Linked();

        public AppendOrEnd() {
            queue.close();
        }

        @Actor
        public void adder(III_Result r) {
            r.r1 = queue.append(item) == Append.QUEUED ? 1 : 0;
        }

        @Actor
        public void worker(III_Result r) {
            while (queue.next(worker) != null) {
                r.r2++;
            }
        }

        @Arbiter
        public void pending(III_Result r) {
            r.r3 = item.owner() == 0 ? 0 : 1;
        }
    }

    /** A drain runs out of time while the worker takes tasks: each is run, or handed back, and never both. */
    @JCStressTest
    @Rule("U22")
    @Outcome(id = "3, 0", expect = ACCEPTABLE, desc = "All were run in time.")
    @Outcome(
            id = {"2, 1", "1, 2"},
            expect = ACCEPTABLE,
            desc = "Some were run, the rest is handed back.")
    @Outcome(id = "0, 3", expect = ACCEPTABLE, desc = "None was run, all are handed back.")
    @Outcome(expect = FORBIDDEN, desc = "A task that was neither run nor handed back, or both.")
    @State
    public static class RunOrDropped {
        private final SharedQueue queue = Parts.shared();
        private final Worker worker = Parts.worker(queue);

        public RunOrDropped() {
            for (int i = 0; i < 3; i++) {
                Append appended = queue.append(new Parts.Linked());
                assert appended == Append.QUEUED;
            }
        }

        @Actor
        public void worker(II_Result r) {
            while (queue.next(worker) != null) {
                r.r1++;
            }
        }

        @Actor
        public void shutdown(II_Result r) {
            r.r2 = queue.end(Duration.ZERO).size();
        }
    }
}
