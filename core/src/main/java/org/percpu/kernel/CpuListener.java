// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import org.percpu.cpu.Cpu;

/** Is told when a kernel takes in a CPU that came after it was made: see {@link Kernel.Builder#followCpus}. */
@FunctionalInterface
public interface CpuListener {
    /**
     * The kernel has one more CPU. Called by the kernel's watch, once for each CPU, when the queues that have a worker for each CPU
     * have made theirs.
     *
     * @param kernel whose {@link Kernel#cpus()} has it now
     * @param cpu the new one, the last of those that have come so far
     */
    void cpuAdded(Kernel kernel, Cpu cpu);
}
