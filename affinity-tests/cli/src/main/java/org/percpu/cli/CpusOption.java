// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import org.jspecify.annotations.Nullable;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelBuilder;
import picocli.CommandLine.Option;

/** {@code --cpus}: the CPUs on which a command works. */
final class CpusOption {
    @Option(
            names = {"-c", "--cpus"},
            paramLabel = "LIST",
            description =
                    "CPUs as taskset writes them, such as 0-3,8 or 0-15:2, or by name: isolated, nohz_full, default, all, node:1,"
                            + " package:0, core:3, last, last-1, and !0 for all but 0. Any CPU of the cpuset will do, isolated ones"
                            + " too. Otherwise the CPUs that the process was started with.")
    private @Nullable String list;

    /** The kernel described, on these CPUs. */
    Kernel kernel(KernelBuilder builder) {
        try {
            CpuTopology topology = CpuTopology.system();
            CpuSet set = list == null ? topology.allowed() : topology.select(list);
            return builder.cpus(set).build();
        } catch (IllegalArgumentException e) {
            throw new BadInput((list == null ? "" : "--cpus '" + list + "': ") + e.getMessage(), e);
        }
    }
}
