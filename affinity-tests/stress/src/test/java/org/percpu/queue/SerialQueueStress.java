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

/** The queue of a workqueue; an actor is its worker. */
final class SerialQueueStress {
    private SerialQueueStress() {}

    @JCStressTest
    @JCStressMeta(Parts.AppendWakes.class)
    @Rule("NWQ-14")
    @State
    public static class AppendWakes {
        private final Parts.Rig rig = Parts.serial();

        @Actor
        public void enqueuer() {
            rig.queued();
        }

        @Actor
        public void worker(I_Result r) {
            r.r1 = rig.takes(rig.item);
        }
    }

    @JCStressTest
    @JCStressMeta(Parts.AppendOrEnd.class)
    @Rule({"U7", "NWQ-20"})
    @State
    public static class AppendOrEnd {
        private final Parts.Rig rig = Parts.serial().closing();

        @Actor
        public void enqueuer(III_Result r) {
            r.r1 = rig.append();
        }

        @Actor
        public void worker(III_Result r) {
            r.r2 = rig.takesAll();
            rig.queue.workerLeft(rig.worker);
        }

        @Arbiter
        public void pending(III_Result r) {
            r.r3 = rig.pending();
        }
    }

    @JCStressTest
    @JCStressMeta(Parts.RunOrDropped.class)
    @Rule("NWQ-21")
    @State
    public static class RunOrDropped {
        private final Parts.Rig rig = Parts.serial().queued(new Parts.Plain(), new Parts.Plain(), new Parts.Plain());

        @Actor
        public void worker(II_Result r) {
            r.r1 = rig.takesAll();
            rig.queue.leave(rig.worker);
        }

        @Actor
        public void shutdown(II_Result r) {
            r.r2 = rig.endsWith();
        }
    }

    /** Somebody waits for a work while it runs and the worker comes to its end. */
    @JCStressTest
    @Rule({"NWQ-23", "NWQ-25"})
    @Outcome(id = "1", expect = ACCEPTABLE, desc = "The waiter comes back, and the work has run.")
    @Outcome(expect = FORBIDDEN, desc = "The waiter came back before the work had run.")
    @State
    public static class WaitOrFinish {
        private int data; // as a callback would write it
        private final Parts.Rig rig = Parts.serial(item -> data = 1).queued().closing();

        @Actor
        public void worker() {
            rig.queue.work(rig.worker);
            rig.queue.leave(rig.worker);
        }

        @Actor
        public void waiter(I_Result r) {
            rig.awaitItem();
            r.r1 = data;
        }
    }

    /** Somebody waits for a work while it ends and the next one of its batch begins, which goes on until the waiter is back. */
    @JCStressTest
    @Rule({"NWQ-23", "NWQ-25"})
    @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "The waiter comes back while the next work runs.")
    @Outcome(expect = FORBIDDEN, desc = "The waiter came back before the work had run, or only after the next one.")
    @State
    public static class WaitOrNext {
        private static final long LONG_ENOUGH = 2_000_000_000;

        private int data;
        private volatile boolean back;
        private boolean late;
        private final Parts.Rig rig = Parts.serial(this::callback);

        public WaitOrNext() {
            rig.queued(rig.item, new Parts.Plain()).closing();
        }

        @SuppressWarnings("ReferenceEquality")
        private void callback(Item item) {
            if (item == rig.item) {
                data = 1;
                return;
            }
            long begin = System.nanoTime();
            while (!back && !late) {
                Thread.onSpinWait();
                late = System.nanoTime() - begin > LONG_ENOUGH;
            }
        }

        @Actor
        public void worker(II_Result r) {
            rig.queue.work(rig.worker);
            r.r2 = late ? 0 : 1;
            rig.queue.leave(rig.worker);
        }

        @Actor
        public void waiter(II_Result r) {
            rig.awaitItem();
            r.r1 = data;
            back = true;
        }
    }

    /** A work is taken back while the worker comes for it. */
    @JCStressTest
    @Rule("CX-1")
    @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "Taken back, and not run; the other one is run.")
    @Outcome(id = "0, 2", expect = ACCEPTABLE, desc = "Both are run, and the caller is told that it was not pending.")
    @Outcome(expect = FORBIDDEN, desc = "Both, or neither.")
    @State
    public static class DequeueOrRun {
        private final Parts.Rig rig =
                Parts.serial().queued(new Parts.Plain()).queued().closing();

        @Actor
        public void caller(II_Result r) {
            r.r1 = rig.queue.remove(rig.item) ? 1 : 0;
        }

        @Actor
        public void worker(II_Result r) {
            r.r2 = rig.takesAll();
        }
    }

    /** Two callers take back one work each, and one of them enqueues it again, while the worker takes both. */
    @JCStressTest
    @Rule({"CX-1", "CX-2"})
    @Outcome(id = "1", expect = ACCEPTABLE, desc = "Each enqueue is a run or was taken back.")
    @Outcome(expect = FORBIDDEN, desc = "A run too many, or one too few.")
    @State
    public static class DequeueAndEnqueueOrRun {
        private final Parts.Plain other = new Parts.Plain();
        private final Parts.Rig rig = Parts.serial().queued(other).queued();
        private int taken;
        private int added;
        private int takenToo;
        private int ran;

        @Actor
        public void caller() {
            taken = rig.queue.remove(rig.item) ? 1 : 0;
            added = rig.append();
            takenToo = rig.queue.remove(other) ? 1 : 0;
            rig.closing();
        }

        @Actor
        public void worker() {
            ran = rig.takesAll();
        }

        @Arbiter
        public void sum(I_Result r) {
            r.r1 = ran + taken + takenToo == 2 + added ? 1 : 0;
        }
    }
}
