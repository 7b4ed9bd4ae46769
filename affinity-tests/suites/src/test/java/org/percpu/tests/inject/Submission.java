// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;

/** A thread that has never called the library hands over a work while the worker sleeps, and meets an error on the way. */
final class Submission extends OnKernel {
    private static final int VICTIM = 0;
    private static final int PROBE = 1;

    private final Target target;

    /** How often each has run. */
    private final AtomicIntegerArray ran = new AtomicIntegerArray(2);

    Submission(Target target) {
        this.target = target;
        target.callback = which -> {
            int now = ran.incrementAndGet(which);
            assert now > 0;
        };
    }

    /** On one CPU, so that the next caller comes to the same queue. */
    @Override
    Fixture newFixture() {
        return new Fixture(CpuSet.of(CpuTopology.system().allowed().first()));
    }

    /** All: the rounds are quick. */
    @Override
    public List<Injector.Kind> kinds() {
        return List.of(Injector.Kind.values());
    }

    @Override
    void open(Fixture made) {
        target.open(made, 2);
        // Callers are checked for their level from now on.
        Fixture.must(() -> Fixture.require(Spl.current().level() == Ipl.NONE, "level"));
    }

    @Override
    public @Nullable String round(Injector.Kind kind, int n) {
        fixture().sleeps();
        int before = ran.get(VICTIM);
        Armed armed = Armed.run(kind, n, () -> target.submit(VICTIM));
        // The next caller at the latest repairs what the error has left.
        int probes = ran.get(PROBE);
        Fixture.must(() -> target.submit(PROBE));
        Fixture.await("the next work runs", () -> ran.get(PROBE) == probes + 1);
        if (armed.thrown() == null) {
            Fixture.await("what was taken runs", () -> ran.get(VICTIM) == before + 1);
        }
        fixture().sleeps();
        int after = ran.get(VICTIM);
        Fixture.require(after == before || after == before + 1, "ran " + (after - before) + " times for one call");
        // Neither lost nor stuck: refused or run, it can be handed over again.
        Fixture.must(() -> target.submit(VICTIM));
        Fixture.await("the same work runs again", () -> ran.get(VICTIM) == after + 1);
        Fixture.require(fixture().faults.isEmpty(), "faults: " + fixture().faults);
        return armed.site();
    }
}
