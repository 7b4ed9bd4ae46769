// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Durations as users write them, such as {@code 500ms}, and as tables show them. */
final class Durations {
    private static final Pattern FORM = Pattern.compile("(\\d{1,9})(ns|us|ms|s|m)");

    private Durations() {}

    /**
     * Reads a duration.
     *
     * @param offender how the user knows the value, such as {@code --duration}
     * @param text a whole number with its unit
     * @return nanoseconds, 1 or more
     */
    static long parse(String offender, String text) {
        Matcher form = FORM.matcher(text);
        long nanos = form.matches() ? unit(form.group(2)).toNanos(Long.parseLong(form.group(1))) : 0;
        if (nanos <= 0) {
            throw new BadInput(
                    offender + " '" + text
                            + "' is not a duration: write a whole number above 0 with ns, us, ms, s or m, such as 500ms or 10s");
        }
        return nanos;
    }

    private static TimeUnit unit(String symbol) {
        return switch (symbol) {
            case "ns" -> TimeUnit.NANOSECONDS;
            case "us" -> TimeUnit.MICROSECONDS;
            case "ms" -> TimeUnit.MILLISECONDS;
            case "s" -> TimeUnit.SECONDS;
            default -> TimeUnit.MINUTES;
        };
    }

    /** Microseconds with one decimal. */
    static String micros(long nanos) {
        return String.format(Locale.ROOT, "%.1f", nanos / 1e3);
    }

    /** Seconds with two decimals, and the unit. */
    static String seconds(long nanos) {
        return String.format(Locale.ROOT, "%.2f s", nanos / 1e9);
    }
}
