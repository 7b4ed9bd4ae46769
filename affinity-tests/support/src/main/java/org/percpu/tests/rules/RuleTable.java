// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.rules;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.percpu.tests.support.Rule;

/**
 * Merges what the runs of the suites recorded into one table, prints what is missing, and ends with 1 if something is. Needs nothing but
 * the JDK, so that it can be started by hand:
 *
 * <pre>
 * java -cp affinity-tests/support/target/classes:affinity-tests/stress/target/test-classes org.percpu.tests.rules.RuleTable affinity-tests write
 * </pre>
 */
public final class RuleTable {
    private static final String JCSTRESS = "jcstress";
    private static final String PAGE = "RULES.md";
    /** In jcstress's list of tests strings have their length in front. */
    private static final Pattern STRING = Pattern.compile("(\\d+)S(?=org\\.percpu\\.)");

    /** One test of one rule: in which runs it passed, was skipped or failed, and why. */
    private static final class Proof {
        final Map<String, Set<String>> runsByStatus = new TreeMap<>();
        final Set<String> reasons = new TreeSet<>();

        boolean passed() {
            return runsByStatus.containsKey("passed");
        }
    }

    private final Map<String, String> rules = new LinkedHashMap<>();
    private final Map<String, String> excuses = new TreeMap<>();
    private final Map<String, Map<String, Proof>> proofs = new LinkedHashMap<>();
    private final Set<String> unknown = new TreeSet<>();

    private RuleTable() {}

    /**
     * Checks, or with {@code write} as second argument writes, the table.
     *
     * @param args folder of the module, then {@code check} or {@code write}
     * @throws IOException if a file cannot be read or written
     */
    public static void main(String[] args) throws IOException {
        Path module = Path.of(args[0]);
        RuleTable table = new RuleTable();
        table.readRules();
        table.readExcuses();
        table.readRuns(module.resolve("target/rules"));
        table.readJcstress();
        Files.writeString(module.resolve("target/rules.md"), table.statusPage(), StandardCharsets.UTF_8);
        boolean good = table.report();
        Path page = module.resolve(PAGE);
        String text = table.readersPage();
        if (args[1].equals("write")) {
            Files.writeString(page, text, StandardCharsets.UTF_8);
        } else if (!Files.exists(page)
                || !Files.readString(page, StandardCharsets.UTF_8).equals(text)) {
            System.out.println(page + " is not what the tests say: write it anew with java -cp"
                    + " affinity-tests/support/target/classes:affinity-tests/stress/target/test-classes "
                    + RuleTable.class.getName()
                    + " affinity-tests write");
            good = false;
        }
        if (!good) {
            System.exit(1);
        }
    }

