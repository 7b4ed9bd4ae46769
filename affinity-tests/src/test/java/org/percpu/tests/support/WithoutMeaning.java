// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import java.util.Map;

/** Rules of the semantics reference that no test can show here, each with the reason. */
public final class WithoutMeaning {
    /** Rule id to reason. */
    public static final Map<String, String> RULES = Map.of(
            "KL-8",
            "interrupt handlers that take the lock by themselves: there is no interrupt source in these packages; handlers of"
                    + " signals run at safe points and belong to the interrupt priority suites");

    private WithoutMeaning() {}
}
