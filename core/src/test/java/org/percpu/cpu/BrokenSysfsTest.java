// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.percpu.cpu.MachineFiles.CPU;

import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.cpu.Cpu.Kind;

/** Files of old kernels, sandboxes and odd firmware. */
class BrokenSysfsTest {
    private static CpuTopology read(Machines machine, Path root) {
        return CpuTopology.read(machine.files().writeTo(root), machine.allowed());
    }

    @Test
    @DisplayName("A list ends at its first zero byte")
    void aListEndsAtItsFirstZeroByte(@TempDir Path root) {
        CpuTopology topology = read(Machines.LISTS_WITH_NUL, root);
        assertThat(topology.cores())
                .containsExactly(CpuSet.of(0, 4), CpuSet.of(1, 5), CpuSet.of(2, 6), CpuSet.of(3, 7));
        assertThat(topology.nodes().values()).extracting(CpuSet::toString).containsExactly("0-1,4-5", "2-3,6-7");
        assertThat(topology.cpu(4).caches().get(0).shared()).hasToString("0,4");
        assertThat(topology.complete()).isTrue();
    }

    @Test
    @DisplayName("An empty core_cpus_list leaves the word to thread_siblings_list")
    void anEmptyListOfSiblingsLeavesTheWordToTheOlderOne(@TempDir Path root) {
        CpuTopology topology = read(Machines.EMPTY_CORE_CPUS_LIST, root);
        assertThat(topology.cores()).containsExactly(CpuSet.of(0, 1), CpuSet.of(2, 3));
        assertThat(topology.complete()).isTrue();
    }

    @Test
    @DisplayName("Masks are read where lists are missing")
    void masksAreReadWhereListsAreMissing(@TempDir Path root) {
        CpuTopology topology = read(Machines.MASKS, root);
        assertThat(topology.cores()).hasSize(20).contains(CpuSet.of(19, 39));
        assertThat(topology.nodes().values()).extracting(CpuSet::toString).containsExactly("0-19", "20-39");
        assertThat(topology.cpu(32).caches().get(0).shared()).hasToString("12,32");
        assertThat(topology.complete()).isTrue();
    }

    @Test
    @DisplayName("A mask that is none leaves a problem that quotes it")
    void aMaskThatIsNoneIsQuoted(@TempDir Path root) {
        MachineFiles files = Machines.MASKS.files().put(MachineFiles.NODE + "node0/cpumap", "0-3");
        assertThat(CpuTopology.read(files.writeTo(root), CpuSet.range(0, 39)).problems())
                .contains("/sys/devices/system/node/node0/cpumap: not a CPU mask, but \"0-3\"");
    }

    @Test
    @DisplayName("A CPU whose own file says 0 is offline where there is no list of what is online")
    void aCpuWhoseFileSaysZeroIsOffline(@TempDir Path root) {
        CpuTopology topology = read(Machines.BROKEN_NO_ONLINE_LIST, root);
        assertThat(topology.online()).hasToString("0-2");
        assertThat(topology.offline()).hasToString("3");
        assertThat(topology.problems())
                .containsExactly(
                        "/sys/devices/system/cpu/online: names no CPU; took all present ones but 3, which other"
                                + " files call offline");
    }

    @Test
    @DisplayName("What is missing of packages, cores and caches is told, with one line for each kind")
    void whatIsMissingIsToldOnce(@TempDir Path root) {
        assertThat(read(Machines.BROKEN_GAPS_EVERYWHERE, root).problems())
                .containsExactlyInAnyOrder(
                        "CPUs 0-3: topology/core_id: missing; took it as unknown",
                        "CPUs 0-3: topology/physical_package_id: negative; took it as unknown",
                        "CPUs 0-3: cache/index*/size: missing; took it as unknown",
                        "CPUs 0-3: cache/index*/shared_cpu_list: names no CPU; took the cache as one of this CPU alone");
    }

    @Test
    @DisplayName("Many CPUs and nodes with nonsense of their own share a line")
    void nonsenseOfManySharesALine(@TempDir Path root) {
        MachineFiles files = Machines.NUMA4.files();
        for (int cpu = 0; cpu < 16; cpu++) {
            files.put(CPU + "cpu" + cpu + "/topology/core_cpus_list", "x" + cpu);
        }
        for (int node = 0; node < 5; node++) {
            files.put(MachineFiles.NODE + "node" + node + "/cpulist", "y" + node);
        }
        assertThat(CpuTopology.read(files.writeTo(root), CpuSet.range(0, 15)).problems())
                .containsExactly(
                        "/sys/devices/system/node/node*/cpulist (5 files): not a CPU list, but \"y0\", and the like",
                        "/sys/devices/system/node/node*/cpulist (5 files): no list; took the node as one without CPUs",
                        "CPUs 0-15: topology/core_cpus_list: not a CPU list, but \"x0\", and the like",
                        "CPUs 0-15: topology/core_cpus_list: names no CPU; took it as a core of its own");
    }

