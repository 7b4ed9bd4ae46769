// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.percpu.bindings.spi.Backend;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;

/** The topology of the machine that the tests run on, compared with the kernel's own word. */
class SystemTopologyTest {
    /** What a child process prints of its topology. */
    static final class Report {
        private Report() {}

        public static void main(String[] args) {
            CpuTopology topology = CpuTopology.system();
            for (Cpu cpu : topology.allowedCpus()) {
                System.out.println("allowed " + topology.allowed() + " id " + cpu.id() + " index " + cpu.index());
            }
        }
    }

    private static CpuSet allowedByStatus() throws IOException {
        String key = "Cpus_allowed_list:";
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith(key))
                .map(line -> CpuSet.parse(line.substring(key.length())))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void allowedIsWhatTheKernelSaysOfThisProcess() throws IOException {
        CpuTopology topology = CpuTopology.system();
        assertThat(topology.allowed()).isEqualTo(allowedByStatus());
        assertThat(topology.online())
                .isEqualTo(CpuSet.parseKernel(Files.readString(Path.of("/sys/devices/system/cpu/online"))));
        topology.cpuset().ifPresent(cpuset -> assertThat(cpuset.containsAll(topology.allowed()))
                .isTrue());
        assertThat(CpuTopology.system()).isSameAs(topology);
    }

    @Test
    void aPinnedCallerDoesNotNarrowWhatIsAllowed() throws IOException, InterruptedException {
        CpuSet allowed = allowedByStatus();
        AtomicInteger pinned = new AtomicInteger(-1);
        AtomicReference<CpuTopology> seen = new AtomicReference<>();
        Thread thread = new Thread(() -> {
            pinned.set(Backend.linux()
                    .sched_setaffinity(0, CpuSet.of(allowed.last()).toMask()));
            seen.set(CpuTopology.refresh());
        });
        thread.start();
        thread.join();
        assertThat(pinned).hasValue(0);
        assertThat(seen.get().allowed()).isEqualTo(allowed);
        assertThat(CpuTopology.system()).isSameAs(seen.get());
    }

    @Test
    void underTasksetTheOneAllowedCpuHasIndexZero() throws IOException, InterruptedException {
        assumeTrue(
                Files.isExecutable(Path.of("/usr/bin/taskset")), "skipped: /usr/bin/taskset (util-linux) is missing");
        int cpu = allowedByStatus().last();
        assumeTrue(cpu > 0, "skipped: this process may use CPU 0 only, so that index and number cannot differ");
        List<String> command = new ArrayList<>(List.of(
                "/usr/bin/taskset",
                "-c",
                Integer.toString(cpu),
                Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        if (Runtime.version().feature() >= 22) {
            command.add("--enable-native-access=ALL-UNNAMED");
        }
        String backend = System.getProperty(Backend.PROPERTY);
        if (backend != null) {
            command.add("-D" + Backend.PROPERTY + "=" + backend);
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Report.class.getName()));
        Process child = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(child.waitFor()).as(output).isZero();
        assertThat(output.lines()).containsExactly("allowed " + cpu + " id " + cpu + " index 0");
    }
}
