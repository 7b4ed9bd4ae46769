// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.cli;

import org.jspecify.annotations.Nullable;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.kernel.Kernel;
import picocli.CommandLine.Option;

/** {@code --cpus}: the CPUs on which a command works. */
final class CpusOption {
    @Option(
            names = "--cpus",
            paramLabel = "LIST",
            description =
                    "CPUs as taskset writes them, such as 0-3,8 or 0-15:2; otherwise every CPU that this process may use.")
    private @Nullable String list;

    /** The kernel described, on these CPUs. */
    Kernel kernel(Kernel.Builder builder) {
        try {
            CpuSet set = list == null ? CpuTopology.system().allowed() : CpuSet.parse(list);
            return builder.cpus(set).build();
        } catch (IllegalArgumentException e) {
            throw new BadInput("--cpus '" + list + "': " + e.getMessage(), e);
        }
    }
}
