// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.percpu.ipl.Spl;
import org.percpu.queue.ItemQueue;
import org.percpu.tests.support.Scale;

/**
 * A thread of the library meets an error between its callbacks: while it takes what is queued, runs it, reports a callback that threw, puts
 * right what one has left, sleeps, and wakes. The first callback arms the injector, and the last one, which comes after a sleep, disarms it.
 */
class Running extends OnKernel {
    private static final int ARMS = 0;
    private static final int THROWS = 2;
    private static final int LEAVES_HOLDS = 3;
    private static final int LAST = 4;
    private static final long PATIENCE_SECONDS = 5;

    final Target target;
    private final List<Integer> order = new ArrayList<>(); // guarded by itself
    // New ones for each fixture: threads of one that has failed may still wait.
    private volatile Semaphore entered = new Semaphore(0);
    private volatile Semaphore gate = new Semaphore(0);
    private volatile Injector.Kind kind = Injector.Kind.OUT_OF_MEMORY;
    private volatile int n;
    /** The latest number behind the last one that a callback was given. */
    volatile int seen;

    /** The stack of a worker is not short of room between callbacks. */
    @Override
    public List<Injector.Kind> kinds() {
        return Scale.isLong()
                ? List.of(Injector.Kind.OUT_OF_MEMORY, Injector.Kind.STACK_OVERFLOW)
                : List.of(Injector.Kind.OUT_OF_MEMORY);
    }

    Running(Target target) {
        this.target = target;
        target.callback = this::callback;
    }

    @Override
    void open(Fixture made) {
        entered = new Semaphore(0);
        gate = new Semaphore(0);
        target.open(made, LAST + 1);
    }

    /** Behind the last one. */
    void submitMore() {}

    /** What all callbacks do. */
    void callback(int which) {
        if (which > LAST) {
            seen = which;
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

    /** No queue has a work that waits or runs: one that has not run by then never will. */
    boolean nothingIsLeft() {
        return fixture().kernel.queues().stream()
                .flatMap(queue -> queue.workers().stream())
                .allMatch(worker -> worker.pending() == 0 && worker.running() == null);
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
        Fixture.must(() -> target.submit(ARMS));
        acquire(entered);
        for (int i = ARMS + 1; i < LAST; i++) {
            int which = i;
            Fixture.must(() -> target.submit(which));
        }
        gate.release();
        fixture().sleeps();
        Fixture.must(() -> target.submit(LAST));
        submitMore();
        Fixture.await(
                "the last one runs",
                () -> hasRun(LAST) || (wasCall() && missing().equals(Set.of(LAST)) && nothingIsLeft()));
        fixture().sleeps();
        String hit = Injector.disarm();
        check();
        return hit;
    }

    private void check() {
        synchronized (order) {
            List<Integer> all = new ArrayList<>(order);
            all.sort(null);
            Fixture.require(!target.isInOrder() || all.equals(order), "ran in the order " + order);
            Fixture.require(all.size() == Set.copyOf(all).size(), "ran twice: " + order);
            Fixture.require(missing().isEmpty() || (wasCall() && missing().size() == 1), "ran: " + order);
        }
        Fixture.require(
                missing().isEmpty() || fixture().faults.stream().anyMatch(f -> Injector.isInjected(f.thrown())),
                "not told of: " + missing());
    }

    /** A work that is posted as C code does. A drain that fails leaves its values to the next run. */
    static final class OfPosts extends Running {
        OfPosts() {
            super(new Target.OfPosts());
        }

        @Override
        boolean wasCall() {
            String hit = Injector.site();
            return hit != null && hit.endsWith("LongConsumer.accept");
        }

        @Override
        void submitMore() {
            Fixture.await("the last one has come", () -> hasRun(LAST) || Injector.site() != null);
            fixture().sleeps();
            Fixture.must(() -> target.submit(LAST + 1));
        }
    }

    /** The interrupt thread of a CPU, and a line of it. */
    static final class OfLine extends Running {
        OfLine() {
            super(new Target.OfLine());
        }

        private int behind = LAST;

        @Override
        void leaveHolds() {
            raise();
        }

        @Override
        void submitMore() {
            behind++;
            Fixture.must(() -> target.submit(behind));
        }

        /** Values come in order. */
        @Override
        boolean nothingIsLeft() {
            return seen == behind;
        }

        @Override
        public void end() throws Exception {
            Fixture.must(target::close);
            super.end();
        }
    }
}
