// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.tests.support.Fork;
import org.percpu.thread.CpuThread;

/** What a start does not do, since it takes time: the JVM says which classes it has loaded. */
class StartTest {
    /** Prints the topology. */
    static final class Topology {
        public static void main(String[] args) {
            System.out.println("allowed: " + CpuTopology.system().allowed());
        }
    }

    /** Runs one pinned thread. */
    static final class Pinned {
        public static void main(String[] args) {
            CpuSet cpu = CpuSet.of(Integer.parseInt(args[0]));
            CpuThread thread = CpuThread.builder("first").cpus(cpu).start(() -> {});
            System.out.println("pinned: " + thread.state().pinned());
        }
    }

    private static String loaded(Fork fork) {
        return fork.option("-Xlog:class+load").run();
    }

    @Test
    @DisplayName(
            "the topology of a process that may use every CPU links no C function: the kernel's files have said all of it")
    void topologyOfFiles() {
        CpuTopology here = CpuTopology.system();
        assumeTrue(
                here.allowed().equals(here.online()),
                () -> said("this process is allowed " + here.allowed() + " only"));
        assertThat(loaded(Fork.of(Topology.class)))
                .contains("allowed: " + here.allowed())
                .contains("org.percpu.cpu.TopologyReader")
                .doesNotContain("FfmLinuxCalls", "JnaLinuxCalls");
    }

    @Test
    @DisplayName("a process that was started with less than every CPU asks the scheduler what it may use")
    void topologyOfTheScheduler() {
        CpuTopology here = CpuTopology.system();
        assumeTrue(here.allowed().size() > 1, () -> said("one CPU is every CPU"));
        int cpu = here.allowed().first();
        assertThat(loaded(Fork.of(Topology.class).under("taskset", "-c", Integer.toString(cpu))))
                .contains("allowed: " + cpu)
                .containsAnyOf("FfmLinuxCalls", "JnaLinuxCalls");
    }

    @Test
    @DisplayName("a first pinned thread reads no topology, looks for no logger and records no event")
    void firstThread() {
        int cpu = CpuTopology.system().allowed().first();
        assertThat(loaded(Fork.of(Pinned.class).argument(Integer.toString(cpu))))
                .contains("pinned: true")
                .doesNotContain("org.percpu.cpu.TopologyReader", "org.percpu.events.PinnedEvent")
                .doesNotContain("org.percpu.thread.CpuThread$Log");
    }

    private static String said(String reason) {
        System.out.println("skipped: " + reason);
        return reason;
    }
}
