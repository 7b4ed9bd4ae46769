// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.DelayState;
import org.percpu.netbsd.Callout;
import org.percpu.netbsd.DelayedWork;
import org.percpu.netbsd.Workqueue;
import org.percpu.thread.Pri;

/**
 * A timer that is an hour away is moved to now, or stopped, and the caller meets an error. It is not lost: it has run, or is pending, or was
 * stopped. It can be armed again, and runs once.
 */
final class Rearming extends OnKernel {
    /** What is done with the timer. */
    enum What {
        MOVE_CALLOUT,
        STOP_CALLOUT,
        MODIFY_WORK,
        CANCEL_WORK;

        boolean moves() {
            return this == MOVE_CALLOUT || this == MODIFY_WORK;
        }

        boolean isWork() {
            return this == MODIFY_WORK || this == CANCEL_WORK;
        }
    }

    private static final Duration HOUR = Duration.ofHours(1);

    private final What what;
    private final AtomicInteger ran = new AtomicInteger();
    private @Nullable Callout callout;
    private @Nullable DelayedWork work;
    private @Nullable Workqueue<DelayedWork> wq;

    Rearming(What what) {
        this.what = what;
    }

    /** All: the rounds are quick. */
    @Override
    public List<Injector.Kind> kinds() {
        return List.of(Injector.Kind.values());
    }

    @Override
    void open(Fixture made) {
        Callout fresh = new Callout(made.kernel, Callout.CALLOUT_MPSAFE);
        fresh.bind(made.kernel.cpus().get(0));
        fresh.setfunc(AtomicInteger::incrementAndGet, ran);
        callout = fresh;
        work = new DelayedWork(made.kernel);
        wq = Workqueue.create(
                made.kernel,
                Target.NAME,
                (one, none) -> ran.incrementAndGet(),
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE);
    }

    @SuppressWarnings("NullAway") // open() comes first
    private void arm(Duration after) {
        if (!what.isWork()) {
            callout.schedule(after);
        } else {
            DelayState found = wq.modify(work, null, after);
            assert found != null;
        }
    }

    @SuppressWarnings("NullAway")
    private void act() {
        if (what.moves()) {
            arm(Duration.ZERO);
        } else if (what.isWork()) {
            DelayState found = wq.cancel(work);
            assert found != null;
        } else {
            boolean unused = callout.stop();
        }
    }

    @SuppressWarnings("NullAway")
    private boolean isPending() {
        return what.isWork() ? !wq.waitFor(work, Duration.ZERO) : callout.pending();
    }

    @Override
    public @Nullable String round(Injector.Kind kind, int n) {
        fixture().sleeps();
        int before = ran.get();
        Fixture.must(() -> arm(HOUR));
        Fixture.require(isPending(), "not pending");
        Armed armed = Armed.run(kind, n, this::act);
        boolean done = armed.thrown() == null;
        if (what.moves()) {
            if (done) {
                Fixture.await("it runs", () -> ran.get() == before + 1);
            } else {
                Fixture.await("it has run or is pending", () -> ran.get() == before + 1 || isPending());
            }
        } else {
            Fixture.require(!done || !isPending(), "it is pending still");
        }
        if (ran.get() == before || isPending()) {
            Fixture.must(() -> arm(Duration.ZERO));
        }
        Fixture.await("it has run", () -> ran.get() > before && !isPending());
        fixture().sleeps();
        Fixture.require(ran.get() <= before + 2, "ran " + (ran.get() - before) + " times");
        int after = ran.get();
        Fixture.must(() -> arm(Duration.ZERO));
        Fixture.await("it runs once more", () -> ran.get() == after + 1);
        Fixture.require(fixture().faults.isEmpty(), "faults: " + fixture().faults);
        return armed.site();
    }
}
