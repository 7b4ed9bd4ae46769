// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;

/** A thread raises its own level, is interrupted meanwhile, lowers it again, and meets an error in one of these. */
final class Lowering implements Scenario {
    private static final int VALUES = 3;

    private final List<Long> handled = new ArrayList<>();

    /** All: the rounds are quick. */
    @Override
    public List<Injector.Kind> kinds() {
        return List.of(Injector.Kind.values());
    }

    @Override
    public void begin() {}

    @Override
    public @Nullable String round(Injector.Kind kind, int n) {
        handled.clear();
        @Nullable String[] site = new String[1];
        Fixture.must(() -> site[0] = onOwnThread(kind, n));
        return site[0];
    }

    private @Nullable String onOwnThread(Injector.Kind kind, int n) {
        Spl spl = Spl.current();
        try (InterruptLine line = InterruptLine.establish(Receiver.current(), "own", Ipl.VM, handled::add);
                InterruptLine higher = InterruptLine.establish(Receiver.current(), "higher", Ipl.SCHED, handled::add)) {
            Injector.arm(kind, n);
            List<Long> taken = new ArrayList<>();
            String site;
            try {
                int cookie = spl.splhigh();
                for (long value = 0; value < VALUES; value++) {
                    if (line.trigger(value)) {
                        taken.add(value);
                    }
                }
                spl.splx(cookie);
            } catch (Throwable t) {
                if (!Injector.isInjected(t)) {
                    throw t;
                }
            } finally {
                site = Injector.disarm();
            }
            Fixture.require(!spl.inInterrupt(), "the thread is in an interrupt for ever");
            spl.spl0();
            Fixture.require(spl.level() == Ipl.NONE, "level " + spl.level());
            // The next caller, on this line and on another.
            Fixture.require(line.trigger(VALUES), "a value was refused");
            taken.add((long) VALUES);
            int ran = spl.poll();
            if (site != null && site.endsWith("Handler.interrupt")) {
                // It counts as the handler's own, for the value that it was called with.
                taken.removeIf(value -> !handled.contains(value) && value != VALUES);
            }
            Fixture.require(handled.containsAll(taken), "handled " + handled + " of " + taken + ", now " + ran);
            Fixture.require(handled.size() <= taken.size() + 1, "handled " + handled + " of " + taken);
            Fixture.require(handled.stream().sorted().distinct().toList().equals(handled), "handled " + handled);
            int before = handled.size();
            Fixture.require(higher.trigger(VALUES), "a value was refused");
            Fixture.require(handled.size() == before, "handled too early");
            ran = spl.poll();
            Fixture.require(handled.size() == before + 1, "the higher line is dead, now " + ran);
            return site;
        }
    }

    @Override
    public void end() {}
}
