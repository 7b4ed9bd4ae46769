// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.jcstress;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** Waits for what must happen, and not for ever, so that a lost wakeup is a forbidden outcome and not a stuck JVM. */
final class Patience {
    private static final long NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final long LOOK_NANOS = 1_000;

    private Patience() {}

    static boolean until(BooleanSupplier condition) {
        long start = System.nanoTime();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - start > NANOS) {
                return false;
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
        return true;
    }
}
