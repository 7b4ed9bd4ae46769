// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import org.percpu.cpu.Cpu;

/** Called when a kernel takes in a CPU that came after the kernel was made: see {@link KernelBuilder#followCpus}. */
@FunctionalInterface
public interface CpuListener {
    /**
     * The kernel has one more CPU. The kernel's watch calls this once for each CPU, after the queues with a worker for
     * each CPU have made the worker for this CPU.
     *
     * @param kernel the kernel whose {@link Kernel#cpus()} now contains the CPU
     * @param cpu the new CPU, the last one of the table so far
     */
    void cpuAdded(Kernel kernel, Cpu cpu);
}
