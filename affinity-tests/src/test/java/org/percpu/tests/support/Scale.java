// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

/** How much of a stress test to run: {@code -Dpercpu.long=true} asks for the long forms. */
public final class Scale {
    private Scale() {}

    public static boolean isLong() {
        return Boolean.getBoolean("percpu.long");
    }

    public static int of(int shortForm, int longForm) {
        return isLong() ? longForm : shortForm;
    }
}
