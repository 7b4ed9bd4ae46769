// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.cpu.CpuTopology;

@Tag("once")
@DisplayName("percpu timerlat")
class TimerlatCommandTest {
    @TempDir
    Path folder;

    @Test
    @DisplayName("has a row for each CPU and contender, with every expiry counted or missed")
    void json() throws Exception {
        Percpu.assumeProgram("cc");
        Percpu answer = Percpu.child(List.of(), "timerlat", "-D", "200ms", "-i", "500", "-P", "o:", "--json");
        assertThat(answer.status()).as(answer.err()).isEqualTo(ExitStatus.OK);
        Map<String, Object> json = answer.json();
        assertThat(json.get("policy")).isEqualTo("SCHED_OTHER");
        List<Map<String, Object>> rows = Percpu.objects(json, "lateness");
        for (String contender : List.of("callout", "c")) {
            List<Map<String, Object>> mine = rows.stream()
                    .filter(row -> contender.equals(row.get("contender")))
                    .toList();
            assertThat(mine).hasSize(CpuTopology.system().allowed().size());
            assertThat(mine).allSatisfy(row -> {
                // Each period has either come or been missed; the last ones that are missed may lie behind the end.
                assertThat(Percpu.number(row, "count")).isBetween(1L, 401L);
                assertThat(Percpu.number(row, "count") + Percpu.number(row, "missed"))
                        .isGreaterThanOrEqualTo(400L);
                assertThat(Percpu.number(row, "max")).isPositive();
                assertThat(row).containsKeys("p50", "p90", "p99", "p50ToC");
                assertThat(row.get("p99.9"))
                        .as("fewer than ten samples are above it")
                        .isNull();
            });
        }
    }

    @Test
    @DisplayName("without a C compiler says so and what to install, and measures the callouts")
    void withoutCompiler() throws Exception {
        Path source = folder.resolve("native/reference/timer.c");
        Files.createDirectories(source.getParent());
        Files.writeString(source, "int main(void) { return 0; }\n");
        Files.createFile(source.resolveSibling("common.h"));
        Path first = Files.createDirectory(folder.resolve("classes"));
        Percpu answer = Percpu.childWith(
                first + File.pathSeparator + System.getProperty("java.class.path"),
                List.of(Percpu.assumeProgram("env"), "PATH=" + first),
                "timerlat",
                "-c",
                Integer.toString(CpuTopology.system().allowed().first()),
                "-D",
                "50ms",
                "-P",
                "o:");
        assertThat(answer.status()).as(answer.err()).isEqualTo(ExitStatus.OK);
        assertThat(answer.out())
                .containsPattern("left out: c: .*no C compiler named cc on PATH.*apt-get install")
                .containsPattern("callout +[1-9]");
    }
}
