// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Lists that name CPUs by what they are. */
class CpuSelectorTest {
    private static CpuTopology read(Machines machine, Path root) {
        return CpuTopology.read(machine.files().writeTo(root), machine.allowed());
    }

    @ParameterizedTest(name = "{0}: {1} is {2}")
    @DisplayName("Names mean usable CPUs, numbers stand for themselves, and ! takes away")
    @CsvSource(
            delimiter = '|',
            value = {
                "ISOLATED_BY_COMMAND_LINE | isolated | 2-3",
                "ISOLATED_BY_COMMAND_LINE | Isolated | 2-3",
                "ISOLATED_BY_COMMAND_LINE | nohz_full | 3",
                "ISOLATED_BY_COMMAND_LINE | !isolated | 0-1",
                "ISOLATED_BY_COMMAND_LINE | isolated, !nohz_full | 2",
                "ISOLATED_BY_COMMAND_LINE | default | 0-1",
                "ISOLATED_BY_COMMAND_LINE | all | 0-3",
                "ISOLATED_BY_COMMAND_LINE | !0 | 1-3",
                "ISOLATED_BY_COMMAND_LINE | !0,!2-3 | 1",
                "ISOLATED_BY_COMMAND_LINE | last | 3",
                "ISOLATED_BY_COMMAND_LINE | last-1 | 2",
                "ISOLATED_BY_COMMAND_LINE | last-3 | 0",
                "ISOLATED_BY_COMMAND_LINE | 1-last | 1-3",
                "ISOLATED_BY_COMMAND_LINE | 0,isolated | 0,2-3",
                "ISOLATED_BY_COMMAND_LINE | 0-7 | 0-7",
                "ISOLATED_BY_COMMAND_LINE | ! last | 0-2",
                "ISOLATED_BY_COMMAND_LINE | 0-last:2 | 0,2",
                "SMT4 | !isolated | 0-31",
                "SMT4 | !nohz_full | 0-31",
                "SMT4 | 0-3,!isolated,! NOHZ_FULL | 0-3",
                "ISOLATED_PARTITION | !nohz_full | 0,2-3",
                "GAPS | last | 200",
                "GAPS | last-1 | 9",
                "GAPS | node:0 | 2,9",
                "GAPS | !node:4 | 2,9",
                "GAPS | 3-last | 9,200",
                "NUMA4 | node:1 | 2-3,10-11",
                "NUMA4 | node:1-2 | 2-5,10-13",
                "NUMA4 | package:1 | 4-7,12-15",
                "NUMA4 | core:3 | 3,11",
                "NUMA4 | node:0,!8-9 | 0-1",
                "SMT4 | core:4 | 16,20,24,28",
                "SMT4 | core:0-1 | 0-1,4-5,8-9,12-13",
            })
    void namesMeanUsableCpus(Machines machine, String list, String cpus, @TempDir Path root) {
        assertThat(read(machine, root).select(list)).hasToString(cpus);
    }

    @ParameterizedTest(name = "{0}: {1}")
    @DisplayName("What is not understood is quoted, with what to write instead")
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "SMT4 | zero | zero: not a CPU number nor a name of CPUs; write a list such as 0-3,8, or isolated",
                "SMT4 | 0,zero | (in the CPU list 0,zero)",
                "SMT4 | isolated | isolated: this machine isolates no CPU; isolcpus= on the kernel command line",
                "SMT4 | nohz_full | nohz_full: no CPU of this machine is free of ticks; nohz_full=",
                "SMT4 | node:0 | node:0: this kernel tells of no NUMA nodes. Usable are CPUs 0-31",
                "SMT4 | package:2 | package:2: there is no package 2 with usable CPUs: write a number or a range of 0-1",
                "SMT4 | core:8 | core:8: there is no core 8 with usable CPUs: write a number or a range of 0-7",
                "SMT4 | core: | core: needs a number: write core: and a number or a range of 0-7",
                "CAPTURED_EPYC_VM | node: | node: needs a number: write node:0",
                "CAPTURED_EPYC_VM | package:1 | package:1: there is no package 1 with usable CPUs: write package:0",
                "SMT4 | 0-1,isolated | isolated: this machine isolates no CPU",
                "SMT4 | isolated,!isolated | isolated: this machine isolates no CPU",
                "SMT4 | core:x | core:x: write core: and a number or a range of 0-7",
                "SMT4 | core | core: not a CPU number nor a name of CPUs",
                "SMT4 | last-32 | last-32: there are 32 usable CPUs, 0-31: last-31 is the first of them",
                "SMT4 | last-x | last-x: not understood; write last for the last usable CPU, last-1 for the one before it",
                "SMT4 | last- | last-: not understood; write last",
                "SMT4 | Last-0-last | Last-0-last: not understood; write last",
                "SMT4 | last-1-1 | last-1-1: not understood; write last",
                "SMT4 | 0-last-1 | 0-last-1: not understood; write last",
                "SMT4 | last--1 | last--1: not understood; write last",
                "SMT4 | -last | -last: not understood; write last",
                "SMT4 | 1,last:2 | last:2: not understood; write last",
                "SMT4 | last-99999999999 | CPU numbers end at 1048575",
                "SMT4 | 40-last | 40-last: the last usable CPU is 31: begin there or below",
                "SMT4 | -1-last | -1: CPU numbers start at 0",
                "SMT4 | 0-last:0 | 0-31:0: a stride is 1 or more",
                "SMT4 | !!0 | !!0: one ! is enough, two do not give the CPUs back; write a list",
                "SMT4 | 1,! !0 | ! !0: one ! is enough, two do not give the CPUs back; write a list",
                "SMT4 | !node:0 | node:0: this kernel tells of no NUMA nodes",
                "SMT4 | ! | !: names no CPU",
                "SMT4 | !0-31 | !0-31: leaves no CPU: usable are 0-31",
                "SMT4 | 0,!0 | 0,!0: leaves no CPU",
                "SMT4 | 0,,1 | an entry is empty",
                "SMT4 | 0, | an entry is empty",
                "SMT4 | ,0 | none at the ends (in the CPU list ,0)$",
                "SMT4 | -1 | CPU numbers start at 0",
                "SMT4 | 0x3 | write the list 0-1",
                "SMT4 | \"\" | the CPU list is empty: name at least one CPU",
                "NUMA4 | node:4 | node:4: there is no node 4 with usable CPUs: write a number or a range of 0-3",
            })
    void whatIsNotUnderstoodIsQuoted(Machines machine, String list, String message, @TempDir Path root) {
        CpuTopology topology = read(machine, root);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> topology.select(list))
                .satisfies(e -> assertThat(e.getMessage() + "$").contains(message))
                .satisfies(e -> assertThat(e.getMessage()).doesNotContainPattern("in the CPU list .*in the CPU list"));
    }

    @Test
    @DisplayName("Isolated CPUs that the cpuset keeps away are refused with the remedy")
    void isolatedCpusOutsideTheCpusetAreRefused(@TempDir Path root) {
        CpuTopology topology = read(Machines.ISOLATED_PARTITION, root);
        assertThat(topology.select("isolated")).hasToString("2-3");
        MachineFiles files = Machines.ISOLATED_PARTITION.files().put(MachineFiles.CPU + "isolated", "");
        CpuTopology other = CpuTopology.read(files.writeTo(root), CpuSet.of(0));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> other.select("isolated"))
                .withMessageStartingWith(
                        "isolated: CPU 1 is outside the usable set 0,2-3, because the cpuset of this process"
                                + " has 0,2-3: widen it");
    }
}
