// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressMeta;
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

    @JCStressTest
    @JCStressMeta(Parts.AppendWakes.class)
    @Rule("OTQ-8")
    @State
    public static class AppendWakes {
        private final Parts.Rig rig = Parts.shared();

        @Actor
        public void adder() {
            rig.queued();
        }

        @Actor
        public void worker(I_Result r) {
            r.r1 = rig.takes(rig.item);
        }
    }

    /** The worker finds nothing and goes to sleep while the queue is destroyed. */
    @JCStressTest
    @Rule({"OTQ-27", "OWQ-12"})
    @Outcome(id = "1", expect = ACCEPTABLE, desc = "The worker is told to end, whether it slept or not.")
    @Outcome(expect = FORBIDDEN, desc = "The worker came back with a task that nobody added.")
    @State
    public static class CloseWakes {
        private final Parts.Rig rig = Parts.shared();

        @Actor
        public void destroyer() {
            rig.closing();
        }

        @Actor
        public void worker(I_Result r) {
            r.r1 = rig.takes();
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
        private final Parts.Rig rig = Parts.shared().queued().closing();

        @Actor
        public void deleter(II_Result r) {
            r.r1 = Parts.remove(rig);
        }

        @Actor
        public void worker(II_Result r) {
            r.r2 = rig.takesAll();
        }
    }

    /** The second of two tasks, which the worker takes together, is deleted and added again while the worker runs them. */
    @JCStressTest
    @Rule({"OTQ-15", "OTQ-8"})
    @Outcome(
            id = {"1, 2", "0, 2", "0, 3"},
            expect = ACCEPTABLE,
            desc = "Each add is one run; a delete that says yes takes one away.")
    @Outcome(expect = FORBIDDEN, desc = "A run too many, or one too few.")
    @State
    public static class DelAndAddOrRun {
        private final Parts.Rig rig = Parts.shared().queued(new Parts.Plain()).queued();

        @Actor
        public void deleter(II_Result r) {
            r.r1 = Parts.remove(rig);
            int added = rig.append();
            assert added == 0 || added == 1;
            rig.closing();
        }

        @Actor
        public void worker(II_Result r) {
            r.r2 = rig.takesAll();
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
        private final Parts.Rig rig = Parts.shared();

        @Actor
        public void adder() {
            rig.queued();
        }

        @Actor
        public void deleter(II_Result r) {
            r.r1 = Parts.remove(rig);
        }

        @Arbiter
        public void rest(II_Result r) {
            r.r2 = rig.closing().takes();
        }
    }

    @JCStressTest
    @JCStressMeta(Parts.AppendOrEnd.class)
    @Rule({"U7", "OTQ-12"})
    @State
    public static class AppendOrEnd {
        private final Parts.Rig rig = Parts.shared().closing();

        @Actor
        public void adder(III_Result r) {
            r.r1 = rig.append();
        }

        @Actor
        public void worker(III_Result r) {
            r.r2 = rig.takesAll();
        }

        @Arbiter
        public void pending(III_Result r) {
            r.r3 = rig.pending();
        }
    }

    @JCStressTest
    @JCStressMeta(Parts.RunOrDropped.class)
    @Rule("U22")
    @State
    public static class RunOrDropped {
        private final Parts.Rig rig = Parts.shared().queued(new Parts.Plain(), new Parts.Plain(), new Parts.Plain());

        @Actor
        public void worker(II_Result r) {
            r.r1 = rig.takesAll();
        }

        @Actor
        public void shutdown(II_Result r) {
            r.r2 = rig.endsWith();
        }
    }
}
