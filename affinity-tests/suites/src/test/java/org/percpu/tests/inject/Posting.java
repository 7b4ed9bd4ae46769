// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** A fresh thread posts a value, to a work or to a line, while the receiver sleeps, and meets an error on the way. */
final class Posting extends OnKernel {
    private static final long PROMPT_NANOS = 500_000_000;

    private final Target target;
    private final List<Integer> received = new CopyOnWriteArrayList<>();

    Posting(Target target) {
        this.target = target;
        target.callback = received::add;
    }

    /** All: the rounds are quick. */
    @Override
    public List<Injector.Kind> kinds() {
        return List.of(Injector.Kind.values());
    }

    @Override
    void open(Fixture made) {
        target.open(made, 0);
    }

    @Override
    public @Nullable String round(Injector.Kind kind, int n) {
        fixture().sleeps();
        received.clear();
        Armed armed = Armed.run(kind, n, () -> target.submit(1));
        if (armed.thrown() == null) {
            Fixture.await("what was taken arrives", () -> received.contains(1));
        }
        Fixture.must(() -> target.submit(2));
        Fixture.await("the next value arrives", () -> received.contains(2));
        Fixture.must(() -> target.submit(3));
        Fixture.await("the one behind it arrives", () -> received.contains(3));
        List<Integer> all = List.copyOf(received);
        Fixture.require(
                all.equals(List.of(1, 2, 3)) || (armed.thrown() != null && all.equals(List.of(2, 3))),
                "received " + all);
        return armed.site();
    }

    @Override
    public void end() throws Exception {
        long start = System.nanoTime();
        Fixture.must(target::close);
        Fixture.require(System.nanoTime() - start < PROMPT_NANOS, "a sender counts as inside for ever");
        super.end();
    }
}
