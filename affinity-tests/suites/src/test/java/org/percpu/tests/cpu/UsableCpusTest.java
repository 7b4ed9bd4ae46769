// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.kernel.Kernel;
import org.percpu.tests.support.Fork;
import org.percpu.thread.Affinity;
import org.percpu.thread.CpuThread;
import org.percpu.thread.Sched;

/** CPUs that taskset has taken out of the starting mask can be named all the same. */
class UsableCpusTest {
    /** Started with one CPU of at least two. */
    static final class Narrowed {
        private Narrowed() {}

        public static void main(String[] args) throws InterruptedException {
            CpuSet before = Affinity.get();
            CpuTopology topology = CpuTopology.system();
            System.out.println("allowed " + topology.allowed());
            System.out.println("usable " + topology.usable());
            System.out.println("mask unchanged " + Affinity.get().equals(before));
            CpuSet other = topology.select("!" + topology.allowed());
            try (Kernel kernel = Kernel.builder("other").cpus(other).build()) {
                for (Cpu cpu : kernel.cpus()) {
                    AtomicReference<String> ran = new AtomicReference<>("");
                    CpuThread thread = kernel.thread("other", cpu, Sched.DEFAULT)
                            .start(() -> ran.set(Affinity.currentCpu() + " of " + Affinity.get()));
                    thread.thread().join();
                    System.out.println("ran on " + ran);
                }
            }
            try (Kernel kernel = Kernel.builder("default").build()) {
                System.out.println("taken " + kernel.cpus());
            }
            AtomicReference<CpuSet> plain = new AtomicReference<>();
            CpuThread.builder("plain")
                    .start(() -> plain.set(Affinity.get()))
                    .thread()
                    .join();
            System.out.println("plain " + plain);
        }
    }

    @Test
    @DisplayName(
            "Under taskset every other CPU of the cpuset can be named, the default is the starting mask, and asking changes no mask")
    void underTasksetTheOtherCpusCanBeNamed() {
        CpuSet allowed = CpuTopology.system().allowed();
        assumeTrue(allowed.size() > 1, "skipped: this process may use one CPU only");
        assumeTrue(
                Files.isExecutable(Path.of("/usr/bin/taskset")), "skipped: /usr/bin/taskset (util-linux) is missing");
        int first = allowed.first();
        String output = Fork.of(Narrowed.class)
                .under("taskset", "-c", Integer.toString(first))
                .run();
        StringBuilder expected = new StringBuilder(
                "allowed " + first + "\nusable " + CpuTopology.system().usable() + "\nmask unchanged true\n");
        for (int cpu : CpuTopology.system().usable().minus(CpuSet.of(first))) {
            expected.append("ran on ").append(cpu).append(" of ").append(cpu).append('\n');
        }
        expected.append("taken [cpu" + first + "]\nplain " + first + "\n");
        assertThat(output).isEqualTo(expected.toString());
    }
}
