// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.percpu.bindings.spi.Backend;
import org.percpu.cpu.CpuTopology;

/** {@code percpu topology} and {@code percpu check}. */
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