    @Test
    @DisplayName("A cache whose sharers contradict each other counts as private; sharers that agree keep theirs")
    void cachesWhoseSharersContradictEachOtherArePrivate(@TempDir Path root) {
        CpuTopology topology = read(Machines.BROKEN_CACHES, root);
        assertThat(topology.cpu(0).caches().get(0).shared()).hasToString("0");
        assertThat(topology.cpu(1).caches().get(0).shared()).hasToString("1-2");
        assertThat(topology.problems())
                .containsExactly(
                        "CPU 0: disagrees with others about who shares the cache L2 Unified; took it as its own");
    }

    @Test
    @DisplayName("Two packages with one number are told apart by their lists of CPUs")
    void packagesWithOneNumberAreToldApart(@TempDir Path root) {
        CpuTopology topology = read(Machines.BROKEN_PACKAGE_NUMBERS, root);
        assertThat(topology.packages().values()).extracting(CpuSet::toString).containsExactly("0-3", "4-7");
        assertThat(topology.problems()).hasSize(1);
    }

    @Test
    @DisplayName("AMD's dense cores are told from full ones by clock and performance, which differ by a third")
    void denseCoresAreToldFromFullOnes(@TempDir Path root) {
        CpuTopology topology = read(Machines.AMD_DENSE_CORES, root);
        assertThat(topology.allowed(cpu -> cpu.kind() == Kind.PERFORMANCE)).hasToString("0-7");
        assertThat(topology.allowed(cpu -> cpu.kind() == Kind.EFFICIENCY)).hasToString("8-23");
    }

    @Test
    @DisplayName("Cores that firmware ranks in small steps are alike")
    void rankedCoresAreAlike(@TempDir Path root) {
        assertThat(read(Machines.AMD_RANKED_CORES, root).cpus())
                .extracting(Cpu::kind)
                .containsOnly(Kind.UNIFORM);
    }

    @Test
    @DisplayName("Where clock and performance contradict each other, cores are unlike and of unknown kind")
    void clockAndPerformanceThatContradictLeaveTheKindUnknown(@TempDir Path root) {
        MachineFiles files = Machines.AMD_DENSE_CORES.files();
        for (int cpu = 0; cpu < 24; cpu++) {
            files.put(CPU + "cpu" + cpu + "/acpi_cppc/highest_perf", "255");
        }
        assertThat(CpuTopology.read(files.writeTo(root), CpuSet.range(0, 23)).cpus())
                .extracting(Cpu::kind)
                .containsOnly(Kind.UNKNOWN);
    }

    @Test
    @DisplayName("Performance that steps down with the clock, without a gap of its own, tells dense cores apart")
    void performanceThatStepsDownWithTheClockIsEnough(@TempDir Path root) {
        MachineFiles files = Machines.AMD_DENSE_CORES.files();
        for (int cpu = 8; cpu < 24; cpu++) {
            files.put(CPU + "cpu" + cpu + "/acpi_cppc/highest_perf", "170");
        }
        assertThat(CpuTopology.read(files.writeTo(root), CpuSet.range(0, 23))
                        .allowed(cpu -> cpu.kind() == Kind.EFFICIENCY))
                .hasToString("8-23");
    }

    @Test
    @DisplayName(
            "The clock alone, or the performance alone, tells dense cores apart; one that is offline is of unknown kind")
    void oneMeasureAloneTellsThemApart(@TempDir Path root) {
        for (String missing : new String[] {"acpi_cppc", "cpufreq"}) {
            MachineFiles files = Machines.AMD_DENSE_CORES.files().put(CPU + "online", "0-22");
            files.remove(CPU + "cpu23/topology").remove(CPU + "cpu23/cpufreq");
            for (int cpu = 0; cpu < 24; cpu++) {
                files.remove(CPU + "cpu" + cpu + "/" + missing);
            }
            CpuTopology topology = CpuTopology.read(files.writeTo(root.resolve(missing)), CpuSet.range(0, 22));
            assertThat(topology.allowed(cpu -> cpu.kind() == Kind.EFFICIENCY)).hasToString("8-22");
            assertThat(topology.cpu(23).kind()).isEqualTo(Kind.UNKNOWN);
        }
    }

    @Test
    @DisplayName(
            "A CPU without caches or without a node is told, where other CPUs have them; a cache of size 0 is unknown")
    void aCpuThatLacksWhatOthersHaveIsTold(@TempDir Path root) {
        MachineFiles files = Machines.LISTS_WITH_NUL
                .files()
                .remove(CPU + "cpu7/cache")
                .put(MachineFiles.NODE + "node1/cpulist", "2,6-7")
                .put(CPU + "cpu0/cache/index0/size", "0K");
        CpuTopology topology = CpuTopology.read(files.writeTo(root), CpuSet.range(0, 7));
        assertThat(topology.cpu(0).caches().get(0).sizeBytes()).isEqualTo(-1);
        assertThat(topology.problems())
                .containsExactlyInAnyOrder(
                        "CPU 3: in no NUMA node, though there are some; took it as unknown",
                        "CPU 7: no cache is told of, though other CPUs have some; took them as unknown",
                        "CPU 0: cache/index0/size: 0; took it as unknown");
    }
}
