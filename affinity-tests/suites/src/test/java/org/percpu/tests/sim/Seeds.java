// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.sim;

import java.util.stream.LongStream;
import org.percpu.bindings.sim.Faults;
import org.percpu.bindings.sim.SimMachine;
import org.percpu.tests.support.Scale;

/** The seeds of a run. A test that fails names its seed; {@code -Dpercpu.sim.seed=N} runs that one alone. */
final class Seeds {
    private static final String ONE = "percpu.sim.seed";

    private Seeds() {}

    static LongStream some(int shortForm, int longForm) {
        Long one = Long.getLong(ONE);
        return one != null ? LongStream.of(one) : LongStream.range(0, Scale.isLong() ? longForm : shortForm);
    }

    /** Runs code under faults that begin now, and ends them. */
    static void under(long seed, String faults, Runnable code) {
        SimMachine.ofProcess().faults(Faults.parse("seed=" + seed + "," + faults));
        try {
            code.run();
        } catch (Throwable t) {
            throw new AssertionError("under " + faults + "; once more: -Dtest=FaultsTest -D" + ONE + "=" + seed, t);
        } finally {
            SimMachine.ofProcess().faults(Faults.NONE);
        }
    }
}
