// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.cpu.CpuTopology;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.SplSupport;
import org.percpu.tests.support.Alone;
import org.percpu.tests.support.Machine;

@Timeout(180)
@Tag("once")
@Alone
class IplCommandTest {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    private int run(String... args) {
        return Main.run(
                new Streams(
                        new PrintStream(out, true, StandardCharsets.UTF_8),
                        new PrintStream(err, true, StandardCharsets.UTF_8)),
                args);
    }

    @Test
    void tableHasEveryLevelWithItsSignalAndTheKernelsMask() {
        assertThat(run("ipl", "--time", "0")).isEqualTo(ExitStatus.OK);
        String text = out.toString(StandardCharsets.UTF_8);
        for (Ipl ipl : Ipl.values()) {
            int signal = SplSupport.get().signals().get(ipl.rank());
            String row = text.lines()
                    .filter(line -> line.strip().matches(ipl.rank() + " +" + ipl + "\\b.*"))
                    .findFirst()
                    .orElseThrow(() -> new AssertionError("no row for " + ipl + ":\n" + text));
            if (signal != 0 && ipl != Ipl.IPI && SplSupport.get().library() != null) {
                assertThat(row).matches(".*\\b" + signal + " +(\\d+ )*" + signal + "\\b.*");
            }
        }
    }

    @Test
    void demonstrationLosesNoInterruptAndRunsNoneWhileMasked() {
        assertThat(run("ipl", "--time", "200", "--period", "2000")).isEqualTo(ExitStatus.OK);
        if (SplSupport.get().library() != null) {
            assertThat(out.toString(StandardCharsets.UTF_8))
                    .contains("run while masked 0")
                    .contains("when the level fell");
        }
    }

    @Test
    void latencyShowsEveryPlaceBesideC() {
        assertThat(run("ipl", "--latency", "--rounds", "2", "--samples", "25", "--period", "200"))
                .as(() -> err.toString(StandardCharsets.UTF_8))
                .isEqualTo(ExitStatus.OK);
        String text = out.toString(StandardCharsets.UTF_8);
        if (SplSupport.get().library() == null) {
            assertThat(text).contains("a signal needs libpercpu");
            return;
        }
        int[] cpus = CpuTopology.system().allowed().stream().toArray();
        assertThat(text).containsPattern("CPU " + cpus[cpus.length - 1] + ", the same +Java +50 +[0-9.]+ ");
        if (cpus.length > 1) {
            assertThat(text).containsPattern("CPU " + cpus[cpus.length - 2] + ", another +Java +50 +[0-9.]+ ");
        } else {
            assertThat(text).contains("left out: another CPU");
        }
        if (text.contains("left out: C")) {
            assertThat(text).contains("cc").doesNotContain("Java / C");
        } else {
            assertThat(text).containsPattern("\\n +C +50 +[0-9.]+ ").containsPattern("Java / C +[0-9]+\\.[0-9]{2} ");
        }
        // The bars of each program stand for all of its samples.
        assertThat(text.lines()
                        .filter(line -> line.startsWith("below "))
                        .mapToInt(line -> Integer.parseInt(line.split(" +", -1)[2]))
                        .sum())
                .isEqualTo(50 * Math.min(cpus.length, 2));
    }

    @Test
    void latencyWithoutACompilerSaysSoAndShowsTheRest(@TempDir Path folder) throws IOException, InterruptedException {
        Machine.skipUnless(
                SplSupport.get().library() != null,
                "needs libpercpu.so: " + SplSupport.get().reason());
        String classPath = RunCommandTest.readableClassPath(folder);
        Path sources = Files.createDirectories(folder.resolve("native/reference"));
        for (String name : List.of("common.h", "interrupt.c")) {
            Path copy = Files.copy(Path.of("../..", "native", "reference", name), sources.resolve(name));
            assertThat(copy).isRegularFile();
        }
        Percpu answer = Percpu.childWith(
                classPath,
                List.of(Percpu.assumeProgram("env"), "PATH=" + folder),
                "ipl",
                "--latency",
                "--rounds",
                "1",
                "--samples",
                "10",
                "--priority",
                "200");
        assertThat(answer.status()).as(answer.err()).isZero();
        assertThat(answer.out())
                .contains("left out: C: there is no C compiler named cc on PATH")
                .containsPattern("the same +Java +10 ")
                .doesNotContain("Java / C");
    }

    @Test
    void badInputIsOneLineAndStatusTwo() {
        assertThat(run("ipl", "--level", "top")).isEqualTo(ExitStatus.BAD_INPUT);
        assertThat(run("ipl", "--mode", "hasty")).isEqualTo(ExitStatus.BAD_INPUT);
        assertThat(run("ipl", "--period", "1")).isEqualTo(ExitStatus.BAD_INPUT);
        assertThat(run("ipl", "--latency", "--rounds", "0")).isEqualTo(ExitStatus.BAD_INPUT);
        assertThat(run("ipl", "--latency", "--samples", "-1")).isEqualTo(ExitStatus.BAD_INPUT);
        assertThat(run("ipl", "--latency", "--priority", "63")).isEqualTo(ExitStatus.BAD_INPUT);
        assertThat(err.toString(StandardCharsets.UTF_8).lines())
                .hasSize(6)
                .allMatch(line -> line.startsWith("percpu ipl: "));
    }
}
