// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.lang.invoke.VarHandle;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.percpu.tests.support.Rule;

/** The mark that says on which queue an item is pending. */
final class ItemStress {
    private ItemStress() {}

    /** Two queues want the same item. */
    @JCStressTest
    @Rule({"OTQ-14", "U10"})
    @Outcome(
            id = {"1, 0", "0, 1"},
            expect = ACCEPTABLE,
            desc = "Exactly one gets it.")
    @Outcome(expect = FORBIDDEN, desc = "Both have it, or neither.")
    @State
    public static class OneOwner {
        private final Item item = new Parts.Plain();
        private final int one = 1;
        private final int other = 2;

        @Actor
        public void one(II_Result r) {
            r.r1 = item.claim(one) ? 1 : 0;
        }

        @Actor
        public void other(II_Result r) {
            r.r2 = item.claim(other) ? 1 : 0;
        }
    }

    /**
     * The litmus test of task_add: the adder writes plain data and finds the item still queued, while the worker takes it off and
     * reads the data. The release and the fences are those of {@link Inlet#append(Item)} and of {@code SharedQueue}.
     */
    @JCStressTest
    @Rule("OTQ-11")
    @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = "Still queued, and the run that follows sees the data.")
    @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "Taken off already: added anew, the next run will see the data.")
    @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "Taken off already, and this run too sees the data.")
    @Outcome(
            id = "0, 0",
            expect = FORBIDDEN,
            desc = "Lost update: nothing was added and the run does not see the data.")
    @State
    public static class CoalescedAdd {
        private final Parts.Plain item = new Parts.Plain();
        private final int queue = 1;

        public CoalescedAdd() {
            boolean queued = item.claim(queue);
            assert queued;
        }

        @Actor
        public void adder(II_Result r) {
            item.data = 1;
            VarHandle.fullFence();
            r.r1 = item.claim(queue) ? 1 : 0;
        }

        @Actor
        public void worker(II_Result r) {
            item.owner = 0;
            VarHandle.fullFence();
            r.r2 = item.data;
        }
    }
}
