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
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Rule;

/** task_add(9) with real worker threads. */
final class TaskqStress {
    private TaskqStress() {}

    /** Of each forked JVM, made when the first test in it asks. */
    private static final class Live {
        static final Kernel KERNEL = Kernel.builder("jcstress")
                .pinWatch(Duration.ZERO)
                .stallAfter(Duration.ZERO)
                .build();
        static final Taskq ONE = Taskq.create(KERNEL, "one", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        static final Taskq TWO = Taskq.create(KERNEL, "two", 2, Ipl.NONE, Taskq.TASKQ_MPSAFE);
    }

    /** Queues of a kernel that never boots: what is added stays. */
    private static final class Cold {
        static final Kernel KERNEL = Kernel.builder("cold")
                .cold(true)
                .pinWatch(Duration.ZERO)
                .stallAfter(Duration.ZERO)
                .build();
        static final Taskq ONE = Taskq.create(KERNEL, "one", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        static final Taskq OTHER = Taskq.create(KERNEL, "other", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
    }

    /** Waits until the task is neither queued nor running; what it wrote is visible then (OTQ-34). */
    private static boolean settled(Taskq queue, Task task) {
        return Patience.until(() -> !task.pending()) && !queue.delBarrier(task);
    }

    /** A task is added and deleted by two threads while the worker lies in wait: each add is run, or deleted. */
    @JCStressTest
    @Rule({"OTQ-8", "OTQ-15", "OTQ-16"})
    @Outcome(id = "1, 0, 1", expect = ACCEPTABLE, desc = "Added and run; the delete came too early or too late.")
    @Outcome(id = "1, 1, 0", expect = ACCEPTABLE, desc = "Added and deleted; it does not run.")
    @Outcome(expect = FORBIDDEN, desc = "Deleted and run, or neither, or run twice.")
    @State
    public static class AddDelRun {
        private int runs;
        private final Task task = Task.initializer(state -> state.runs++, this);

        @Actor
        public void adder(III_Result r) {
            r.r1 = Live.ONE.add(task) ? 1 : 0;
        }

        @Actor
        public void deleter(III_Result r) {
            r.r2 = Live.ONE.del(task) ? 1 : 0;
        }

        @Arbiter
        public void count(III_Result r) {
            r.r3 = settled(Live.ONE, task) ? runs : -1;
        }
    }

    /** Two threads add one task; one of them has written something first. Whatever its add answers, a later run sees it. */
    @JCStressTest
    @Rule("OTQ-11")
    @Outcome(id = ".*, .*, 1", expect = ACCEPTABLE, desc = "A run has seen what was written before the add.")
    @Outcome(expect = FORBIDDEN, desc = "Lost update: no run has seen it.")
    @State
    public static class CoalescedAdd {
        private int data;
        private volatile boolean seen;
        private final Task task = Task.initializer(CoalescedAdd::look, this);

        private void look() {
            if (data == 1) {
                seen = true;
            }
        }

        @Actor
        public void adder(III_Result r) {
            r.r1 = Live.TWO.add(task) ? 1 : 0;
        }

        @Actor
        public void writer(III_Result r) {
            data = 1;
            r.r2 = Live.TWO.add(task) ? 1 : 0;
        }

        @Arbiter
        public void look(III_Result r) {
            r.r3 = settled(Live.TWO, task) && seen ? 1 : 0;
        }
    }

    /** Two queues race for one task. */
    @JCStressTest
    @Rule({"OTQ-9", "OTQ-14", "U10"})
    @Outcome(id = "1, 0, 1", expect = ACCEPTABLE, desc = "The one has it and the other left it alone.")
    @Outcome(id = "0, 1, 1", expect = ACCEPTABLE, desc = "The other has it and the one left it alone.")
    @Outcome(expect = FORBIDDEN, desc = "It is on both queues, on neither, or not where the answers say.")
    @State
    public static class TwoQueues {
        private final Task task = Task.initializer(none -> {}, null);

        @Actor
        public void one(III_Result r) {
            r.r1 = Cold.ONE.add(task) ? 1 : 0;
        }

        @Actor
        public void other(III_Result r) {
            r.r2 = Cold.OTHER.add(task) ? 1 : 0;
        }

        @Arbiter
        public void where(III_Result r) {
            Taskq winner = r.r1 == 1 ? Cold.ONE : Cold.OTHER;
            r.r3 = task.pending() && winner.del(task) && !task.pending() ? 1 : 0;
        }
    }

    /** Two threads add a task each and take it back for good, on a queue whose workers run both. */
    @JCStressTest
    @Rule("OTQ-34")
    @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "Behind the barrier a task is neither queued nor running.")
    @Outcome(expect = FORBIDDEN, desc = "The barrier let go while the task was queued or running.")
    @State
    public static class DelBarrier {
        private final int[] begun = new int[2];
        private final int[] ended = new int[2];
        private final Task one = Task.initializer(DelBarrier::runOne, this);
        private final Task other = Task.initializer(DelBarrier::runOther, this);

        private void runOne() {
            begun[0]++;
            ended[0]++;
        }

        private void runOther() {
            begun[1]++;
            ended[1]++;
        }

        @Actor
        public void one(II_Result r) {
            r.r1 = quiet(one, 0) ? 1 : 0;
        }

        @Actor
        public void other(II_Result r) {
            r.r2 = quiet(other, 1) ? 1 : 0;
        }

        private boolean quiet(Task task, int index) {
            boolean added = Live.TWO.add(task);
            int runs = Live.TWO.delBarrier(task) ? 0 : 1;
            return added && !task.pending() && begun[index] == runs && ended[index] == runs;
        }
    }
}
