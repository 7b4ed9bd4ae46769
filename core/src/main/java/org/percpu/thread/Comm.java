// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

import java.nio.charset.StandardCharsets;

/** The name of a thread as Linux keeps it, in 15 bytes: comm. */
final class Comm {
    private static final int BYTES = 15;

    private Comm() {}

    /** Cuts a name between two characters, and replaces what would not show on a terminal. */
    static String of(String name) {
        StringBuilder comm = new StringBuilder();
        int bytes = 0;
        for (int i = 0; i < name.length(); i = name.offsetByCodePoints(i, 1)) {
            int c = name.codePointAt(i);
            String s = Character.isISOControl(c) || (c >= 0xD800 && c <= 0xDFFF) ? "?" : Character.toString(c);
            bytes += s.getBytes(StandardCharsets.UTF_8).length;
            if (bytes > BYTES) {
                break;
            }
            comm.append(s);
        }
        return comm.toString();
    }
}
