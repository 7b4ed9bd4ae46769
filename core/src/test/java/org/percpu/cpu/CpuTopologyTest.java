// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.percpu.cpu.MachineFiles.CPU;

import java.io.File;
import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.percpu.cpu.Cpu.Kind;

class CpuTopologyTest {
    private static CpuTopology read(Machines machine, Path root) {
        return CpuTopology.read(machine.files().writeTo(root), machine.allowed());
    }

    private static CpuTopology readZip(MachineFiles files, CpuSet allowed, Path folder) throws IOException {
        try (FileSystem machine = FileSystems.newFileSystem(files.zipTo(folder.resolve("machine.zip")))) {
            return CpuTopology.read(machine.getPath("/"), allowed);
        }
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "HUGE_1536") // which has a test of its own
    void everyMachineMakesSense(Machines machine, @TempDir Path root) {
        CpuTopology topology = read(machine, root);
        assertMakesSense(topology, machine.allowed());
        if (machine.broken()) {
            assertThat(topology.problems()).isNotEmpty();
            assertThat(topology.complete()).isFalse();
        } else {
            assertThat(topology.problems()).isEmpty();
            assertThat(topology.complete()).isTrue();
        }
    }

    static void assertMakesSense(CpuTopology topology, CpuSet allowed) {
        List<Cpu> cpus = topology.cpus();
        assertThat(cpus).isSortedAccordingTo((a, b) -> Integer.compare(a.id(), b.id()));
        assertThat(cpus).extracting(Cpu::id).doesNotHaveDuplicates();
        assertThat(CpuSet.of(cpus.stream().mapToInt(Cpu::id).toArray())).isEqualTo(topology.present());

        assertThat(topology.allowed()).isEqualTo(allowed);
        assertThat(topology.usable().containsAll(allowed)).isTrue();
        assertThat(topology.online().containsAll(topology.usable())).isTrue();
        assertThat(topology.present().containsAll(topology.online())).isTrue();
        assertThat(topology.possible().containsAll(topology.present())).isTrue();
        assertThat(topology.online().or(topology.offline())).isEqualTo(topology.present());
        assertThat(topology.online().and(topology.offline())).isEmpty();

        List<Cpu> allowedCpus = topology.allowedCpus();
        assertThat(allowedCpus).extracting(Cpu::id).containsExactlyElementsOf(allowed);
        for (int index = 0; index < allowedCpus.size(); index++) {
            assertThat(allowedCpus.get(index).index()).isEqualTo(index);
        }
        assertThat(topology.resolve(allowed)).isEqualTo(allowedCpus);
        assertThat(topology.resolve(topology.usable()))
                .extracting(Cpu::index)
                .containsExactlyInAnyOrderElementsOf(
                        CpuSet.range(0, topology.usable().size() - 1));

        CpuSet inCores = CpuSet.empty();
        for (CpuSet core : topology.cores()) {
            assertThat(core).isNotEmpty();
            assertThat(inCores.and(core)).as("CPUs in two cores").isEmpty();
            inCores = inCores.or(core);
        }
        assertThat(inCores).isEqualTo(topology.online());
        assertThat(topology.packages().values().stream().reduce(CpuSet.empty(), CpuSet::or))
                .isEqualTo(topology.online());

        for (Cpu cpu : cpus) {
            assertThat(topology.cpu(cpu.id())).isSameAs(cpu).hasToString("cpu" + cpu.id());
            assertThat(cpu.online()).isEqualTo(topology.online().contains(cpu.id()));
            assertThat(cpu.isolated()).isEqualTo(topology.isolated().contains(cpu.id()));
            assertThat(cpu.allowed()).isEqualTo(allowed.contains(cpu.id()));
            assertThat(cpu.usable()).isEqualTo(cpu.index() >= 0);
            assertThat(cpu.usable()).isEqualTo(topology.usable().contains(cpu.id()));
            assertThat(cpu.siblings()).contains(cpu.id());
            for (int sibling : cpu.siblings()) {
                assertThat(topology.cpu(sibling).siblings()).isEqualTo(cpu.siblings());
            }
            if (cpu.online()) {
                assertThat(topology.cores()).contains(cpu.siblings());
                assertThat(topology.packages().get(cpu.packageId())).contains(cpu.id());
            } else {
                assertThat(cpu.siblings()).containsExactly(cpu.id());
            }
            topology.nodes()
                    .forEach((node, of) -> assertThat(of.contains(cpu.id())).isEqualTo(cpu.node() == node));
            assertThat(cpu.capacity()).matches(capacity -> capacity == -1 || (capacity >= 1 && capacity <= 1024));
            assertThat(cpu.maxFrequencyKHz()).isGreaterThanOrEqualTo(-1);
            assertThat(cpu.caches()).allSatisfy(cache -> {
                assertThat(cache.level()).isPositive();
                assertThat(cache.shared()).contains(cpu.id());
            });
        }
        assertThat(topology.problems())
                .allSatisfy(line -> assertThat(line).isNotBlank().doesNotContain("\n"));
        assertThat(topology.source()).isNotBlank();

        for (Placement placement : Placement.values()) {
            int most = placement == Placement.ONE_PER_CORE
                    ? (int) allowedCpus.stream().map(Cpu::siblings).distinct().count()
                    : allowed.size();
            assertThat(placement.choose(topology, most))
                    .hasSize(most)
                    .doesNotHaveDuplicates()
                    .allMatch(Cpu::allowed)
                    .startsWith(placement.choose(topology, 1).get(0));
        }
    }

