// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Method;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;

/** Every rule is shown by a test or listed with the reason why none can show it. */
class RuleTableTest {
    private static final Path CLASSES = Path.of("org", "percpu", "tests");

    @Test
    @DisplayName("each rule of workqueue(9), kthread(9) and the kernel lock has a test or a reason")
    void eachRuleHasATestOrAReason() throws IOException, ReflectiveOperationException, URISyntaxException {
        Set<String> tested = testedRules();
        List<String> missing = new ArrayList<>();
        for (String rule : rules()) {
            if (!tested.contains(rule) && !WithoutMeaning.RULES.containsKey(rule)) {
                missing.add(rule);
            }
        }
        assertThat(missing).as("rules without a test").isEmpty();
        assertThat(WithoutMeaning.RULES.keySet())
                .as("rules with a test need no excuse")
                .doesNotContainAnyElementsOf(tested);
    }

    private static List<String> rules() {
        List<String> rules = new ArrayList<>();
        IntStream.rangeClosed(1, 22).forEach(i -> rules.add("NWQ-" + i));
        IntStream.rangeClosed(1, 21).forEach(i -> rules.add("NKT-" + i));
        IntStream.rangeClosed(1, 8).forEach(i -> rules.add("KL-" + i));
        IntStream.of(1, 2, 3, 4, 5, 6, 7, 12, 13, 15, 16, 17, 18, 19, 20, 21, 24)
                .forEach(i -> rules.add("U" + i));
        rules.addAll(List.of("N1", "N1b", "N4", "N5", "N6", "N7", "S2", "S7", "S8", "S12", "S13", "S14", "H2"));
        rules.addAll(List.of("G1", "G2", "G3", "G4", "G5", "G13", "G14", "G15", "G16", "G17", "G18", "G21", "G23"));
        rules.addAll(List.of("G24", "G25"));
        return rules;
    }

    /** Only annotations of what JUnit runs count. */
    private static Set<String> testedRules() throws IOException, ReflectiveOperationException, URISyntaxException {
        Path root = Path.of(RuleTableTest.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        Set<String> tested = new TreeSet<>();
        List<Path> files;
        try (Stream<Path> found = Files.walk(root.resolve(CLASSES))) {
            files = found.filter(file -> file.getFileName().toString().endsWith("Test.class"))
                    .toList();
        }
        for (Path file : files) {
            String name = root.relativize(file).toString().replace('/', '.').replaceFirst("\\.class$", "");
            Class<?> type = Class.forName(name, false, RuleTableTest.class.getClassLoader());
            add(tested, type.getAnnotation(Rule.class));
            for (Method method : type.getDeclaredMethods()) {
                if (method.isAnnotationPresent(Test.class) || method.isAnnotationPresent(ParameterizedTest.class)) {
                    add(tested, method.getAnnotation(Rule.class));
                }
            }
        }
        return tested;
    }

    private static void add(Set<String> tested, Rule rule) {
        if (rule != null) {
            tested.addAll(List.of(rule.value()));
        }
    }
}