    private static List<String> resource(String name) throws IOException {
        try (InputStream stream = RuleTable.class.getResourceAsStream(name)) {
            if (stream == null) {
                return List.of();
            }
            return new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))
                    .lines()
                    .toList();
        }
    }

    private void readRules() throws IOException {
        for (String line : resource("/rules.tsv")) {
            List<String> cells = List.of(line.split("\t", -1));
            rules.put(cells.get(0), cells.get(1));
            proofs.put(cells.get(0), new TreeMap<>());
        }
    }

    private void readExcuses() throws IOException {
        for (String line : resource("/rules-without-test.md")) {
            List<String> cells = List.of(line.split("\\|", -1));
            if (cells.size() == 4 && rules.containsKey(cells.get(1).strip())) {
                excuses.put(cells.get(1).strip(), cells.get(2).strip());
            }
        }
    }

    private void readRuns(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return;
        }
        List<Path> files;
        try (Stream<Path> found = Files.list(folder)) {
            files = found.filter(file -> file.toString().endsWith(".tsv"))
                    .sorted()
                    .toList();
        }
        for (Path file : files) {
            String run = String.valueOf(file.getFileName()).replaceFirst("(-\\d+)?\\.tsv$", "");
            for (String line : Files.readAllLines(file, StandardCharsets.UTF_8)) {
                List<String> cells = List.of(line.split("\t", -1));
                add(cells.get(0), cells.get(2) + ": " + cells.get(3), run, cells.get(1), cells.get(4));
            }
        }
    }

    /** A forbidden outcome has failed the build before this is reached. */
    private void readJcstress() throws IOException {
        for (String line : resource("/META-INF/TestList")) {
            Matcher string = STRING.matcher(line);
            while (string.find()) {
                int end = Math.min(string.end() + Integer.parseInt(string.group(1)), line.length());
                String name = line.substring(string.end(), end);
                // The classes that jcstress generates are in the list too, and cannot be loaded without jcstress.
                Rule rule = name.endsWith("_jcstress") ? null : ruleOf(name);
                if (rule != null) {
                    String test = name.substring(name.lastIndexOf('.') + 1).replace('$', '.');
                    for (String id : rule.value()) {
                        add(id, test + ": by " + JCSTRESS, JCSTRESS, "passed", "");
                    }
                }
            }
        }
    }

    private static @Nullable Rule ruleOf(String name) {
        try {
            return Class.forName(name, false, RuleTable.class.getClassLoader()).getAnnotation(Rule.class);
        } catch (ClassNotFoundException | NoClassDefFoundError e) {
            return null;
        }
    }

    private void add(String rule, String test, String run, String status, String reason) {
        Map<String, Proof> tests = proofs.get(rule);
        if (tests == null) {
            unknown.add(rule + " (" + test + ")");
            return;
        }
        Proof proof = tests.computeIfAbsent(test, any -> new Proof());
        proof.runsByStatus.computeIfAbsent(status, any -> new TreeSet<>()).add(run);
        if (!reason.isEmpty()) {
            proof.reasons.add(reason);
        }
    }

    private boolean tested(String rule) {
        return proofs.getOrDefault(rule, Map.of()).values().stream().anyMatch(Proof::passed);
    }

    private boolean report() {
        List<String> missing = new ArrayList<>();
        List<String> superfluous = new ArrayList<>();
        for (String rule : rules.keySet()) {
            if (tested(rule) && excuses.containsKey(rule)) {
                superfluous.add(rule);
            } else if (!tested(rule) && !excuses.containsKey(rule)) {
                missing.add(rule);
            }
        }
        long tested = rules.keySet().stream().filter(this::tested).count();
        System.out.println("rules: " + rules.size() + ", " + tested + " with a test that passed, " + excuses.size()
                + " with a reason for having none, " + missing.size() + " with neither (target/rules.md)");
        for (String rule : missing) {
            System.out.println("  " + rule + " (" + rules.get(rule) + "): "
                    + (proofs.getOrDefault(rule, Map.of()).isEmpty()
                            ? "no test cites it; write one, or a reason in rules-without-test.md"
                            : "its tests did not pass: " + reasons(rule)));
        }
        superfluous.forEach(
                rule -> System.out.println("  " + rule + " has a test: take it out of rules-without-test.md"));
        unknown.forEach(rule -> System.out.println("  " + rule + " is cited and no rule of rules.tsv"));
        return missing.isEmpty() && superfluous.isEmpty() && unknown.isEmpty();
    }

    private String reasons(String rule) {
        Set<String> reasons = new TreeSet<>();
        proofs.getOrDefault(rule, Map.of()).values().forEach(proof -> reasons.addAll(proof.reasons));
        return String.join("; ", reasons);
    }

    /** With what happened on this machine. */
    private String statusPage() {
        StringBuilder page =
                new StringBuilder("# Rules and what the tests said\n\n| Rule | Test | Status |\n|---|---|---|\n");
        for (String rule : rules.keySet()) {
            if (excuses.containsKey(rule)) {
                row(page, rule, "-", "no test: " + excuses.get(rule));
            } else if (proofs.getOrDefault(rule, Map.of()).isEmpty()) {
                row(page, rule, "-", "MISSING");
            }
            proofs.getOrDefault(rule, Map.of()).forEach((test, proof) -> row(page, rule, test, status(proof)));
        }
        return page.toString();
    }

    private static String status(Proof proof) {
        List<String> parts = new ArrayList<>();
        proof.runsByStatus.forEach((status, runs) -> parts.add(status + " in " + String.join(", ", runs)));
        String reasons = proof.reasons.isEmpty() ? "" : " (" + String.join("; ", proof.reasons) + ")";
        return String.join("; ", parts) + reasons;
    }

    private static void row(StringBuilder page, String... cells) {
        for (String cell : cells) {
            page.append("| ").append(cell.replace("|", "\\|")).append(' ');
        }
        page.append("|\n");
    }

    /** The same on every machine: which tests show a rule, not how they fared. */
    private String readersPage() {
        StringBuilder page = new StringBuilder();
        page.append("# Rules and their tests\n\n");
        page.append(
                "What the manual pages promise and what they leave undefined, rule by rule, and the tests that show it.\n");
        page.append(
                "Generated from the tests by `org.percpu.tests.rules.RuleTable`; `mvn verify` fails if it is out of date or if a\n");
        page.append(
                "rule has neither a test that passes nor a reason. How each test fared in each run: `target/rules.md`.\n\n");
        page.append(
                "NWQ: NetBSD workqueue(9). NKT: NetBSD kthread(9). OWQ: OpenBSD workq_add_task(9). OTQ: OpenBSD task_add(9).\n");
        page.append("OKT: OpenBSD kthread(9). NCO: NetBSD callout(9). OTO: OpenBSD timeout(9). TM: time.\n");
        page.append("KL: the kernel lock. U: what is undefined in BSD.\n");
        page.append(
                "N, S, Z, X, H: scenarios of the tests that NetBSD, SPL, Zephyr, NuttX and HSE have of theirs. G: what none of\n");
        page.append("them tests.\n\n");
        page.append("| Rule | What | Status | Tests |\n|---|---|---|---|\n");
        for (Map.Entry<String, String> rule : rules.entrySet()) {
            Map<String, Proof> tests = proofs.getOrDefault(rule.getKey(), Map.of());
            String excuse = excuses.get(rule.getKey());
            String status = excuse != null ? "no test: " + excuse : tests.isEmpty() ? "missing" : "tested";
            row(
                    page,
                    rule.getKey(),
                    rule.getValue(),
                    status,
                    tests.keySet().stream()
                            .sorted(Comparator.naturalOrder())
                            .reduce((a, b) -> a + "<br>" + b)
                            .orElse("-"));
        }
        return page.toString();
    }
}
