// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.seeded;

import org.jspecify.annotations.Nullable;

/** One null error, for NullAway; one comparison of arrays by identity, for Error Prone. */
final class Seeded {
    private Seeded() {}

    static int length(@Nullable String text) {
        return text.length();
    }

    static boolean same(int[] a, int[] b) {
        return a.equals(b);
    }
}
