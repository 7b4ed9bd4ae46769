// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import java.util.BitSet;

/** Sets of CPUs: the list form of the kernel, and the mask form of the affinity calls. */
final class Cpus {
    private static final int MAX_CPU = 1 << 16;

    private Cpus() {}

    /**
     * Reads a list such as {@code 0-3,8}.
     *
     * @throws IllegalArgumentException if it is none; the message names the offending part
     */
    static BitSet parse(String list) {
        BitSet cpus = new BitSet();
        if (list.isBlank()) {
            return cpus;
        }
        for (String part : list.strip().split(",", -1)) {
            int dash = part.indexOf('-');
            int first = number(dash < 0 ? part : part.substring(0, dash), part, list);
            int last = dash < 0 ? first : number(part.substring(dash + 1), part, list);
            if (last < first) {
                throw refused(part, list);
            }
            cpus.set(first, last + 1);
        }
        return cpus;
    }

    private static int number(String text, String part, String list) {
        try {
            int number = Integer.parseInt(text.strip());
            if (number >= 0 && number < MAX_CPU) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw refused(part, list);
    }

    private static IllegalArgumentException refused(String part, String list) {
        return new IllegalArgumentException(
                "\"" + part + "\" in the CPU list \"" + list + "\" is neither a CPU number nor a range such as 0-3");
    }

    static String format(BitSet cpus) {
        StringBuilder list = new StringBuilder();
        for (int first = cpus.nextSetBit(0); first >= 0; ) {
            int end = cpus.nextClearBit(first);
            list.append(list.length() == 0 ? "" : ",").append(first);
            if (end - 1 > first) {
                list.append('-').append(end - 1);
            }
            first = cpus.nextSetBit(end);
        }
        return list.toString();
    }

    static BitSet ofMask(long[] mask) {
        return BitSet.valueOf(mask);
    }

    static BitSet and(BitSet a, BitSet b) {
        BitSet both = (BitSet) a.clone();
        both.and(b);
        return both;
    }

    static BitSet copy(BitSet cpus) {
        return (BitSet) cpus.clone();
    }

    /** The member at a position, counted from 0. */
    static int member(BitSet cpus, int position) {
        int cpu = cpus.nextSetBit(0);
        for (int i = 0; i < position; i++) {
            cpu = cpus.nextSetBit(cpu + 1);
        }
        return cpu;
    }
}
