// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import org.jspecify.annotations.Nullable;

/**
 * The log, for callers that must go on: a logger that throws, or has no memory, is passed over. Then standard error is
 * tried, and after that nothing.
 */
final class LastWord {
    private static final String LOGGER = "org.percpu.kernel.Kernel";

    private LastWord() {}

    static void log(String start, String who, String what, @Nullable Object of, Throwable thrown) {
        try {
            System.getLogger(LOGGER).log(System.Logger.Level.ERROR, start + who + what + of, thrown);
        } catch (Throwable t) {
            try {
                System.err.print(start);
                System.err.print(who);
                System.err.println(what);
            } catch (Throwable silent) {
                // There is no further place to report it.
                return;
            }
        }
    }
}
