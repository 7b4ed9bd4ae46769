// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The small things that the commands share. */
@Tag("once")
class TableAndDurationsTest {
    @ParameterizedTest
    @CsvSource({"1ns, 1", "20us, 20000", "500ms, 500000000", "10s, 10000000000", "2m, 120000000000"})
    void aDurationIsANumberWithAUnit(String text, long nanos) {
        assertThat(Durations.parse("--duration", text)).isEqualTo(nanos);
    }

    @Test
    void aTableIsAsWideAsItsCellsAndAlignsNumbersToTheRight() {
        Table table = new Table("name", "works>", "state");
        table.row("a", 7, "ok");
        table.row("longer", 123456, "");
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        table.print(new PrintStream(out, true, StandardCharsets.UTF_8));
        assertThat(out.toString(StandardCharsets.UTF_8).lines())
                .containsExactly("name     works  state", "a            7  ok", "longer  123456");
    }
}
