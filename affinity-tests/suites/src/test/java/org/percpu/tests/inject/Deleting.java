// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.percpu.openbsd.Taskq;

/** A task is taken back while it is queued between two others, and the caller meets an error. The others run; it runs, or it was taken back. */
final class Deleting extends OnKernel {
    private static final int RUNS = 0;
    private static final int VICTIM = 1;
    private static final int LAST = 2;

    private final Target.OfTaskq target = new Target.OfTaskq(1, Taskq.TASKQ_MPSAFE);
    private final List<Integer> ran = Collections.synchronizedList(new ArrayList<>());
    private volatile CountDownLatch entered = new CountDownLatch(0);
    private volatile CountDownLatch gate = new CountDownLatch(0);

    /** All: the rounds are quick. */
    @Override
    public List<Injector.Kind> kinds() {
        return List.of(Injector.Kind.values());
    }

    @Override
    void open(Fixture made) {
        target.callback = which -> {
            if (which == RUNS) {
                CountDownLatch mine = gate;
                entered.countDown();
                try {
                    mine.await();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            }
            ran.add(which);
        };
        target.open(made, LAST + 1);
    }

    @Override
    public @Nullable String round(Injector.Kind kind, int n) {
        ran.clear();
        entered = new CountDownLatch(1);
        gate = new CountDownLatch(1);
        Fixture.must(() -> {
            target.submit(RUNS);
            entered.await();
            target.submit(VICTIM);
            target.submit(LAST);
        });
        boolean[] deleted = new boolean[1];
        Armed armed = Armed.run(kind, n, () -> deleted[0] = target.del(VICTIM));
        Fixture.require(deleted[0] || armed.thrown() != null, "not found");
        gate.countDown();
        Fixture.await("the last one runs", () -> ran.contains(LAST));
        fixture().sleeps();
        List<Integer> all = List.copyOf(ran);
        Fixture.require(
                all.equals(List.of(RUNS, LAST)) || (!deleted[0] && all.equals(List.of(RUNS, VICTIM, LAST))),
                "ran " + all);
        // In either case it is no longer pending.
        Fixture.must(() -> target.submit(VICTIM));
        Fixture.await("it runs again", () -> ran.size() == all.size() + 1);
        return armed.site();
    }
}
