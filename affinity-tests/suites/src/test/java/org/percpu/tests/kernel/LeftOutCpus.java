// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.thread.Pri;

/** Starts with some of its CPUs; the others become part of the mask of the process, as Linux does when it rewrites a cpuset. */
final class LeftOutCpus {
    private LeftOutCpus() {}

    public static void main(String[] args) {
        LinuxCalls linux = Machine.linux();
        CpuSet first = CpuTopology.system().allowed();
        CpuSet all = CpuTopology.system().usable();
        assertThat(all.minus(first).isEmpty()).isFalse();
        Kernel kernel = Kernel.builder("default")
                .followCpus(true)
                .pinWatch(Duration.ofMillis(10))
                .build();
        Kernel named = Kernel.builder("named")
                .cpus(all)
                .followCpus(true)
                .pinWatch(Duration.ofMillis(10))
                .build();
        Workqueue<Work> wq =
                Workqueue.create(kernel, "wq", (work, arg) -> {}, null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_PERCPU);
        int tid = wq.workers().get(0).thread().tid();
        assertThat(linux.sched_setaffinity(linux.getpid(), all.toMask())).isZero();
        // The watch looks after the pins, then after CPUs that have come: a second loss that it finds was behind a
        // whole look.
        for (int loss = 1; loss <= 3; loss++) {
            int least = loss;
            assertThat(linux.sched_setaffinity(tid, all.toMask())).isZero();
            Bounded.until(
                    "the watch has looked", () -> wq.workers().get(0).thread().pinsLost() == least);
        }
        assertThat(ids(kernel)).isEqualTo(first);
        assertThat(wq.workers()).hasSize(first.size());
        assertThat(ids(named)).isEqualTo(all);
        wq.destroy();
        named.close();
        kernel.close();
        System.out.println("left out");
        System.exit(0);
    }

    private static CpuSet ids(Kernel kernel) {
        List<Cpu> cpus = kernel.cpus();
        return CpuSet.of(cpus.stream().mapToInt(Cpu::id).toArray());
    }
}
