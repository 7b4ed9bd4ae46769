// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.percpu.ipl.InterruptLine;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.NativeWork;
import org.percpu.ipl.Spl;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.queue.ItemQueue;
import org.percpu.tests.support.Scale;
import org.percpu.thread.Pri;

/**
 * A thread of the library meets an error between its callbacks: while it takes what is queued, runs it, reports a callback that threw, puts
 * right what one has left, sleeps, and wakes. The first callback arms the injector, and the last one, which comes after a sleep, disarms it.
 */
abstract class Running implements Scenario {
    private static final int ARMS = 0;
    private static final int THROWS = 2;
    private static final int LEAVES_HOLDS = 3;
    private static final int LAST = 4;
    private static final long PATIENCE_SECONDS = 5;

    private @Nullable Fixture fixture;
    private final List<Integer> order = new ArrayList<>(); // guarded by itself
    // New ones for each fixture: threads of one that has failed may still wait.
    private volatile Semaphore entered = new Semaphore(0);
    private volatile Semaphore gate = new Semaphore(0);
    private volatile Injector.Kind kind = Injector.Kind.OUT_OF_MEMORY;
    private volatile int n;

    /** The stack of a worker is not short of room between callbacks. */
    @Override
    public List<Injector.Kind> kinds() {
        return Scale.isLong()
                ? List.of(Injector.Kind.OUT_OF_MEMORY, Injector.Kind.STACK_OVERFLOW)
                : List.of(Injector.Kind.OUT_OF_MEMORY);
    }

    Fixture fixture() {
        Fixture made = fixture;
        if (made == null) {
            throw new AssertionError("begin() comes first");
        }
        return made;
    }

    @Override
    public void begin() throws Exception {
        Fixture made = new Fixture();
        fixture = made;
        entered = new Semaphore(0);
        gate = new Semaphore(0);
        open(made);
    }

    abstract void open(Fixture made) throws Exception;

    /** Hands one of the five over. */
    abstract void submit(int which);

    /** Behind the last one. */
    void submitMore() {}

    /** Whether they run one after the other. */
    boolean inOrder() {
        return true;
    }

    /** What all callbacks do. */
    void callback(int which) {
        if (which > LAST) {
            return;
        }
        synchronized (order) {
            order.add(which);
        }
        switch (which) {
            case ARMS -> {
                // What follows is not the first use of levels on this thread.
                Spl spl = Spl.current();
                spl.splx(spl.splhigh());
                Semaphore mine = gate;
                entered.release();
                acquire(mine);
                Injector.arm(kind, n);
            }
            case THROWS -> throw new IllegalStateException("the callback's own");
            case LEAVES_HOLDS -> leaveHolds();
            case LAST -> {
                String hit = Injector.disarm();
                assert hit == null || !hit.isEmpty();
            }
            default -> {}
        }
    }

    void leaveHolds() {
        harmless(fixture().kernel.lock()::lock);
        raise();
    }

    static void raise() {
        harmless(() -> {
            int cookie = Spl.current().splhigh();
            assert cookie >= 0;
        });
    }

    /** An error in here is the callback's, which does not mind. */
    private static void harmless(Runnable code) {
        try {
            code.run();
        } catch (OutOfMemoryError | StackOverflowError e) {
            Fixture.require(Injector.isInjected(e), "not injected: " + e);
        }
    }

