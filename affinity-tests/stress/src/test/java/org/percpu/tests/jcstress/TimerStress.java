// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.DelayState;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Callout;
import org.percpu.netbsd.DelayedWork;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.DelayedTask;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Timeout;
import org.percpu.tests.support.Rule;
import org.percpu.thread.Pri;

/** Timers against the clock that calls them. */
final class TimerStress {
    private TimerStress() {}

    /** Of each forked JVM, made when the first test in it asks. */
    private static final class Live {
        static final Kernel KERNEL = Kernel.builder("jcstress")
                .pinWatch(Duration.ZERO)
                .stallAfter(Duration.ZERO)
                .build();
    }

    /** A timeout is added and deleted while its time comes: exactly one of "deleted" and "run". */
    @JCStressTest
    @Rule({"OTO-4", "NCO-8"})
    @Outcome(id = "1, 0, 1", expect = ACCEPTABLE, desc = "Run; the delete came too early or too late.")
    @Outcome(id = "1, 1, 0", expect = ACCEPTABLE, desc = "Deleted; it does not run.")
    @Outcome(expect = FORBIDDEN, desc = "Deleted and run, or neither, or run twice.")
    @State
    public static class CancelOrExpire {
        private int runs;
        private final Timeout timeout = Timeout.initializer(Live.KERNEL, state -> state.runs++, this);

        @Actor
        public void adder(III_Result r) {
            r.r1 = timeout.add(0) ? 1 : 0;
        }

        @Actor
        public void deleter(III_Result r) {
            r.r2 = timeout.del() ? 1 : 0;
        }

        @Arbiter
        public void count(III_Result r) {
            boolean done = Patience.until(() -> !timeout.pending());
            timeout.barrier();
            r.r3 = done ? runs : -1;
        }
    }

    /** A delayed work and a delayed task are cancelled while their time comes: taken back, or run once. */
    @JCStressTest
    @Rule("TM-8")
    @Outcome(id = "1, 0, 0", expect = ACCEPTABLE, desc = "Both were taken back.")
    @Outcome(id = "0, 1, 0", expect = ACCEPTABLE, desc = "The work ran.")
    @Outcome(id = "1, 0, 1", expect = ACCEPTABLE, desc = "The task ran.")
    @Outcome(id = "0, 1, 1", expect = ACCEPTABLE, desc = "Both ran.")
    @Outcome(expect = FORBIDDEN, desc = "Taken back and run, or neither, or run twice.")
    @State
    public static class CancelOrEnqueue {
        private static final Workqueue<Counted> WQ = Workqueue.create(
                Live.KERNEL, "later", (work, none) -> work.runs++, null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_MPSAFE);
        private static final Taskq TQ = Taskq.create(Live.KERNEL, "later", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);

        private static final class Counted extends DelayedWork {
            int runs;

            Counted() {
                super(Live.KERNEL);
            }
        }

        private final Counted work = new Counted();
        private final int[] taskRuns = {0};
        private final DelayedTask task = DelayedTask.initializer(Live.KERNEL, runs -> runs[0]++, taskRuns);
        private boolean taskTaken;

        public CancelOrEnqueue() {
            WQ.enqueueAfter(work, null, Duration.ZERO);
            boolean unused = TQ.addAfter(task, Duration.ZERO);
        }

        @Actor
        public void workCanceller(III_Result r) {
            r.r1 = WQ.cancel(work) == DelayState.WAITING ? 1 : 0;
        }

        @Actor
        public void taskCanceller() {
            DelayState found = TQ.cancel(task);
            taskTaken = found == DelayState.WAITING || found == DelayState.QUEUED;
        }

        @Arbiter
        public void count(III_Result r) {
            WQ.waitFor(work);
            boolean unused = TQ.delBarrier(task);
            r.r2 = work.runs;
            r.r3 = taskTaken == (taskRuns[0] == 0) ? taskRuns[0] : -1;
        }
    }

    /** A callout is halted while its time comes and its function schedules it again: behind the halt nothing runs. */
    @JCStressTest
    @Rule("NCO-9")
    @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "Halted before it ran, or while or after it did.")
    @Outcome(expect = FORBIDDEN, desc = "It ran behind the halt, or is pending.")
    @State
    public static class HaltOrExpire {
        private final AtomicInteger runs = new AtomicInteger();
        private int runsAtHalt;
        private boolean pendingAtHalt;
        private final Callout callout = new Callout(Live.KERNEL, Callout.CALLOUT_MPSAFE);

        public HaltOrExpire() {
            callout.setfunc(
                    state -> {
                        state.runs.incrementAndGet();
                        state.callout.schedule(0);
                    },
                    this);
            callout.schedule(0);
        }

        @Actor
        public void halter() {
            boolean unused = callout.halt(null);
            runsAtHalt = runs.get();
            pendingAtHalt = callout.pending();
        }

        @Actor
        public void other() {
            boolean unused = callout.halt(null);
        }

        @Arbiter
        public void count(II_Result r) {
            r.r1 = runs.get() - runsAtHalt;
            r.r2 = pendingAtHalt || callout.pending() ? 1 : 0;
        }
    }

    /** Two threads schedule one callout, one of them for later: it runs once or is pending, and is on the wheel once. */
    @JCStressTest
    @Rule({"NCO-3", "NCO-11"})
    @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = "The later time came last: it has not run and is pending.")
    @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "The early time came last, and it has run.")
    @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "It has run before it was scheduled for later.")
    @Outcome(expect = FORBIDDEN, desc = "Lost, or run twice.")
    @State
    public static class MoveOrMove {
        private int runs;
        private final Callout callout = new Callout(Live.KERNEL, Callout.CALLOUT_MPSAFE);

        public MoveOrMove() {
            callout.setfunc(state -> state.runs++, this);
        }

        @Actor
        public void soon() {
            callout.schedule(0);
        }

        @Actor
        public void late() {
            callout.schedule(Duration.ofDays(1));
        }

        @Arbiter
        public void count(II_Result r) {
            // What is due now runs before this one.
            Callout last = new Callout(Live.KERNEL, Callout.CALLOUT_MPSAFE);
            last.bind(callout.cpu());
            last.reset(0, arg -> {}, null);
            boolean passed = Patience.until(last::expired);
            boolean unused = last.halt(null);
            boolean pending = callout.pending();
            unused = callout.halt(null);
            r.r1 = passed ? runs : -1;
            r.r2 = pending ? 1 : 0;
        }
    }
}
