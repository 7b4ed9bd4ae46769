// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.jcstress;

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
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Rule;
import org.percpu.thread.Pri;

/** workqueue(9) with a real worker. */
final class WorkqueueStress {
    private WorkqueueStress() {}

    /** Plain data, which the queue alone makes visible. */
    private static final class Parcel extends Work {
        int sent;
        int received;
        int runs;
    }

    /** Of each forked JVM, made when the first test in it asks. */
    private static final class Live {
        static final Kernel KERNEL = Kernel.builder("jcstress")
                .pinWatch(Duration.ZERO)
                .stallAfter(Duration.ZERO)
                .build();
        static final Workqueue<Parcel> WQ = Workqueue.create(
                KERNEL,
                "stress",
                (parcel, none) -> {
                    parcel.received = parcel.sent;
                    parcel.runs++;
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE);
    }

    /** Two threads send a work each and wait for it: there and back, everything that was written arrives. */
    @JCStressTest
    @Rule({"NWQ-10", "NWQ-23"})
    @Outcome(
            id = "1, 1",
            expect = ACCEPTABLE,
            desc = "The callback saw the data, and the waiter sees what the callback wrote.")
    @Outcome(expect = FORBIDDEN, desc = "The callback did not see the data, or the waiter came back too early.")
    @State
    public static class EnqueueAndWait {
        private final Parcel one = new Parcel();
        private final Parcel other = new Parcel();

        private static int thereAndBack(Parcel parcel) {
            parcel.sent = 1;
            Live.WQ.enqueue(parcel, null);
            Live.WQ.waitFor(parcel);
            return parcel.runs == 1 ? parcel.received : -1;
        }

        @Actor
        public void one(II_Result r) {
            r.r1 = thereAndBack(one);
        }

        @Actor
        public void other(II_Result r) {
            r.r2 = thereAndBack(other);
        }
    }

    /** Two threads enqueue the same work. */
    @JCStressTest
    @Rule({"U1", "NWQ-12"})
    @Outcome(
            id = {"1, 0, 1", "0, 1, 1"},
            expect = ACCEPTABLE,
            desc = "One is told EBUSY; the work runs once.")
    @Outcome(id = "1, 1, 2", expect = ACCEPTABLE, desc = "The callback had begun in between: the work runs twice.")
    @Outcome(expect = FORBIDDEN, desc = "Runs and accepted enqueues differ.")
    @State
    public static class EnqueueTwice {
        private final Parcel parcel = new Parcel();

        private int enqueue() {
            try {
                Live.WQ.enqueue(parcel, null);
                return 1;
            } catch (ErrnoException e) {
                return e.errno() == Errno.EBUSY ? 0 : -1;
            }
        }

        @Actor
        public void one(III_Result r) {
            r.r1 = enqueue();
        }

        @Actor
        public void other(III_Result r) {
            r.r2 = enqueue();
        }

        @Arbiter
        public void count(III_Result r) {
            Live.WQ.waitFor(parcel);
            r.r3 = parcel.runs;
        }
    }
}
