// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which CPUs can be named, which are taken by default, and which are isolated. */
class UsableCpusTest {
    private static CpuTopology read(Machines machine, Path root) {
        return CpuTopology.read(machine.files().writeTo(root), machine.allowed());
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("The cpuset is that of the mount which shows the process's own group, and not known where none does")
    @CsvSource({
        "CGROUP_V2_HOST_BIND_MOUNT, ''",
        "CGROUP_V2_ENTERED, ''",
        "CGROUP_V2_ENTERED_WITH_HOST, 0-2",
        "CGROUP_V1_FOREIGN_FIRST, 1-2",
        "CGROUP_V2_HOST_FIRST, 1-2",
        "CGROUP_V1_HIDDEN_FIRST, 1-2",
        "CGROUP_V1_NO_PREFIX, 1-2",
        "CGROUP_V1_CPUSET_FILE_SYSTEM, 1-2",
        "BROKEN_CPUSET, ''",
    })
    void theCpusetIsThatOfTheOwnGroup(Machines machine, String cpuset, @TempDir Path root) {
        assertThat(read(machine, root).cpuset().orElse(CpuSet.empty())).hasToString(cpuset);
    }

    @Test
    @DisplayName("A cpuset that contradicts the scheduler is not known, and a problem says so")
    void aCpusetThatContradictsTheSchedulerIsNotKnown(@TempDir Path root) {
        assertThat(read(Machines.BROKEN_CPUSET, root).problems())
                .containsExactly(
                        "/proc/self/cgroup: leads to the cpuset 1-2, yet the scheduler allows 0-3; took it as not"
                                + " known");
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Isolated are the CPUs of isolcpus= and of isolated partitions")
    @CsvSource({
        "ISOLATED, 2-3",
        "ISOLATED_BY_COMMAND_LINE, 2-3",
        "ISOLATED_PARTITION, 1-3",
        "ISOLATED_OWN_PARTITION, 1-2",
        "ISOLATED_WITHOUT_LOAD_BALANCE, 3",
    })
    void isolatedAreThoseOfTheCommandLineAndOfPartitions(Machines machine, String isolated, @TempDir Path root) {
        assertThat(read(machine, root).isolated()).hasToString(isolated);
    }

    @ParameterizedTest(name = "{0} = {1}: {2}")
    @DisplayName(
            "Cpusets of version 1 isolate what none of them balances, if the real root is seen and balances nothing")
    @CsvSource({
        "cpuset.sched_load_balance, 1, ''",
        "system/cpuset.sched_load_balance, 0, 0-1 3",
        "rt/cpuset.sched_load_balance, 1, ''",
        "rt/shared/cpuset.sched_load_balance, 0, 2-3",
    })
    void cpusetsThatDoNotBalance(String file, String flag, String isolated, @TempDir Path root) {
        MachineFiles files = Machines.ISOLATED_WITHOUT_LOAD_BALANCE.files().put("sys/fs/cgroup/cpuset/" + file, flag);
        CpuTopology topology = CpuTopology.read(files.writeTo(root), CpuSet.range(0, 1));
        assertThat(topology.isolated()).hasToString(isolated.replace(' ', ','));
        assertThat(topology.problems()).isEmpty();
    }

    @Test
    @DisplayName("Where the real root of version 1 is not seen, nothing is said of load balancing")
    void aRootThatIsNone(@TempDir Path root) throws IOException {
        Path tree = Machines.ISOLATED_WITHOUT_LOAD_BALANCE.files().writeTo(root);
        Files.delete(tree.resolve("sys/fs/cgroup/cpuset/release_agent"));
        assertThat(CpuTopology.read(tree, CpuSet.range(0, 1)).isolated()).isEmpty();
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("A partition that is invalid, or not isolated, isolates nothing")
    @CsvSource({"isolated invalid (CPU 1 is taken)", "root", "member"})
    void aPartitionThatIsNotIsolatedIsolatesNothing(String state, @TempDir Path root) {
        MachineFiles files =
                Machines.ISOLATED_OWN_PARTITION.files().put("sys/fs/cgroup/fast/cpuset.cpus.partition", state);
        assertThat(CpuTopology.read(files.writeTo(root), CpuSet.range(1, 2)).isolated())
                .isEmpty();
    }

    @Test
    @DisplayName("Isolated CPUs are usable, not allowed by default, and have the numbers behind those that are")
    void isolatedCpusAreUsableAndNotAllowedByDefault(@TempDir Path root) {
        CpuTopology topology = read(Machines.ISOLATED_BY_COMMAND_LINE, root);
        assertThat(topology.allowed()).hasToString("0-1");
        assertThat(topology.usable()).hasToString("0-3");
        assertThat(topology.allowedCpus()).extracting(Cpu::id).containsExactly(0, 1);
        assertThat(topology.resolve(CpuSet.of(2, 3))).extracting(Cpu::index).containsExactly(2, 3);
        assertThat(topology.cpu(2).allowed()).isFalse();
        assertThat(topology.cpu(2).usable()).isTrue();
        assertThat(topology.usable(Cpu::isolated)).hasToString("2-3");
        assertThat(topology).hasToString("4 CPUs 0-3, usable 0-3, allowed 0-1 (sysfs below " + root + ")");
    }

    @Test
    @DisplayName("Where the cpuset is not known, isolated CPUs of a captured machine count as usable")
    void isolatedCpusAreUsableWhereTheCpusetIsNotKnown(@TempDir Path root) {
        CpuTopology topology = CpuTopology.read(Machines.ISOLATED.files().writeTo(root), CpuSet.range(0, 1));
        assertThat(topology.usable()).hasToString("0-3");
    }

    @Test
    @DisplayName(
            "A captured machine is read without its scheduler: the mask is that of its status file, else its cpuset, else what is online")
    void aCapturedMachineIsReadWithoutItsScheduler(@TempDir Path root) {
        MachineFiles files = Machines.ISOLATED_BY_COMMAND_LINE.files();
        assertThat(CpuTopology.read(files.writeTo(root.resolve("a"))).allowed()).hasToString("0-1");
        files.put("proc/self/status", "Cpus_allowed_list:\t0-127");
        assertThat(CpuTopology.read(files.writeTo(root.resolve("b"))).allowed()).hasToString("0-3");
        files.put("proc/self/status", "Cpus_allowed_list:\tnone");
        files.put("sys/fs/cgroup/cpuset.cpus.effective", "0-2");
        assertThat(CpuTopology.read(files.writeTo(root.resolve("c"))).allowed()).hasToString("0-2");
        assertThat(CpuTopology.read(Machines.OFFLINE.files().writeTo(root.resolve("d")))
                        .allowed())
                .hasToString("0-3,6");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CpuTopology.read(root.resolve("nowhere")))
                .withMessageContaining("nowhere names no CPU that is online");
    }

    private static CpuTopology asked(Machines machine, Path root, String granted, List<String> questions) {
        return CpuTopology.of(new TopologyReader(machine.files().writeTo(root), machine.allowed(), most -> {
                    questions.add(String.valueOf(most));
                    return granted.isEmpty() ? null : CpuSet.parse(granted);
                })
                .read());
    }

    @Test
    @DisplayName("The scheduler is asked for every possible CPU where the mask is not all that is online, and believed")
    void theSchedulerIsAskedAndBelieved(@TempDir Path root) {
        List<String> questions = new ArrayList<>();
        CpuTopology topology = asked(Machines.ISOLATED_BY_COMMAND_LINE, root.resolve("a"), "0-2", questions);
        assertThat(questions).containsExactly("0-3");
        assertThat(topology.usable()).hasToString("0-2");
        assertThat(topology.cpuset()).as("it says 0-3").isEmpty();

        questions.clear();
        assertThat(asked(Machines.BROKEN_EMPTY, root.resolve("b"), "1-3", questions)
                        .usable())
                .hasToString("1-3");
        assertThat(questions).containsExactly("null");

        questions.clear();
        asked(Machines.ISOLATED, root.resolve("c"), "0-3", questions);
        assertThat(questions).as("every CPU that is online is allowed").isEmpty();
    }

    @Test
    @DisplayName("A scheduler that refuses to say leaves the cpuset's word")
    void aSchedulerThatRefusesLeavesTheCpuset(@TempDir Path root) {
        CpuTopology topology = asked(Machines.ISOLATED_BY_COMMAND_LINE, root, "", new ArrayList<>());
        assertThat(topology.usable()).hasToString("0-3");
        assertThat(topology.cpuset()).contains(CpuSet.range(0, 3));
    }

    @Test
    @DisplayName(
            "A CPU outside the cpuset is refused with commands that write the whole set, the outermost group first")
    void aCpuOutsideTheCpusetIsRefusedWithTheWholeSetToWrite(@TempDir Path root) {
        MachineFiles files = Machines.CGROUP_V2_NESTED
                .files()
                .put("sys/fs/cgroup/batch.slice/cpuset.cpus", "1-2")
                .put("sys/fs/cgroup/batch.slice/job:1/cpuset.cpus", "2")
                .put("sys/fs/cgroup/batch.slice/job:1/worker/cpuset.cpus", "");
        CpuTopology topology = CpuTopology.read(files.writeTo(root), CpuSet.of(1));
        assertThat(topology.resolve(CpuSet.of(2)).get(0).allowed()).isFalse();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> topology.resolve(CpuSet.range(0, 3)))
                .withMessage(
                        "CPUs 0,3 are outside the usable set 1-2, because the cpuset of this process has 1-2: widen it"
                                + " with: echo 0-3 > /sys/fs/cgroup/batch.slice/cpuset.cpus && echo 0-3 >"
                                + " /sys/fs/cgroup/batch.slice/job:1/cpuset.cpus (or by AllowedCPUs=0-3 in its systemd unit or"
                                + " --cpuset-cpus 0-3 for its container)");
    }

    @Test
    @DisplayName("A group whose name is not ASCII is found, whatever the locale")
    void aGroupWhoseNameIsNotAsciiIsFound(@TempDir Path root) throws IOException {
        // Each char of the name is a byte; a name that is not UTF-8 is one, too.
        for (String name : List.of("gr\u00c3\u00bc\u00c3\u009fe", "\u00fc")) {
            Path machine = root.resolve(Integer.toString(name.length()));
            MachineFiles files = Machines.CGROUP_V2_NESTED.files();
            files.put("proc/self/cgroup", "").writeTo(machine);
            Files.write(
                    machine.resolve("proc/self/cgroup"),
                    ("0::/batch.slice/" + name).getBytes(StandardCharsets.ISO_8859_1));
            StringBuilder uri = new StringBuilder(machine.toUri() + "/sys/fs/cgroup/batch.slice/");
            name.chars().forEach(c -> uri.append(String.format(Locale.ROOT, "%%%02X", c)));
            Path group = Path.of(URI.create(uri.toString()));
            Files.createDirectories(group);
            Files.writeString(group.resolve("cpuset.cpus.effective"), "2\n");
            assertThat(CpuTopology.read(machine, CpuSet.of(2)).cpuset()).contains(CpuSet.of(2));
        }
    }
}
