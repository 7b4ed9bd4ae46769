// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.Cpu;

/** The names of a factory's threads, by a pattern. */
final class ThreadNames {
    private static final Pattern ESCAPE = Pattern.compile("%(.?)", Pattern.DOTALL);

    private final String pattern;
    private final AtomicLong made = new AtomicLong();

    @SuppressWarnings("OrphanedFormatString") // the message shows a pattern of this class
    ThreadNames(String pattern) {
        this.pattern = pattern;
        if (name(0, null).isEmpty()) {
            throw new IllegalArgumentException("an empty name pattern: give the threads a name, such as io-%d");
        }
    }

    /** The name of the next thread. */
    String next(@Nullable Cpu cpu) {
        return name(made.getAndIncrement(), cpu);
    }

    @SuppressWarnings("OrphanedFormatString") // the message tells the letters of this class
    private String name(long number, @Nullable Cpu cpu) {
        return ESCAPE.matcher(pattern)
                .replaceAll(escape -> Matcher.quoteReplacement(
                        switch (escape.group(1)) {
                            case "d" -> Long.toString(number);
                            case "c" -> cpu == null ? "any" : Integer.toString(cpu.id());
                            case "%" -> "%";
                            default ->
                                throw new IllegalArgumentException(
                                        "the name pattern \"" + pattern + "\" has a percent sign at position "
                                                + escape.start() + " without a letter that it knows behind it: write"
                                                + " %d for the thread's number, %c for its CPU, and two"
                                                + " percent signs for one");
                        }));
    }

    @Override
    public String toString() {
        return pattern;
    }
}
