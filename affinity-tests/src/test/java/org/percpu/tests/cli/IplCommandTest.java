// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.SplSupport;

@Timeout(60)
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
            if (signal != 0 && ipl != Ipl.IPI) {
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
    void badInputIsOneLineAndStatusTwo() {
        assertThat(run("ipl", "--level", "top")).isEqualTo(ExitStatus.BAD_INPUT);
        assertThat(run("ipl", "--mode", "hasty")).isEqualTo(ExitStatus.BAD_INPUT);
        assertThat(run("ipl", "--period", "1")).isEqualTo(ExitStatus.BAD_INPUT);
        assertThat(err.toString(StandardCharsets.UTF_8).lines())
                .hasSize(3)
                .allMatch(line -> line.startsWith("percpu ipl: "));
    }
}
