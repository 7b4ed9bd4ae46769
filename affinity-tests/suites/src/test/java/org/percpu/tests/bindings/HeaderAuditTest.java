// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;

/** native/audit/audit.c holds the numbers of the Java sources against the system headers; this holds the two together. */
@Tag("once")
class HeaderAuditTest {
    private static final Path ROOT = Path.of("../..");
    private static final Path AUDIT = ROOT.resolve("native/audit/audit.c");
    private static final Path BINDINGS = ROOT.resolve("bindings");
    private static final Pattern CONSTANT = Pattern.compile("(?m)^CONSTANT\\((\\w+), (-?\\w+)\\);$");
    private static final Pattern GENERATED = Pattern.compile("private static final \\w+ (\\w+) = \\(\\w+\\)(-?\\d+)L;");
    private static final Pattern LINKED = Pattern.compile("LINK\\.function\\(\"(\\w+)\"\\)");
    private static final Pattern SYSTEM_CALL = Pattern.compile("\\b([A-Z]+)(?: = number)?\\((\\d+), (\\d+)\\)");

    @Test
    void everyConstantOfLinuxCallsIsAudited() throws Exception {
        Map<String, List<Long>> audited = audited();
        int constants = 0;
        for (Field field : LinuxCalls.class.getDeclaredFields()) {
            String name = field.getName();
            if (Modifier.isStatic(field.getModifiers()) && !field.isSynthetic() && !name.equals("FOREVER")) {
                long value = ((Number) field.get(null)).longValue();
                assertThat(audited.get(name.startsWith("SC_") ? "_" + name : name))
                        .as(name)
                        .containsExactly(value);
                constants++;
            }
        }
        assertThat(constants).isPositive();
    }

    @Test
    void everyErrorNumberIsAudited() throws Exception {
        Map<String, List<Long>> audited = audited();
        for (Errno errno : Errno.values()) {
            assertThat(audited.get(errno.name())).as(errno.name()).containsExactly((long) errno.number());
        }
    }

    @Test
    void everyConstantThatJextractWroteIsAudited() throws Exception {
        Map<String, List<Long>> audited = audited();
        List<MatchResult> constants =
                matches(GENERATED, BINDINGS.resolve("ffm/src/main/java/org/percpu/bindings/ffm/generated/Linux.java"));
        assertThat(constants).isNotEmpty();
        for (MatchResult constant : constants) {
            assertThat(audited.get(constant.group(1)))
                    .as(constant.group(1))
                    .containsExactly(Long.parseLong(constant.group(2)));
        }
    }

    @Test
    void everyFunctionThatFfmLinksByNameIsAuditedAndItsParametersFitIntoSixRegisters() throws Exception {
        List<MatchResult> linked =
                matches(LINKED, BINDINGS.resolve("ffm/src/main/java/org/percpu/bindings/ffm/LibC.java"));
        assertThat(linked).isNotEmpty();
        for (MatchResult function : linked) {
            String name = function.group(1);
            List<MatchResult> audited = matches(
                    Pattern.compile("(?m)^FUNCTION(?:_EITHER)?\\(" + name + ", .*\\(\\*\\)\\((.*)\\)\\);$"), AUDIT);
            assertThat(audited).as(name).hasSize(1);
            String parameters = audited.get(0).group(1);
            assertThat(parameters).as(name).doesNotContain("double", "float");
            assertThat(parameters.split(",", -1)).as(name).hasSizeLessThanOrEqualTo(6);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"ffm", "jna"})
    void everySystemCallNumberIsAuditedOnBothArchitectures(String backend) throws Exception {
        Map<String, List<Long>> audited = audited();
        List<MatchResult> calls = matches(
                SYSTEM_CALL,
                BINDINGS.resolve(backend + "/src/main/java/org/percpu/bindings/" + backend + "/SystemCall.java"));
        assertThat(calls).isNotEmpty();
        for (MatchResult call : calls) {
            String name = "SYS_" + call.group(1).toLowerCase(Locale.ROOT);
            assertThat(audited.get(name))
                    .as(name)
                    .containsExactly(Long.parseLong(call.group(2)), Long.parseLong(call.group(3)));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "CONSTANT(RLIMIT_RTPRIO, 14)",
                "SIZE(struct rlimit, 16)",
                "FIELD(siginfo_t, si_value, 24, 8)",
                "FUNCTION(pthread_kill, int (*)(pthread_t, int))"
            })
    void theCompilerAcceptsTheAuditAndRefusesItWithAnErrorPlanted(String line, @TempDir Path folder) throws Exception {
        String audit = Files.readString(AUDIT);
        assertThat(audit).contains(line);
        String planted = line.replace("14)", "15)")
                .replace("16)", "8)")
                .replace("24", "16")
                .replace("(pthread_t, int)", "(pthread_t, long)");
        assertThat(planted).isNotEqualTo(line);
        Path file = folder.resolve("planted.c");

        Files.writeString(file, audit);
        assertThat(compile(folder, file)).isEqualTo(new Command(0, ""));

        Files.writeString(file, audit.replace(line, planted));
        Command refused = compile(folder, file);
        assertThat(refused.status()).isNotZero();
        assertThat(refused.output()).containsPattern("static.assert");
    }

    private static Command compile(Path folder, Path file) throws Exception {
        if (Command.run(folder, "sh", "-c", "command -v cc").status() != 0) {
            Command.skip("there is no C compiler named cc on PATH");
        }
        return Command.run(
                folder,
                "cc",
                "-std=c11",
                "-D_GNU_SOURCE",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-fsyntax-only",
                file.toString());
    }

    /** The values of each name, in the order of the lines: x86-64 first where they differ. */
    private static Map<String, List<Long>> audited() throws IOException {
        Map<String, List<Long>> audited = new HashMap<>();
        for (MatchResult constant : matches(CONSTANT, AUDIT)) {
            audited.computeIfAbsent(constant.group(1), name -> new ArrayList<>())
                    .add(Long.decode(constant.group(2)));
        }
        return audited;
    }

    private static List<MatchResult> matches(Pattern pattern, Path file) throws IOException {
        return pattern.matcher(Files.readString(file)).results().toList();
    }
}
