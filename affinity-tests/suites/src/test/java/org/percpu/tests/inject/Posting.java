// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.percpu.ipl.InterruptLine;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.NativeWork;
import org.percpu.ipl.Spl;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.thread.Pri;

/** A fresh thread posts a value, to a work or to a line, while the receiver sleeps, and meets an error on the way. */
abstract class Posting implements Scenario {
    final List<Long> received = new CopyOnWriteArrayList<>();
    private @Nullable Fixture fixture;

    Fixture fixture() {
        Fixture made = fixture;
        if (made == null) {
            throw new AssertionError("begin() comes first");
        }
        return made;
    }

    @Override
    public void begin() {
        Fixture made = new Fixture();
        fixture = made;
        open(made);
    }

    abstract void open(Fixture made);

    /** Posts a value that must be taken. */
    abstract void post(long value);

    @Override
    public @Nullable String round(Injector.Kind kind, int n) {
        fixture().sleeps();
        received.clear();
        @Nullable String[] site = new String[1];
        Throwable thrown = Fixture.onFreshThread(() -> {
            Injector.arm(kind, n);
            try {
                post(1);
            } finally {
                site[0] = Injector.disarm();
            }
        });
        if (thrown != null && !Injector.isInjected(thrown)) {
            throw new AssertionError("the call threw " + thrown, thrown);
        }
        if (thrown == null) {
            Fixture.await("what was taken arrives", () -> received.contains(1L));
        }
        Fixture.must(() -> post(2));
        Fixture.await("the next value arrives", () -> received.contains(2L));
        Fixture.must(() -> post(3));
        Fixture.await("the one behind it arrives", () -> received.contains(3L));
        List<Long> all = List.copyOf(received);
        Fixture.require(
                all.equals(List.of(1L, 2L, 3L)) || (thrown != null && all.equals(List.of(2L, 3L))), "received " + all);
        return site[0];
    }

    @Override
    public void end() {
        fixture().close();
    }

    /** percpu_post, by its Java form. */
    static final class ToWork extends Posting {
        private @Nullable NativeWork posted;

        @Override
        void open(Fixture made) {
            Workqueue<Work> wq = Workqueue.create(
                    made.kernel, "wq", (work, none) -> drain(), null, Pri.PRI_NONE, Ipl.HIGH, Workqueue.WQ_MPSAFE);
            posted = wq.nativeWork(new Work(), null);
        }

        @SuppressWarnings("NullAway") // open() comes first
        private void drain() {
            int drained = posted.drain(received::add);
            assert drained >= 0;
        }

        @Override
        @SuppressWarnings("NullAway") // open() comes first
        void post(long value) {
            Fixture.require(posted.post(value) >= 0, "a post was refused");
        }

        @Override
        @SuppressWarnings("NullAway") // open() comes first
        public void end() {
            long start = System.nanoTime();
            Fixture.must(posted::close);
            Fixture.require(System.nanoTime() - start < 500_000_000, "a poster counts as inside for ever");
            super.end();
        }
    }

    /** InterruptLine.trigger with a value. */
    static class ToLine extends Posting {
        @Nullable
        InterruptLine line;

        @Override
        void open(Fixture made) {
            Spl receiver = made.kernel.interrupts(made.kernel.cpus().get(0));
            line = InterruptLine.establish(receiver, "line", Ipl.VM, received::add);
        }

        @Override
        @SuppressWarnings("NullAway") // open() comes first
        void post(long value) {
            Fixture.require(line.trigger(value), "a value was refused");
        }

        @Override
        @SuppressWarnings("NullAway") // open() comes first
        public void end() {
            long start = System.nanoTime();
            Fixture.must(line::close);
            Fixture.require(System.nanoTime() - start < 500_000_000, "a sender counts as inside for ever");
            super.end();
        }
    }
}
