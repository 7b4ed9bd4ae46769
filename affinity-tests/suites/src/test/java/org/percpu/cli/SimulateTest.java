// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.percpu.tests.support.Machine;

/** A simulated machine never passes for a real one. */
class SimulateTest {
    @BeforeAll
    static void once() {
        Machine.skipUnless(Machine.isSimulated(), "does not depend on the backend: runs with -Dpercpu.backend=sim");
    }

    static Percpu percpu(List<String> options, String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(Percpu.java(), "--enable-native-access=ALL-UNNAMED"));
        command.addAll(options);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
        command.addAll(List.of(arguments));
        return Percpu.program(Path.of("."), command);
    }

    @Test
    @DisplayName("run --simulate: banner, backend, masks and total of the table say that it is simulated")
    void theTable() throws IOException, InterruptedException {
        Percpu answer = percpu(List.of(), "run", "--simulate", "2x3x2", "--works", "1200");
        assertThat(answer.err()).isEmpty();
        assertThat(answer.status()).isZero();
        assertThat(answer.out())
                .contains("SIMULATED machine 2x3x2")
                .contains("backend sim, ")
                .doesNotContain("Linux")
                .contains("1200 works", "0 lost, 0 run twice, 0 run elsewhere (simulated)");
        List<String> rows =
                answer.out().lines().filter(line -> line.startsWith("percpu/")).toList();
        assertThat(rows).hasSize(12).allSatisfy(row -> assertThat(row).contains("simulated "));
    }

    @Test
    @DisplayName("run --simulate --json: the first member names the machine, and no mask reads like a real one")
    void theJson() throws IOException, InterruptedException {
        Percpu answer = percpu(List.of(), "run", "--simulate", "--works", "100", "--json");
        assertThat(answer.status()).isZero();
        Map<String, Object> run = answer.json();
        assertThat(run.keySet()).first().isEqualTo("simulated");
        assertThat(run)
                .containsEntry("simulated", "4")
                .containsEntry("backend", "sim")
                .containsEntry("kernel", "simulated machine 4")
                .containsEntry("lost", 0);
        assertThat(Percpu.objects(run, "cpus")).hasSize(4).allSatisfy(cpu -> assertThat(
                        Percpu.member(cpu, "allowed").toString())
                .startsWith("simulated "));
    }

    @Test
    @DisplayName(
            "-Dpercpu.backend=sim: run wants --simulate, commands that measure refuse, topology says what it shows")
    void nobodyGetsThereByAccident() throws IOException, InterruptedException {
        List<String> forced = List.of("-Dpercpu.backend=sim");
        Percpu run = percpu(forced, "run", "--works", "10");
        assertThat(run.status()).isEqualTo(ExitStatus.BAD_INPUT);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains("simulated machine", "--simulate");
        Percpu soak = percpu(forced, "soak");
        assertThat(soak.status()).isEqualTo(ExitStatus.BAD_INPUT);
        assertThat(soak.err()).contains("simulated machine", "leave it out");
        assertThat(percpu(forced, "topology").out()).contains("SIMULATED machine 4");
    }

    @Test
    @DisplayName("run --simulate refuses another backend and a machine that it does not understand, with what to write")
    void refusals() throws IOException, InterruptedException {
        Percpu both = percpu(List.of("-Dpercpu.backend=jna"), "run", "--simulate");
        assertThat(both.status()).isEqualTo(ExitStatus.BAD_INPUT);
        assertThat(both.err()).contains("--simulate and -Dpercpu.backend=jna exclude each other");
        Percpu shape = percpu(List.of(), "run", "--simulate", "two");
        assertThat(shape.status()).isEqualTo(ExitStatus.BAD_INPUT);
        assertThat(shape.err()).contains("\"two\"", "2x8x2");
    }
}
