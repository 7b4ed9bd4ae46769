// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.rules;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;
import org.percpu.tests.support.Rule;

/**
 * Writes for each test that JUnit ran, and each rule that it cites, one line: rule, status, class, sentence, reason. It writes to the file
 * that {@code -Dpercpu.rules.file} names, and without that does nothing.
 */
public final class RuleRecorder implements TestExecutionListener {
    static final String FILE = "percpu.rules.file";

    private final Set<String> lines = Collections.synchronizedSet(new TreeSet<>());
    private volatile @Nullable TestPlan plan;

    /** For the service loader. */
    public RuleRecorder() {}

    @Override
    public void testPlanExecutionStarted(TestPlan testPlan) {
        plan = testPlan;
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
        record(test, "skipped", reason);
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        boolean good = result.getStatus() == TestExecutionResult.Status.SUCCESSFUL;
        String reason = result.getThrowable().map(Throwable::getMessage).orElse("");
        if (test.isTest() || !good) {
            String bad = result.getStatus() == TestExecutionResult.Status.ABORTED ? "skipped" : "failed";
            record(test, good ? "passed" : bad, reason);
        }
    }

    /** A class that is skipped, or fails before its tests, speaks for them. */
    private void record(TestIdentifier test, String status, @Nullable String reason) {
        TestPlan tests = plan;
        if (test.isContainer() && tests != null) {
            tests.getChildren(test).forEach(child -> record(child, status, reason));
        }
        test.getSource()
                .filter(MethodSource.class::isInstance)
                .map(MethodSource.class::cast)
                .ifPresent(source -> {
                    String sentence = sentence(test, source);
                    for (String rule : rules(source)) {
                        lines.add(String.join(
                                "\t",
                                rule,
                                status,
                                source.getJavaClass().getSimpleName(),
                                sentence,
                                status.equals("passed") ? "" : flat(reason)));
                    }
                });
    }

    /** An invocation of a parameterised test goes by the sentence of the test. */
    private String sentence(TestIdentifier test, MethodSource source) {
        TestPlan tests = plan;
        TestIdentifier named = test;
        while (tests != null) {
            TestIdentifier parent = tests.getParent(named).orElse(null);
            if (parent == null || !parent.getSource().filter(source::equals).isPresent()) {
                break;
            }
            named = parent;
        }
        return flat(named.getDisplayName());
    }

    private static Set<String> rules(MethodSource source) {
        Set<String> rules = new LinkedHashSet<>();
        add(rules, source.getJavaMethod().getAnnotation(Rule.class));
        for (Class<?> type = source.getJavaClass(); type != null; type = type.getSuperclass()) {
            for (Class<?> outer = type; outer != null; outer = outer.getEnclosingClass()) {
                add(rules, outer.getAnnotation(Rule.class));
            }
        }
        return rules;
    }

    private static void add(Set<String> rules, @Nullable Rule rule) {
        if (rule != null) {
            Collections.addAll(rules, rule.value());
        }
    }

    private static String flat(@Nullable String text) {
        return text == null ? "" : text.strip().replaceAll("\\s+", " ");
    }

    @Override
    public void testPlanExecutionFinished(TestPlan testPlan) {
        String file = System.getProperty(FILE);
        if (file == null) {
            return;
        }
        try {
            Path path = Path.of(file);
            Path folder = path.getParent();
            if (folder != null) {
                Files.createDirectories(folder);
            }
            synchronized (lines) {
                Files.write(path, lines, StandardCharsets.UTF_8);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
