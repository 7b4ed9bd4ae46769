// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

/**
 * How much of a stress test to run: {@code -Dpercpu.long=true} asks for the long forms. A simulated machine adds no
 * race to those of the real one, and its calls are slower: there the short forms are a twentieth.
 */
public final class Scale {
    private Scale() {}

    public static boolean isLong() {
        return Boolean.getBoolean("percpu.long");
    }

    public static int of(int shortForm, int longForm) {
        if (isLong()) {
            return longForm;
        }
        return Machine.isSimulated() ? Math.max(1, shortForm / 20) : shortForm;
    }
}
