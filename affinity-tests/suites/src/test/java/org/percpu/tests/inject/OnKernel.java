// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import org.jspecify.annotations.Nullable;

/** A scenario whose rounds have a kernel, which it makes at the beginning and closes at the end. */
abstract class OnKernel implements Scenario {
    private @Nullable Fixture fixture;

    final Fixture fixture() {
        Fixture made = fixture;
        if (made == null) {
            throw new AssertionError("begin() comes first");
        }
        return made;
    }

    @Override
    public void begin() throws Exception {
        Fixture made = newFixture();
        fixture = made;
        open(made);
    }

    Fixture newFixture() {
        return new Fixture();
    }

    /** Makes what the rounds use of a new kernel. */
    abstract void open(Fixture made) throws Exception;

    @Override
    public void end() throws Exception {
        fixture().close();
    }
}
