// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

/** The entries of a CPU list as text, and what is said of those that are not understood. */
final class CpuList {
    private static final int LONGEST_QUOTE = 60;

    private CpuList() {}

    /** The CPUs of one entry, such as {@code 8} or {@code 0-15:2}. */
    static CpuSet entry(String entry) {
        if (entry.isEmpty()) {
            throw new IllegalArgumentException(
                    "an entry is empty: write one comma between two entries, none at the ends");
        }
        if (entry.startsWith("0x") || entry.startsWith("0X")) {
            throw new IllegalArgumentException(
                    quote(entry) + ": hexadecimal masks are not understood, write the list" + maskAsList(entry));
        }
        int colon = entry.indexOf(':');
        String span = colon < 0 ? entry : entry.substring(0, colon);
        int dash = span.indexOf('-');
        if (dash == 0 && span.length() > 1 && allDigits(span.substring(1))) {
            throw new IllegalArgumentException(quote(entry) + ": CPU numbers start at 0, there are no negative ones");
        }
        if (dash < 0) {
            if (colon >= 0) {
                throw new IllegalArgumentException(
                        quote(entry) + ": a stride needs a range in front of it, such as 0-15:2");
            }
            int cpu = number(entry, span);
            return CpuSet.strided(cpu, cpu, 1);
        }
        int first = number(entry, span.substring(0, dash));
        int last = number(entry, span.substring(dash + 1));
        if (last < first) {
            throw new IllegalArgumentException(reversed(first, last));
        }
        int stride = colon < 0 ? 1 : number(entry, entry.substring(colon + 1));
        if (stride == 0) {
            throw new IllegalArgumentException(quote(entry) + ": a stride is 1 or more");
        }
        return CpuSet.strided(first, last, stride);
    }

    private static boolean allDigits(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) < '0' || text.charAt(i) > '9') {
                return false;
            }
        }
        return true;
    }

    private static int number(String entry, String digits) {
        if (digits.isEmpty() || !allDigits(digits)) {
            String offender = digits.isEmpty() || digits.equals(entry) ? "" : quote(digits) + " is ";
            throw new IllegalArgumentException(
                    quote(entry) + ": " + offender + "not a CPU number; write a list such as 0-3,8 or 0-15:2");
        }
        int zeros = 0;
        while (zeros < digits.length() - 1 && digits.charAt(zeros) == '0') {
            zeros++;
        }
        String significant = digits.substring(zeros);
        if (significant.length() > 7 || Integer.parseInt(significant) >= CpuSet.LIMIT) {
            throw new IllegalArgumentException(tooLarge(quote(digits)));
        }
        return Integer.parseInt(significant);
    }

    private static String maskAsList(String entry) {
        try {
            CpuSet set = CpuSet.fromMask(new long[] {Long.parseUnsignedLong(entry.substring(2), 16)});
            return set.isEmpty() ? " of CPUs, such as 0-3" : " " + set;
        } catch (NumberFormatException e) {
            return " of CPUs, such as 0-3";
        }
    }

    static String reversed(int first, int last) {
        return first + "-" + last + ": a range goes up, write " + last + "-" + first;
    }

    static String tooLarge(String number) {
        return number + ": CPU numbers end at " + (CpuSet.LIMIT - 1);
    }

    /** Foreign text in a message: one line, of a sane length. */
    static String quote(String text) {
        String line = text.replaceAll("\\p{Cntrl}", "?");
        return line.length() <= LONGEST_QUOTE ? line : line.substring(0, LONGEST_QUOTE) + "...";
    }
}