    @Test
    void theCapturedMachineHasTwoCoresThatShareALastLevelCache(@TempDir Path root) {
        CpuTopology topology = read(Machines.CAPTURED_EPYC_VM, root);
        assertThat(topology.cores()).containsExactly(CpuSet.of(0), CpuSet.of(1));
        assertThat(topology.packages()).isEqualTo(Map.of(0, CpuSet.range(0, 1)));
        assertThat(topology.nodes()).isEqualTo(Map.of(0, CpuSet.range(0, 1)));
        assertThat(topology.cpuset()).contains(CpuSet.range(0, 1));
        assertThat(topology.offline()).isEmpty();
        Cpu cpu = topology.cpu(1);
        assertThat(cpu.coreId()).isEqualTo(1);
        assertThat(cpu.capacity()).isEqualTo(1024);
        assertThat(cpu.kind()).isEqualTo(Kind.UNIFORM);
        assertThat(cpu.maxFrequencyKHz()).isEqualTo(-1);
        assertThat(cpu.caches())
                .containsExactly(
                        new Cpu.Cache(1, "Data", 32 << 10, CpuSet.of(1)),
                        new Cpu.Cache(1, "Instruction", 32 << 10, CpuSet.of(1)),
                        new Cpu.Cache(2, "Unified", 1 << 20, CpuSet.of(1)),
                        new Cpu.Cache(3, "Unified", 32 << 20, CpuSet.of(0, 1)));
    }

    @Test
    void moreThan1024CpusAreNoLimit(@TempDir Path root) throws IOException {
        CpuTopology topology = readZip(Machines.HUGE_1536.files(), Machines.HUGE_1536.allowed(), root);
        assertMakesSense(topology, Machines.HUGE_1536.allowed());
        assertThat(topology.problems()).isEmpty();
        assertThat(topology.cpus()).hasSize(1536);
        assertThat(topology.cores()).hasSize(768).contains(CpuSet.of(500, 1268));
        assertThat(topology.packages()).hasSize(2);
        assertThat(topology.nodes()).hasSize(8);
        assertThat(topology.cpu(1535).node()).isEqualTo(7);
        assertThat(topology.cpu(1535).packageId()).isEqualTo(1);
        assertThat(topology.allowed().toMask()).hasSize(24);
        assertThat(topology.possible().last()).isEqualTo(2047);
    }

