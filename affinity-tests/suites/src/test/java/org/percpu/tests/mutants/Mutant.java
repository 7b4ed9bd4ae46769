// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.mutants;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One seeded fault.
 *
 * @param name of the mutant
 * @param kind of fault
 * @param file source below {@code org/percpu}
 * @param from the text that is replaced; it stands there once
 * @param to what stands there instead
 * @param tests classes below {@code org.percpu} of which one must fail; none if there is a scenario
 * @param scenario the scenario for controlled schedules that must find it, or null
 * @param equivalent why no test can see it, or null
 */
record Mutant(
        String name,
        String kind,
        Path file,
        String from,
        String to,
        List<String> tests,
        @Nullable String scenario,
        @Nullable String equivalent) {

    /** Reads a list: blocks of lines "key value", with an empty line between two blocks. */
    static List<Mutant> read(Path list) throws IOException {
        List<Mutant> mutants = new ArrayList<>();
        Map<String, String> block = new HashMap<>();
        for (String line : Files.readAllLines(list)) {
            if (line.startsWith("#")) {
                continue;
            }
            if (line.isBlank()) {
                add(mutants, block);
                continue;
            }
            String[] parts = line.split("\\s+", 2);
            String before = block.put(parts[0], parts.length == 1 ? "" : parts[1]);
            if (before != null) {
                throw new IllegalArgumentException(list + ": two lines \"" + parts[0] + "\" in the block of " + block);
            }
        }
        add(mutants, block);
        return mutants;
    }

    private static void add(List<Mutant> mutants, Map<String, String> block) {
        if (block.isEmpty()) {
            return;
        }
        mutants.add(new Mutant(
                get(block, "mutant"),
                get(block, "kind"),
                Path.of(get(block, "file")),
                get(block, "from"),
                get(block, "to"),
                block.containsKey("scenario")
                        ? List.of()
                        : List.of(get(block, "tests").split("\\s+")),
                block.get("scenario"),
                block.get("equivalent")));
        block.clear();
    }

    private static String get(Map<String, String> block, String key) {
        String value = block.get(key);
        if (value == null) {
            throw new IllegalArgumentException("no line \"" + key + "\" in the block " + block);
        }
        return value;
    }

    /** The source with the fault. */
    String mutate(String source) {
        int at = source.indexOf(from);
        if (at < 0 || source.indexOf(from, at + 1) >= 0) {
            throw new IllegalArgumentException("mutant " + name + ": \"" + from + "\" stands "
                    + (at < 0 ? "nowhere" : "more than once") + " in " + file + ": write the line anew");
        }
        return source.substring(0, at) + to + source.substring(at + from.length());
    }
}
