// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.samples;

import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuTopology;
import org.percpu.thread.Affinity;
import org.percpu.thread.CpuThread;

/**
 * Pin one thread to one CPU.
 *
 * <pre>
 * java --enable-native-access=ALL-UNNAMED -cp affinity-tests/cli/target/percpu-cli.jar org.percpu.samples.Sample01_PinOneThread
 * </pre>
 *
 * <p>It prints, with the number of the last CPU that this process may use:
 *
 * <pre>
 * asked for CPU 1, the kernel allows 1, running on CPU 1
 * </pre>
 *
 * <p>"The kernel allows" is read back from Linux after the pin was set. Had it refused, {@code start} would have thrown: a thread is
 * never silently somewhere else.
 */
public final class Sample01_PinOneThread {
    private Sample01_PinOneThread() {}

    /**
     * Runs the sample.
     *
     * @param args none
     * @throws InterruptedException never
     */
    public static void main(String[] args) throws InterruptedException {
        Cpu last =
                CpuTopology.system().allowedCpus().stream().reduce((a, b) -> b).orElseThrow();
        CpuThread thread = CpuThread.builder("pinned")
                .cpu(last)
                .start(() -> System.out.println("asked for CPU " + last.id() + ", the kernel allows " + Affinity.get()
                        + ", running on CPU " + Affinity.currentCpu()));
        thread.thread().join();
    }
}
