// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.samples;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuTopology;
import org.percpu.tests.support.Fork;

/** Each sample, in a JVM of its own as its reader runs it, prints what its comment says. */
class SamplesTest {
    private static List<String> linesOf(Class<?> sample) {
        return Fork.of(sample).run().lines().toList();
    }

    @Test
    @DisplayName("sample 1 pins a thread to the last CPU")
    void pinOneThread() {
        List<Cpu> cpus = CpuTopology.system().allowedCpus();
        int last = cpus.get(cpus.size() - 1).id();
        assertThat(linesOf(Sample01_PinOneThread.class))
                .containsExactly("asked for CPU " + last + ", the kernel allows " + last + ", running on CPU " + last);
    }

    @Test
    @DisplayName("sample 2 sends a work to each CPU")
    void perCpuDeferral() {
        List<String> expected = new ArrayList<>();
        for (Cpu cpu : CpuTopology.system().allowedCpus()) {
            expected.add("sent to CPU " + cpu.id() + ", ran on CPU " + cpu.id());
        }
        expected.add("every work has run");
        assertThat(linesOf(Sample02_PerCpuDeferral.class)).containsExactlyElementsOf(expected);
    }

    @Test
    @DisplayName("sample 3 coalesces, deletes and waits for tasks")
    void taskqDelBarrier() {
        assertThat(linesOf(Sample03_TaskqDelBarrier.class))
                .containsExactly(
                        "add: true, add again: false",
                        "del: true, del again: false",
                        "link state checked",
                        "barrier passed",
                        "delBarrier: false");
    }

    @Test
    @DisplayName("sample 4 shows that a sleep lets another thread have the kernel lock")
    void kernelLock() {
        assertThat(linesOf(Sample04_KernelLock.class))
                .containsExactly(
                        "sleeper: balance is 100, going to sleep",
                        "other: runs under the lock while the sleeper sleeps, takes 60",
                        "sleeper: awake under the lock again, balance is 40");
    }

    @Test
    @DisplayName("sample 5 boots a cold kernel and runs what has waited")
    void deferredBoot() {
        assertThat(linesOf(Sample05_DeferredBoot.class))
                .containsExactly(
                        "disk0 attaches, cold: true",
                        "net0 attaches, cold: true",
                        "threads can be made, cold: false",
                        "task of disk0 runs",
                        "task of net0 runs");
    }
}