    private static void acquire(Semaphore semaphore) {
        try {
            if (!semaphore.tryAcquire(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                throw new AssertionError("not within 5 s: the first callback runs");
            }
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted", e);
        }
    }

    boolean hasRun(int which) {
        synchronized (order) {
            return order.contains(which);
        }
    }

    /** The error came where a callback was called: who is called cannot be told from who calls, and it counts as the callback's own. */
    boolean wasCall() {
        return fixture().faults.stream()
                .anyMatch(fault -> Injector.isInjected(fault.thrown())
                        && !(fault.item() instanceof ItemQueue)
                        && !(fault.item() instanceof Spl));
    }

    private Set<Integer> missing() {
        Set<Integer> missing = new TreeSet<>(List.of(0, 1, 2, 3, 4));
        synchronized (order) {
            missing.removeAll(order);
        }
        return missing;
    }

    @Override
    public @Nullable String round(Injector.Kind what, int point) {
        kind = what;
        n = point;
        synchronized (order) {
            order.clear();
        }
        fixture().sleeps();
        fixture().faults.clear();
        Fixture.must(() -> submit(ARMS));
        acquire(entered);
        for (int i = ARMS + 1; i < LAST; i++) {
            int which = i;
            Fixture.must(() -> submit(which));
        }
        gate.release();
        fixture().sleeps();
        Fixture.must(() -> submit(LAST));
        submitMore();
        Fixture.await(
                "the last one runs",
                () -> hasRun(LAST) || (wasCall() && missing().equals(Set.of(LAST))));
        fixture().sleeps();
        String hit = Injector.disarm();
        check();
        return hit;
    }

    private void check() {
        synchronized (order) {
            List<Integer> all = new ArrayList<>(order);
            all.sort(null);
            Fixture.require(!inOrder() || all.equals(order), "ran in the order " + order);
            Fixture.require(all.size() == Set.copyOf(all).size(), "ran twice: " + order);
            Fixture.require(missing().isEmpty() || (wasCall() && missing().size() == 1), "ran: " + order);
        }
        Fixture.require(
                missing().isEmpty() || fixture().faults.stream().anyMatch(f -> Injector.isInjected(f.thrown())),
                "not told of: " + missing());
    }

    @Override
    public void end() {
        fixture().close();
    }

    /** The worker of a workqueue. */
    static final class OfWorkqueue extends Running {
        private final int flags;
        private final Work[] works = new Work[LAST + 1];
        private @Nullable Workqueue<Work> wq;

        OfWorkqueue(int flags) {
            this.flags = flags;
        }

        @Override
        void open(Fixture made) {
            for (int i = 0; i < works.length; i++) {
                works[i] = new Work();
            }
            wq = Workqueue.create(
                    made.kernel,
                    "wq",
                    (work, none) -> callback(List.of(works).indexOf(work)),
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

    /** The threads of a taskq. */
    static final class OfTaskq extends Running {
        private final int threads;
        private final int flags;
        private final Task[] tasks = new Task[LAST + 1];
        private @Nullable Taskq tq;

        OfTaskq(int threads, int flags) {
            this.threads = threads;
            this.flags = flags;
        }

        @Override
        boolean inOrder() {
            return threads == 1;
        }

        @Override
        void open(Fixture made) {
            for (int i = 0; i < tasks.length; i++) {
                tasks[i] = Task.initializer(this::callback, i);
            }
            tq = Taskq.create(made.kernel, "tq", threads, Ipl.NONE, flags);
        }

        @Override
        @SuppressWarnings("NullAway") // open() comes first
        void submit(int which) {
            Fixture.require(tq.add(tasks[which]), "pending");
        }
    }

    /** The thread of a workq, with a pool that a lost entry would exhaust. */
    static final class OfWorkq extends Running {
        private @Nullable Workq wq;

        @Override
        void open(Fixture made) {
            wq = Workq.create(made.kernel, "wq", 1, Ipl.NONE, LAST + 1);
        }

        @Override
        @SuppressWarnings("NullAway") // open() comes first
        void submit(int which) {
            Fixture.require(wq.addTask(0, (self, none) -> self.callback(which), this, null), "an entry is lost");
        }
    }

    /** The thread of a soft interrupt. */
    static final class OfSoftint extends Running {
        private final Softint[] softints = new Softint[LAST + 1];

        @Override
        void open(Fixture made) {
            for (int i = 0; i < softints.length; i++) {
                softints[i] =
                        Softint.establish(made.kernel, Softint.SOFTINT_NET | Softint.SOFTINT_RCPU, this::callback, i);
            }
        }

        @Override
        void submit(int which) {
            softints[which].scheduleCpu(fixture().kernel.cpus().get(0));
        }
    }

    /** A work that is posted as C code does, and drains its values. */
    static final class OfPosts extends Running {
        private @Nullable NativeWork posted;

        /** A drain that fails leaves its values to the next run. */
        @Override
        boolean wasCall() {
            String hit = Injector.site();
            return hit != null && hit.endsWith("LongConsumer.accept");
        }

        @Override
        void submitMore() {
            Fixture.await("the last one has come", () -> hasRun(LAST) || Injector.site() != null);
            fixture().sleeps();
            Fixture.must(() -> submit(LAST + 1));
        }

        @Override
        void open(Fixture made) {
            Workqueue<Work> wq = Workqueue.create(
                    made.kernel, "wq", (work, none) -> drain(), null, Pri.PRI_NONE, Ipl.HIGH, Workqueue.WQ_MPSAFE);
            posted = wq.nativeWork(new Work(), null);
        }

        @SuppressWarnings("NullAway") // open() comes first
        private void drain() {
            int drained = posted.drain(value -> callback((int) value));
            assert drained >= 0;
        }

        @Override
        @SuppressWarnings("NullAway") // open() comes first
        void submit(int which) {
            Fixture.require(posted.post(which) >= 0, "a post was refused");
        }
    }

    /** The interrupt thread of a CPU, and a line of it. */
    static final class OfLine extends Running {
        private @Nullable InterruptLine line;

        @Override
        void open(Fixture made) {
            Spl receiver = made.kernel.interrupts(made.kernel.cpus().get(0));
            line = InterruptLine.establish(receiver, "line", Ipl.VM, value -> callback((int) value));
        }

        @Override
        void leaveHolds() {
            raise();
        }

        @Override
        @SuppressWarnings("NullAway") // open() comes first
        void submit(int which) {
            Fixture.require(line.trigger(which), "a value was refused");
        }

        @Override
        @SuppressWarnings("NullAway") // open() comes first
        public void end() {
            Fixture.must(line::close);
            super.end();
        }
    }
}
