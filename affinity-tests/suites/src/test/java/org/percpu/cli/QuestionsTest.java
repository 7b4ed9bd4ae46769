// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.bindings.spi.Backend;
import org.percpu.cpu.CpuTopology;

/** {@code percpu topology} and {@code percpu check}. */
@Tag("once")
class QuestionsTest {
    @Test
    void topologyShowsEveryCpu() {
        Percpu answer = Percpu.here("topology");
        assertThat(answer.status()).isZero();
        assertThat(answer.out())
                .contains("allowed   " + CpuTopology.system().allowed())
                .contains("siblings");
    }

    @Test
    void topologyIsAvailableAsData() throws IOException {
        CpuTopology topology = CpuTopology.system();
        Map<String, Object> answer = Percpu.here("topology", "--json").json();
        assertThat(answer)
                .containsEntry("allowed", topology.allowed().toString())
                .containsEntry("online", topology.online().toString())
                .containsKeys("isolated", "cpuset", "packages", "nodes", "cores", "problems");
        assertThat((List<?>) answer.get("cpus")).hasSize(topology.cpus().size());
    }

    @Test
    @DisplayName("topology and check tell usable, default and isolated CPUs apart")
    void threeSetsAreToldApart() throws IOException {
        CpuTopology topology = CpuTopology.system();
        assertThat(Percpu.here("topology").out())
                .contains("usable    " + topology.usable())
                .contains("default   " + topology.allowed())
                .contains("isolated  ");
        assertThat(Percpu.here("topology", "--json").json())
                .containsEntry("usable", topology.usable().toString())
                .containsEntry("default", topology.allowed().toString())
                .containsEntry("isolated", topology.isolated().toString());
        assertThat(Percpu.objects(Percpu.here("check", "--json").json(), "checks"))
                .extracting(one -> one.get("name"))
                .contains("usable CPUs", "default CPUs", "isolated CPUs");
    }

    /** A machine of four CPUs, two of them isolated, on which the process was started with the other two. */
    private static Path machine(Path root) throws IOException {
        Path cpu = root.resolve("sys/devices/system/cpu");
        Map<String, String> files =
                Map.of("present", "0-3", "online", "0-3", "possible", "0-3", "isolated", "2-3", "nohz_full", "(null)");
        Files.createDirectories(cpu);
        for (Map.Entry<String, String> file : files.entrySet()) {
            Files.writeString(cpu.resolve(file.getKey()), file.getValue() + "\n");
        }
        for (int id = 0; id < 4; id++) {
            Path topology = Files.createDirectories(cpu.resolve("cpu" + id + "/topology"));
            Files.writeString(topology.resolve("core_id"), id + "\n");
            Files.writeString(topology.resolve("physical_package_id"), "0\n");
            Files.writeString(topology.resolve("core_cpus_list"), id + "\n");
        }
        Path self = Files.createDirectories(root.resolve("proc/self"));
        Files.writeString(self.resolve("status"), "Name:\tx\nCpus_allowed_list:\t0-1\n");
        return root;
    }

    @Test
    @DisplayName("topology --root reads a captured machine, as a folder and as the text that the capture script prints")
    void aCapturedMachineIsRead(@TempDir Path folder) throws IOException, InterruptedException {
        Path machine = machine(folder.resolve("machine"));
        Path text = folder.resolve("machine.txt");
        Percpu capture = Percpu.program(
                Path.of("."),
                List.of(
                        "sh",
                        Path.of("../..", "core/src/test/resources/topology/capture")
                                .toString(),
                        machine.toString()));
        assertThat(capture.status()).as(capture.err()).isZero();
        Files.writeString(text, capture.out());
        for (Path root : List.of(machine, text)) {
            Percpu answer = Percpu.here("topology", "--root", root.toString());
            assertThat(answer.out())
                    .contains("usable    0-3 (4 of 4", "default   0-1", "isolated  2-3", "nohz_full none")
                    .doesNotContain("note: ");
            assertThat(answer.status()).isZero();
            assertThat(Percpu.here("topology", "--root", root.toString(), "--json", "--allowed", "1-2")
                            .json())
                    .containsEntry("default", "1-2")
                    .containsEntry("usable", "1-3")
                    .containsEntry("problems", List.of());
        }
    }

    @Test
    @DisplayName("topology --root of what is no machine is bad input")
    void whatIsNoMachineIsBadInput(@TempDir Path folder) throws IOException {
        Path text = Files.writeString(folder.resolve("text"), "hello\n../../outside = 1\n");
        for (String root : List.of(folder.toString(), folder.resolve("nowhere").toString(), text.toString())) {
            Percpu answer = Percpu.here("topology", "--root", root);
            assertThat(answer.err())
                    .contains("--root")
                    .contains("name a folder that holds sys and proc")
                    .hasLineCount(1);
            assertThat(answer.status()).isEqualTo(ExitStatus.BAD_INPUT);
        }
        Percpu answer = Percpu.here("topology", "--allowed", "0");
        assertThat(answer.err()).contains("--allowed goes with --root").hasLineCount(1);
        assertThat(answer.status()).isEqualTo(ExitStatus.BAD_INPUT);
        answer = Percpu.here("topology", "--root", machine(folder.resolve("m")).toString(), "--allowed", "x");
        assertThat(answer.err()).contains("--allowed 'x': x: not a CPU number").hasLineCount(1);
    }

    @Test
    void checkTriesAndEveryNoHasARemedy() throws IOException {
        Percpu check = Percpu.here("check", "--json");
        assertThat(check.status()).isZero();
        Map<String, Object> answer = check.json();
        assertThat(answer).containsEntry("pinning", true).containsKey("realtime");
        List<Map<String, Object>> checks = Percpu.objects(answer, "checks");
        assertThat(checks)
                .extracting(one -> one.get("name"))
                .contains(
                        "backend",
                        "pinning",
                        "real-time",
                        "native access",
                        "cgroup cpuset",
                        "RLIMIT_RTPRIO",
                        "CAP_SYS_NICE",
                        "real-time share",
                        "isolated CPUs",
                        "kernel",
                        "java");
        assertThat(checks)
                .filteredOn(one -> Boolean.FALSE.equals(one.get("ok")))
                .allSatisfy(one -> assertThat(one.get("remedy")).isNotNull());
        assertThat(Percpu.member(checks.get(0), "detail").toString())
                .startsWith(Backend.linux().backend());
    }

    @Test
    void checkForPeopleSaysWhichBackendAndWhy() {
        Percpu check = Percpu.here("check");
        assertThat(check.status()).isZero();
        assertThat(check.out()).contains("backend").contains(Backend.get().reason());
    }

    @Test
    void anUnknownBackendIsBadInputForTheMainJob() throws IOException, InterruptedException {
        List<String> command = List.of(
                Percpu.java(),
                "-D" + Backend.PROPERTY + "=ctypes",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                "run");
        Percpu answer = Percpu.program(Path.of("."), command);
        assertThat(answer.err())
                .contains("ctypes: no such backend")
                .contains("name ffm")
                .hasLineCount(1);
        assertThat(answer.status()).isEqualTo(ExitStatus.BAD_INPUT);
    }
}
