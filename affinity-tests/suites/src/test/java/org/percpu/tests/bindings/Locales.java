// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import java.util.stream.Stream;

/** Whether the C library speaks English, by the rules of setlocale(3) that the java launcher follows. */
final class Locales {
    static final String SKIPPED = "LC_ALL, LC_MESSAGES or LANG asks for error texts in another language than English";

    private Locales() {}

    static boolean messagesAreEnglish() {
        String locale = Stream.of("LC_ALL", "LC_MESSAGES", "LANG")
                .map(System::getenv)
                .filter(value -> value != null && !value.isEmpty())
                .findFirst()
                .orElse("C");
        return locale.startsWith("C") || locale.equals("POSIX") || locale.startsWith("en");
    }
}