    @Test
    void kernelsBefore53NameTheListOfSiblingsOtherwise(@TempDir Path root) {
        MachineFiles files = Machines.NUMA4.files();
        for (int cpu = 0; cpu < 16; cpu++) {
            String topology = CPU + "cpu" + cpu + "/topology/";
            files.put(topology + "thread_siblings_list", files.get(topology + "core_cpus_list"))
                    .remove(topology + "core_cpus_list");
        }
        CpuTopology topology = CpuTopology.read(files.writeTo(root), Machines.NUMA4.allowed());
        assertThat(topology.problems()).isEmpty();
        assertThat(topology.cpu(3).siblings()).hasToString("3,11");
    }

    @Test
    void numbersMayHaveGapsAndTheIndexHasNone(@TempDir Path root) {
        CpuTopology topology = read(Machines.GAPS, root);
        assertThat(topology.present()).hasToString("0-3,8-11,64,200");
        assertThat(topology.allowedCpus()).extracting(Cpu::id).containsExactly(2, 9, 200);
        assertThat(topology.allowedCpus()).extracting(Cpu::index).containsExactly(0, 1, 2);
        assertThat(topology.cpu(3).index()).isEqualTo(-1);
        assertThat(topology.nodes()).containsOnlyKeys(0, 4);
        assertThat(topology.allowed(cpu -> cpu.node() == 4)).isEqualTo(CpuSet.of(200));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> topology.cpu(4))
                .withMessage("CPU 4 does not exist: present are 0-3,8-11,64,200");
    }

    @Test
    void anOfflineCpuIsPresentAndInNoCore(@TempDir Path root) {
        CpuTopology topology = read(Machines.OFFLINE, root);
        assertThat(topology.offline()).hasToString("4-5,7");
        assertThat(topology.possible()).hasToString("0-15");
        assertThat(topology.cores()).containsExactly(CpuSet.of(0, 1), CpuSet.of(2, 3), CpuSet.of(6));
        Cpu offline = topology.cpu(7);
        assertThat(offline.online()).isFalse();
        assertThat(offline.coreId()).isEqualTo(-1);
        assertThat(offline.node()).isEqualTo(-1);
        assertThat(offline.caches()).isEmpty();
    }

    @Test
    void hybridCoresAreToldApartByTheirMonitors(@TempDir Path root) {
        CpuTopology topology = read(Machines.HYBRID_6P_8E, root);
        assertThat(topology.cores()).hasSize(14);
        assertThat(topology.allowed(cpu -> cpu.kind() == Kind.PERFORMANCE)).hasToString("0-11");
        assertThat(topology.allowed(cpu -> cpu.kind() == Kind.EFFICIENCY)).hasToString("12-19");
        assertThat(topology.cpu(3).siblings()).hasToString("2-3");
        assertThat(topology.cpu(13).siblings()).hasToString("13");
        assertThat(topology.cpu(13).caches().get(1))
                .isEqualTo(new Cpu.Cache(2, "Unified", 2 << 20, CpuSet.range(12, 15)));
        assertThat(topology.cpu(13).caches().get(2).sizeBytes()).isEqualTo(24 << 20);
        assertThat(topology.cpu(0).maxFrequencyKHz()).isEqualTo(4_800_000);
        assertThat(topology.cpu(12).maxFrequencyKHz()).isEqualTo(3_500_000);
        assertThat(topology.cpu(0).capacity()).isEqualTo(-1);
    }

    @Test
    void aHybridCpuThatNoMonitorCoversIsOfUnknownKind(@TempDir Path root) {
        MachineFiles files = Machines.HYBRID_6P_8E.files().put("sys/devices/cpu_atom/cpus", "12-15");
        CpuTopology topology = CpuTopology.read(files.writeTo(root), CpuSet.range(0, 19));
        assertThat(topology.allowed(cpu -> cpu.kind() == Kind.UNKNOWN)).hasToString("16-19");
    }

    @Test
    void unlikeCoresOfArmAreToldApartByCapacity(@TempDir Path root) {
        CpuTopology topology = read(Machines.BIG_LITTLE, root);
        assertThat(topology.allowed(cpu -> cpu.kind() == Kind.EFFICIENCY)).hasToString("0-3");
        assertThat(topology.allowed(cpu -> cpu.kind() == Kind.PERFORMANCE)).hasToString("4-7");
        assertThat(topology.cpu(5).capacity()).isEqualTo(905);
    }

    @Test
    void coreNumbersThatRepeatInEachPackageDoNotMergeCores(@TempDir Path root) {
        CpuTopology topology = read(Machines.SMT4, root);
        assertThat(topology.cores()).hasSize(8).allMatch(core -> core.size() == 4);
        assertThat(topology.cpu(17).coreId()).isEqualTo(topology.cpu(1).coreId());
        assertThat(topology.cpu(17).siblings()).hasToString("17,21,25,29");
        assertThat(topology.nodes()).isEmpty();
        assertThat(topology.cpu(17).node()).isEqualTo(-1);
    }

    @Test
    void aNodeWithoutCpusIsANode(@TempDir Path root) {
        CpuTopology topology = read(Machines.NUMA4, root);
        assertThat(topology.nodes()).containsOnlyKeys(0, 1, 2, 3, 4).containsEntry(4, CpuSet.empty());
        assertThat(topology.allowed(cpu -> cpu.node() == 2)).hasToString("4-5,12-13");
    }

    @Test
    void theCpusetIsFoundThroughTheMountOfAContainer(@TempDir Path root) {
        assertThat(read(Machines.CGROUP_V1_CONTAINER, root).cpuset()).contains(CpuSet.range(2, 3));
    }

    @Test
    void aGroupWithoutTheControllerHasTheCpusetOfItsParent(@TempDir Path root) {
        assertThat(read(Machines.CGROUP_V2_NESTED, root).cpuset()).contains(CpuSet.range(1, 2));
    }

    @Test
    void oldKernelsHaveNoEffectiveSetInVersion1(@TempDir Path root) {
        MachineFiles files = Machines.CGROUP_V1_CONTAINER.files().remove("sys/fs/cgroup/cpu set/cpuset.effective_cpus");
        assertThat(CpuTopology.read(files.writeTo(root), CpuSet.of(2)).cpuset()).contains(CpuSet.range(0, 3));
    }

    @Test
    void aGroupOutsideTheMountDoesNotLeadOutOfIt(@TempDir Path root) {
        MachineFiles files = Machines.CGROUP_V2_NESTED
                .files()
                .put("proc/self/cgroup", "0::/../../secret")
                .put("sys/secret/cpuset.cpus.effective", "0");
        assertThat(CpuTopology.read(files.writeTo(root), CpuSet.of(1)).cpuset()).isEmpty();
    }

    @Test
    void withoutAControllerThereIsNoCpuset(@TempDir Path root) {
        CpuTopology topology = read(Machines.ISOLATED, root);
        assertThat(topology.cpuset()).isEmpty();
        assertThat(topology.problems()).isEmpty();
    }

    @Test
    void isolatedCpusAreMarkedAndCanBeLeftOut(@TempDir Path root) {
        CpuTopology topology = read(Machines.ISOLATED, root);
        assertThat(topology.isolated()).hasToString("2-3");
        assertThat(topology.allowed(cpu -> !cpu.isolated())).hasToString("0-1");
    }

    @Test
    void anEmptySysfsLeavesTheAllowedCpusAsUniformOnes(@TempDir Path root) {
        CpuTopology topology = read(Machines.BROKEN_EMPTY, root);
        assertThat(topology.problems())
                .containsExactly(
                        "/sys/devices/system/cpu/: no such folder; took the allowed CPUs as uniform, each a core of"
                                + " its own");
        assertThat(topology.cpus()).extracting(Cpu::id).containsExactly(1, 3);
        assertThat(topology.cpus()).extracting(Cpu::kind).containsOnly(Kind.UNIFORM);
        assertThat(topology.source()).isEqualTo("allowed CPUs only, no sysfs below " + root);
    }

    @Test
    void aRootThatDoesNotExistIsLikeAnEmptyOne(@TempDir Path root) {
        assertMakesSense(CpuTopology.read(root.resolve("nowhere"), CpuSet.of(7)), CpuSet.of(7));
    }

    @Test
    void withoutListsTheFoldersTellWhatIsPresent(@TempDir Path root) {
        CpuTopology topology = read(Machines.BROKEN_NO_LISTS, root);
        assertThat(topology.present()).hasToString("0-3");
        assertThat(topology.online()).hasToString("0-3");
        assertThat(topology.problems())
                .containsExactly(
                        "/sys/devices/system/cpu/present: names no CPU; took those that have a folder or are allowed",
                        "/sys/devices/system/cpu/online: names no CPU; took all present ones",
                        "/sys/devices/system/cpu/possible: no list; took the present CPUs",
                        "/sys/devices/system/cpu/isolated: no list; took none");
    }

    @Test
    void cpusWithTheSameProblemShareALine(@TempDir Path root) {
        CpuTopology topology = read(Machines.BROKEN_NO_TOPOLOGY, root);
        assertThat(topology.problems()).containsExactly("CPUs 1-2: topology is missing; took it as a core of its own");
    }

    @Test
    void garbageIsQuotedOnOneLine(@TempDir Path root) {
        assertThat(read(Machines.BROKEN_GARBAGE, root).problems())
                .contains(
                        "/sys/devices/system/cpu/present: not a CPU list, but \"3-? garbage \u00c3\u00a9"
                                + " 0-99999999999999999999\"",
                        "CPU 0: cpu_capacity: not a number, but \"3-? garbage \u00c3\u00a9 0-99999999999999999999\"",
                        "CPU 0: cache/index0/: level or type is missing or unknown; left this cache out");
    }

    @Test
    void whatCannotBeReadSaysWhy(@TempDir Path root) {
        assertThat(read(Machines.BROKEN_UNREADABLE, root).problems())
                .contains(
                        "/sys/devices/system/cpu/present: cannot be read, Is a directory",
                        "/sys/devices/system/node/: cannot be listed, not a directory",
                        "CPU 3: topology/core_id: cannot be read, Is a directory");
    }

    @Test
    void theSchedulerIsBelievedRatherThanAVirtualSysfs(@TempDir Path root) {
        CpuTopology topology = read(Machines.BROKEN_ONLINE_RENUMBERED, root);
        assertThat(topology.online()).hasToString("0-3");
        assertThat(topology.problems())
                .containsExactly("/sys/devices/system/cpu/online: says 0-1, yet the scheduler allows 2-3; took those as"
                        + " online, too");
    }

    @Test
    void siblingsThatDisagreeAreCoresOfTheirOwn(@TempDir Path root) {
        CpuTopology topology = read(Machines.BROKEN_CONTRADICTIONS, root);
        assertThat(topology.cores()).hasSize(4);
        assertThat(topology.cpu(2).node()).isEqualTo(0);
        assertThat(topology.problems())
                .containsExactly(
                        "/sys/devices/system/node/node1/cpulist: names CPUs of a node before it, 2; left them there",
                        "CPUs 0,3: disagrees with its siblings about who they are; took it as a core of its own");
    }

    @Test
    void damageAnywhereNeverThrows(@TempDir Path root) {
        List<String> damage = List.of("", "-1", "0-9", "x", "4,", "2147483648", "0\n1", "\u0000", "12K", "0-1048576");
        List<Machines> victims = List.of(
                Machines.CAPTURED_EPYC_VM, Machines.OFFLINE, Machines.CGROUP_V1_CONTAINER, Machines.CGROUP_V2_NESTED);
        Random random = new Random(7);
        for (int round = 0; round < 200; round++) {
            Machines machine = victims.get(round % victims.size());
            MachineFiles files = machine.files();
            for (String path : files.paths()) {
                if (random.nextInt(4) == 0) {
                    files.remove(path);
                } else if (random.nextInt(4) == 0 && !path.endsWith("/")) {
                    files.put(path, damage.get(random.nextInt(damage.size())));
                }
            }
            CpuSet allowed = machine.allowed();
            assertThatCode(() -> assertMakesSense(readZip(files, allowed, root), allowed))
                    .as("round %d", round)
                    .doesNotThrowAnyException();
        }
    }

    @Test
    void requestedCpusAreResolvedOrEachOneIsRefusedWithItsReason(@TempDir Path root) {
        CpuTopology topology = read(Machines.OFFLINE, root);
        assertThat(topology.resolve(CpuSet.of(6, 0))).extracting(Cpu::id).containsExactly(0, 6);
        String outside =
                "CPU 3 is outside the usable set 0-2,6, for a reason that the files do not tell; it is most often the"
                        + " cpuset: widen it by AllowedCPUs=0-3,6 in its systemd unit or --cpuset-cpus 0-3,6 for its container";
        assertRefused(topology, "", "the CPU list is empty: name at least one of the usable CPUs 0-2,6");
        assertRefused(topology, "0,9", "CPU 9 is not present: the machine has 0-7");
        assertRefused(topology, "5", "CPU 5 is offline: online with: echo 1 > /sys/devices/system/cpu/cpu5/online");
        assertRefused(topology, "3", outside);
        assertRefused(
                topology,
                "1-99",
                "CPUs 8-99 are not present: the machine has 0-7; CPUs 4-5,7 are offline: online with: chcpu -e 4-5,7; "
                        + outside);
    }

    private static void assertRefused(CpuTopology topology, String list, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> topology.resolve(CpuSet.parseKernel(list)))
                .withMessage(message);
    }

    @Test
    void uniformCpusNeedNoFiles() {
        CpuTopology topology = CpuTopology.uniform(CpuSet.parse("1,5,70"));
        assertMakesSense(topology, CpuSet.parse("1,5,70"));
        assertThat(topology).hasToString("3 CPUs 1,5,70, allowed 1,5,70 (uniform CPUs, nothing read)");
    }

    @Test
    void anEmptyAllowedSetIsRefused(@TempDir Path root) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CpuTopology.read(root, CpuSet.empty()))
                .withMessage("the allowed set is empty: a process has at least one CPU");
    }

    @Test
    void theCaptureScriptPrintsWhatTheReaderNeeds(@TempDir Path root) throws IOException, InterruptedException {
        MachineFiles machine = Machines.NUMA4.files().put(CPU + "cpu0/cpu_capacity", "1000");
        machine.put("proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-15")
                .put("proc/self/cgroup", "0::/a\\b")
                .put("proc/self/mountinfo", "25 20 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw");
        Path files = Files.createDirectory(root.resolve("machine"));
        machine.writeTo(files);
        Path script = root.resolve("capture");
        try (var in = CpuTopologyTest.class.getResourceAsStream("/topology/capture")) {
            assertThat(in).isNotNull();
            Files.write(script, in.readAllBytes());
        }
        File output = root.resolve("captured.txt").toFile();
        int status = new ProcessBuilder("sh", script.toString(), files.toString())
                .redirectOutput(output)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start()
                .waitFor();
        assertThat(status).isZero();
        MachineFiles again = MachineFiles.of(Files.readString(output.toPath()));
        assertThat(again.get("proc/self/cgroup")).isEqualTo("0::/a\\b");
        assertThat(again.get("proc/self/status")).isEqualTo("Cpus_allowed_list:\t0-15");
        CpuTopology copy =
                CpuTopology.read(again.writeTo(Files.createDirectory(root.resolve("copy"))), CpuSet.range(0, 15));
        assertThat(copy.cores())
                .isEqualTo(CpuTopology.read(files, CpuSet.range(0, 15)).cores());
        assertThat(copy.nodes()).hasSize(5);
        assertThat(copy.problems()).isEmpty();
    }
}
