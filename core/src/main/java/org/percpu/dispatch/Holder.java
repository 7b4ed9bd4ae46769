// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import org.percpu.bindings.spi.Backend;

/** Finds the owner of a function by the file that is mapped at its address. For messages. */
public final class Holder {
    private static final String MAPS = "proc/self/maps";
    private static final String PERCPU = "libpercpu";

    private Holder() {}

    /** The holder, as a noun phrase. */
    public static String of(long function) {
        String file = file(function);
        if (file.isEmpty()) {
            return "somebody else (code at 0x" + Long.toHexString(function) + ")";
        }
        return file.contains(PERCPU) ? "another copy of percpu in this process" : file;
    }

    /** Whether the function belongs to a copy of libpercpu. */
    static boolean isPercpu(long function) {
        return file(function).contains(PERCPU);
    }

    /** The path of the file, empty for none. */
    private static String file(long function) {
        try {
            for (String line : Files.readAllLines(Backend.root().resolve(MAPS), StandardCharsets.ISO_8859_1)) {
                // from-to perms offset device inode path
                int dash = line.indexOf('-');
                int space = line.indexOf(' ');
                long from = Long.parseUnsignedLong(line, 0, dash, 16);
                long to = Long.parseUnsignedLong(line, dash + 1, space, 16);
                if (Long.compareUnsigned(function, from) >= 0 && Long.compareUnsigned(function, to) < 0) {
                    int path = line.indexOf('/');
                    return path < 0 ? "" : line.substring(path);
                }
            }
        } catch (IOException | IndexOutOfBoundsException | NumberFormatException e) {
            return "";
        }
        return "";
    }
}
