// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PlacementTest {
    private static CpuTopology numa4(Path root) {
        return CpuTopology.read(Machines.NUMA4.files().writeTo(root), Machines.NUMA4.allowed());
    }

    private static List<Integer> ids(List<Cpu> cpus) {
        return cpus.stream().map(Cpu::id).toList();
    }

    @Test
    void spreadTakesPackagesThenNodesThenCoresThenThreadsInTurn(@TempDir Path root) {
        // Packages {0-3,8-11} and {4-7,12-15}; nodes {0-1,8-9} {2-3,10-11} {4-5,12-13} {6-7,14-15}.
        assertThat(ids(Placement.SPREAD.choose(numa4(root), 16)))
                .containsExactly(0, 4, 2, 6, 1, 5, 3, 7, 8, 12, 10, 14, 9, 13, 11, 15);
    }

    @Test
    void spreadTakesLastLevelCachesInTurn(@TempDir Path root) {
        // One node, two threads to a core, three caches: cores {0,6} {1,7}, then {2,8} {3,9}, then {4,10} {5,11}.
        MachineFiles files = new MachineFiles().cpus("0-11", "0-11", "0-11").node(0, "0-11");
        for (int core = 0; core < 6; core++) {
            files.core(0, core, core, core + 6);
            int first = core / 2 * 2;
            String cache = first + "-" + (first + 1) + "," + (first + 6) + "-" + (first + 7);
            for (int cpu : new int[] {core, core + 6}) {
                files.cache(cpu, 0, 2, "Unified", "1024K", core + "," + (core + 6));
                files.cache(cpu, 1, 3, "Unified", "32M", cache);
            }
        }
        CpuTopology topology = CpuTopology.read(files.writeTo(root), CpuSet.range(0, 11));
        assertThat(ids(Placement.SPREAD.choose(topology, 12))).containsExactly(0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11);
        assertThat(ids(Placement.ONE_PER_CORE.order(topology, CpuSet.range(0, 11))))
                .containsExactly(0, 1, 2, 3, 4, 5);
    }

    @Test
    void packFillsCoresThenNodes(@TempDir Path root) {
        assertThat(ids(Placement.PACK.choose(numa4(root), 6))).containsExactly(0, 8, 1, 9, 2, 10);
    }

    @Test
    void onePerCoreTakesTheFirstThreadOfEach(@TempDir Path root) {
        CpuTopology topology = numa4(root);
        assertThat(ids(Placement.ONE_PER_CORE.choose(topology, 8))).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Placement.ONE_PER_CORE.choose(topology, 9))
                .withMessage("cannot choose 9 CPUs by ONE_PER_CORE: there are 8 cores to choose from among CPUs 0-15");
    }

    @Test
    void onlyCandidatesCount(@TempDir Path root) {
        CpuTopology topology = numa4(root);
        assertThat(ids(Placement.SPREAD.choose(topology, CpuSet.parse("8-9,1"), 3)))
                .containsExactly(8, 1, 9);
        assertThat(ids(Placement.ONE_PER_CORE.choose(topology, CpuSet.parse("8-9,1"), 2)))
                .containsExactly(8, 1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Placement.PACK.choose(topology, CpuSet.of(16), 1))
                .withMessage("CPU 16 is not present: the machine has 0-15");
    }

    @Test
    void aCountThatCannotBeIsRefused() {
        CpuTopology topology = CpuTopology.uniform(CpuSet.range(0, 1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Placement.SPREAD.choose(topology, 3))
                .withMessage("cannot choose 3 CPUs by SPREAD: there are 2 to choose from among CPUs 0-1");
        assertThatIllegalArgumentException().isThrownBy(() -> Placement.PACK.choose(topology, 0));
    }
}
