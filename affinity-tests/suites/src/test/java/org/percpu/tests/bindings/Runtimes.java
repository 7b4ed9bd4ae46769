// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

/** What the Java runtime that runs the tests can do. */
final class Runtimes {
    private Runtimes() {}

    static boolean hasFfm() {
        return Runtime.version().feature() >= 23;
    }

    static void assumeFfm() {
        if (!hasFfm()) {
            String reason = "skipped: the FFM backend needs Java 23 or newer, this is " + Runtime.version();
            System.out.println(reason);
            assumeTrue(false, reason);
        }
    }
}
