// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.openbsd.WorkqTask;
import org.percpu.thread.Pri;

/** A thread that has never called the library hands over a work while the worker sleeps, and meets an error on the way. */
abstract class Submission implements Scenario {
    static final int VICTIM = 0;
    static final int PROBE = 1;

    /** How often each has run. */
    final AtomicIntegerArray ran = new AtomicIntegerArray(2);

    private @Nullable Fixture fixture;

    Fixture fixture() {
        Fixture made = fixture;
        if (made == null) {
            throw new AssertionError("begin() comes first");
        }
        return made;
    }

    @Override
    public void begin() throws Exception {
        // On one CPU, so that the next caller comes to the same queue.
        Fixture made = new Fixture(CpuSet.of(CpuTopology.system().allowed().first()));
        fixture = made;
        open(made);
        // Callers are checked for their level from now on.
        Fixture.must(() -> Fixture.require(Spl.current().level() == Ipl.NONE, "level"));
    }

    abstract void open(Fixture made);

    /** Hands one of the two over. */
    abstract void submit(int which);

    @Override
    public @Nullable String round(Injector.Kind kind, int n) {
        fixture().sleeps();
        int before = ran.get(VICTIM);
        @Nullable String[] site = new String[1];
        Throwable thrown = Fixture.onFreshThread(() -> {
            Injector.arm(kind, n);
            try {
                submit(VICTIM);
            } finally {
                site[0] = Injector.disarm();
            }
        });
        if (thrown != null && !Injector.isInjected(thrown)) {
            throw new AssertionError("the call threw " + thrown, thrown);
        }
        // The next caller at the latest repairs what the error has left.
        int probes = ran.get(PROBE);
        Fixture.must(() -> submit(PROBE));
        Fixture.await("the next work runs", () -> ran.get(PROBE) == probes + 1);
        if (thrown == null) {
            Fixture.await("what was taken runs", () -> ran.get(VICTIM) == before + 1);
        }
        fixture().sleeps();
        int after = ran.get(VICTIM);
        Fixture.require(after == before || after == before + 1, "ran " + (after - before) + " times for one call");
        // Neither lost nor stuck: refused or run, it can be handed over again.
        Fixture.must(() -> submit(VICTIM));
        Fixture.await("the same work runs again", () -> ran.get(VICTIM) == after + 1);
        Fixture.require(fixture().faults.isEmpty(), "faults: " + fixture().faults);
        return site[0];
    }

    void ran(int which) {
        int now = ran.incrementAndGet(which);
        assert now > 0;
    }

    @Override
    public void end() {
        fixture().close();
    }

    /** workqueue_enqueue. */
    static final class Enqueue extends Submission {
        private final int flags;
        private @Nullable Workqueue<Work> wq;
        private final Work[] works = {new Work(), new Work()};

        Enqueue(int flags) {
            this.flags = flags;
        }

        @Override
        void open(Fixture made) {
            works[VICTIM] = new Work();
            works[PROBE] = new Work();
            wq = Workqueue.create(
                    made.kernel,
                    "wq",
                    (work, none) -> ran(work.equals(works[VICTIM]) ? VICTIM : PROBE),
                    null,
                    Pri.PRI_NONE,
                    Ipl.NONE,
                    flags);
        }

        @Override
        @SuppressWarnings("NullAway") // open() comes first
        void submit(int which) {
            wq.enqueue(works[which], null);
        }
    }

    /** task_add. */
    static final class Add extends Submission {
        private final int threads;
        private @Nullable Taskq tq;
        private final Task[] tasks = new Task[2];

        Add(int threads) {
            this.threads = threads;
        }

        @Override
        void open(Fixture made) {
            tasks[VICTIM] = Task.initializer(this::ran, VICTIM);
            tasks[PROBE] = Task.initializer(this::ran, PROBE);
            tq = Taskq.create(made.kernel, "tq", threads, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        }

        @Override
        @SuppressWarnings("NullAway") // open() comes first
        void submit(int which) {
            Fixture.require(tq.add(tasks[which]), "task_add found it pending");
        }
    }

    /** workq_queue_task. */
    static final class QueueTask extends Submission {
        private @Nullable Workq wq;
        private final WorkqTask[] entries = new WorkqTask[2];

        @Override
        void open(Fixture made) {
            entries[VICTIM] = new WorkqTask();
            entries[PROBE] = new WorkqTask();
            wq = Workq.create(made.kernel, "wq", 1, Ipl.NONE);
        }

        @Override
        @SuppressWarnings("NullAway") // open() comes first
        void submit(int which) {
            wq.queueTask(entries[which], 0, (self, none) -> self.ran(which), this, null);
        }
    }

    /** workq_add_task, with a pool that a single lost entry would exhaust in the end. */
    static final class AddTask extends Submission {
        private @Nullable Workq wq;

        @Override
        void open(Fixture made) {
            wq = Workq.create(made.kernel, "wq", 1, Ipl.NONE, 2);
        }

        @Override
        @SuppressWarnings("NullAway") // open() comes first
        void submit(int which) {
            Fixture.require(wq.addTask(0, (self, none) -> self.ran(which), this, null), "an entry of the pool is lost");
        }
    }

    /** softint_schedule_cpu. */
    static final class Schedule extends Submission {
        private final Softint[] softints = new Softint[2];

        @Override
        void open(Fixture made) {
            for (int i = 0; i < softints.length; i++) {
                softints[i] = Softint.establish(
                        made.kernel, Softint.SOFTINT_NET | Softint.SOFTINT_MPSAFE | Softint.SOFTINT_RCPU, this::ran, i);
            }
        }

        @Override
        void submit(int which) {
            softints[which].scheduleCpu(fixture().kernel.cpus().get(0));
        }
    }
}
