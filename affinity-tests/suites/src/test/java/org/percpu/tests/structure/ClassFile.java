// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.structure;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The classes that a class file names, from its constant pool (JVMS §4.4): what jdeps reads too. */
final class ClassFile {
    private static final int MAGIC = 0xCAFEBABE;
    private static final int UTF8 = 1;
    private static final int LONG = 5;
    private static final int DOUBLE = 6;
    private static final int CLASS = 7;
    private static final Pattern IN_DESCRIPTOR = Pattern.compile("L(org/percpu/[A-Za-z0-9_/$]+)[;<]");
    private static final String OURS = "org/percpu/";

    private ClassFile() {}

    /** Names with slashes, as in the file, of the classes of percpu that it needs, itself included. */
    static Set<String> references(InputStream file) throws IOException {
        DataInputStream in = new DataInputStream(file);
        if (in.readInt() != MAGIC) {
            throw new IOException("no class file");
        }
        in.readInt();
        int entries = in.readUnsignedShort();
        String[] texts = new String[entries];
        int[] classes = new int[entries];
        for (int i = 1; i < entries; i++) {
            int tag = in.readUnsignedByte();
            if (tag == UTF8) {
                texts[i] = in.readUTF();
            } else if (tag == CLASS) {
                classes[i] = in.readUnsignedShort();
            } else {
                in.skipNBytes(length(tag));
            }
            // These two take two places.
            i += tag == LONG || tag == DOUBLE ? 1 : 0;
        }
        Set<String> found = new TreeSet<>();
        for (int i = 1; i < entries; i++) {
            if (classes[i] != 0 && texts[classes[i]].startsWith(OURS)) {
                found.add(texts[classes[i]]);
            }
            if (texts[i] != null) {
                Matcher descriptor = IN_DESCRIPTOR.matcher(texts[i]);
                while (descriptor.find()) {
                    found.add(descriptor.group(1));
                }
            }
        }
        return found;
    }

    private static int length(int tag) throws IOException {
        return switch (tag) {
            case 3, 4, 9, 10, 11, 12, 17, 18 -> 4;
            case LONG, DOUBLE -> 8;
            case 8, 16, 19, 20 -> 2;
            case 15 -> 3;
            default -> throw new IOException("constant of an unknown kind: " + tag);
        };
    }
}
