// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;
import org.percpu.tests.support.Rule;

/** The lock-free list between producers and workers. */
final class InboxStress {
    private InboxStress() {}

    private static int length(@Nullable Item first) {
        int length = 0;
        for (Item item = first; item != null; item = item.older) {
            length++;
        }
        return length;
    }

    /** The producer writes plain data and pushes; the taker reads it. */
    @JCStressTest
    @Rule("NWQ-10")
    @Outcome(id = "-1", expect = ACCEPTABLE, desc = "The taker came first and found nothing.")
    @Outcome(id = "1", expect = ACCEPTABLE, desc = "The item is there and so is what was written before the push.")
    @Outcome(expect = FORBIDDEN, desc = "The item is there and its data is not.")
    @State
    public static class PushIsSeen {
        private final Inbox inbox = new Inbox();
        private final Parts.Plain item = new Parts.Plain();

        @Actor
        public void producer() {
            item.data = 1;
            Inbox.Push pushed = inbox.push(item);
            assert pushed == Inbox.Push.DONE;
        }

        @Actor
        public void taker(I_Result r) {
            Item taken = inbox.take();
            r.r1 = taken == null ? -1 : ((Parts.Plain) taken).data;
        }
    }

    /** Two producers push; what two takes get is both items, each once. */
    @JCStressTest
    @Rule({"NWQ-1", "NWQ-11"})
    @Outcome(id = "2", expect = ACCEPTABLE, desc = "Both items came out, each once.")
    @Outcome(expect = FORBIDDEN, desc = "An item was lost, or came out twice.")
    @State
    public static class TwoProducers {
        private final Inbox inbox = new Inbox();
        private final Parts.Plain one = new Parts.Plain();
        private final Parts.Plain other = new Parts.Plain();
        private int takenInBetween;

        @Actor
        public void producer() {
            Inbox.Push pushed = inbox.push(one);
            assert pushed == Inbox.Push.DONE;
        }

        @Actor
        public void producerAndTaker() {
            Inbox.Push pushed = inbox.push(other);
            assert pushed == Inbox.Push.DONE;
            takenInBetween = length(inbox.take());
        }

        @Arbiter
        public void rest(I_Result r) {
            r.r1 = takenInBetween + length(inbox.take());
        }
    }

    /** The worker is about to sleep while a producer pushes: the worker stays awake, or the producer knows that it must ring. */
    @JCStressTest
    @Rule("NWQ-14")
    @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "The item came first: the worker does not sleep, nobody rings.")
    @Outcome(
            id = "1, 1",
            expect = ACCEPTABLE,
            desc = "The marker came first: the worker sleeps and the producer rings.")
    @Outcome(
            id = "1, 0",
            expect = FORBIDDEN,
            desc = "The worker sleeps on a queue with an item in it and nobody rings.")
    @Outcome(expect = FORBIDDEN, desc = "A ring for a worker that does not sleep.")
    @State
    public static class PushOrPark {
        private final Inbox inbox = new Inbox();

        @Actor
        public void worker(II_Result r) {
            r.r1 = inbox.park() ? 1 : 0;
        }

        @Actor
        public void producer(II_Result r) {
            r.r2 = inbox.push(new Parts.Plain()) == Inbox.Push.RING ? 1 : 0;
        }
    }

    /** The last worker shuts the inbox while a producer pushes: it cannot shut it over an item. */
    @JCStressTest
    @Rule({"U7", "OTQ-12"})
    @Outcome(id = "1, 0, 1", expect = ACCEPTABLE, desc = "Pushed in time: the inbox stays open and the item is in it.")
    @Outcome(id = "0, 1, 0", expect = ACCEPTABLE, desc = "Shut in time: the producer is told, and keeps its item.")
    @Outcome(expect = FORBIDDEN, desc = "An item in a shut inbox, or one refused by an open inbox.")
    @State
    public static class PushOrClose {
        private final Inbox inbox = new Inbox();

        @Actor
        public void producer(III_Result r) {
            r.r1 = inbox.push(new Parts.Plain()) == Inbox.Push.CLOSED ? 0 : 1;
        }

        @Actor
        public void worker(III_Result r) {
            r.r2 = inbox.close() ? 1 : 0;
        }

        @Arbiter
        public void rest(III_Result r) {
            r.r3 = length(inbox.take());
        }
    }
}
