// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.Lwp;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.CpuThread;
import org.percpu.thread.Pri;

/** A kernel: its table of CPUs, its registry, its end. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class KernelTest {
    private static final int MPSAFE = Kthread.KTHREAD_MPSAFE;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    @Test
    @Rule("U21")
    @DisplayName("the table of CPUs is what the process may use, in ascending order, with dense positions")
    void theTableOfCpus() {
        Kernel kernel = test.get();
        assertThat(kernel.cpus())
                .extracting(Cpu::id)
                .containsExactlyElementsOf(CpuTopology.system().allowed());
        for (int i = 0; i < kernel.cpus().size(); i++) {
            assertThat(kernel.tableIndex(kernel.cpus().get(i))).isEqualTo(i);
        }
    }

    @Test
    @Rule({"U21", "U3"})
    @DisplayName("U21: a kernel confined to some CPUs does not know the others")
    void aConfinedKernel() {
        Machine.needsCpus(2);
        Cpu other = test.cpu(0);
        Kernel small = test.with(settings -> settings.cpus(CpuSet.of(test.cpu(1).id())));
        assertThat(small.cpus()).extracting(Cpu::id).containsExactly(test.cpu(1).id());
        assertThat(small.tableIndex(other)).isEqualTo(-1);
    }

    @Test
    @DisplayName("a kernel on CPUs that are empty or not there is refused and names them")
    void unknownCpusAreRefused() {
        assertThatThrownBy(() -> test.with(settings -> settings.cpus(CpuSet.of(100_000))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("100000");
        assertThatThrownBy(() -> test.with(settings -> settings.cpus(CpuSet.empty())))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> test.with(settings -> settings.pinWatch(Duration.ofNanos(-1))))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    @DisplayName("curcpu is the CPU of the caller")
    void curcpuIsTheCallersCpu() {
        for (Cpu cpu : test.get().cpus()) {
            CountDownLatch done = new CountDownLatch(1);
            Cpu[] seen = new Cpu[1];
            CpuThread.builder("curcpu").cpu(cpu).start(() -> {
                seen[0] = test.get().curcpu();
                done.countDown();
            });
            Bounded.arrive(done);
            assertThat(seen[0]).isEqualTo(cpu);
        }
    }

    @Test
    @Rule("G24")
    @DisplayName("the registry lists threads and queues while they live")
    void theRegistry() {
        Kernel kernel = test.get();
        CountDownLatch end = new CountDownLatch(1);
        Workqueue<Work> wq = Workqueue.create(
                kernel, "b-queue", (work, arg) -> {}, null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_MPSAFE);
        Workqueue<Work> wq2 = Workqueue.create(
                kernel, "a-queue", (work, arg) -> {}, null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_MPSAFE);
        Kthread.create(
                kernel,
                Pri.PRI_NONE,
                MPSAFE,
                null,
                arg -> {
                    Bounded.arrive(end);
                    throw Kthread.exit(0);
                },
                null,
                "thread");
        assertThat(kernel.queues()).containsExactly(wq2, wq);
        assertThat(kernel.lwps()).extracting(Lwp::name).containsExactlyInAnyOrder("b-queue", "a-queue", "thread");
        assertThat(kernel.lwps()).allMatch(lwp -> Proc.exists(lwp.tid()) && lwp.kernel() == kernel);
        assertThat(kernel.lwps()).isSortedAccordingTo((a, b) -> Integer.compare(a.tid(), b.tid()));
        end.countDown();
        wq.destroy();
        wq2.destroy();
        Bounded.until("all are gone", () -> kernel.lwps().isEmpty());
        assertThat(kernel.queues()).isEmpty();
    }

    @Test
    @Rule({"U16", "G24"})
    @DisplayName(
            "G24: close runs what is queued, ends every thread it can, and names each thing its owner forgot, once")
    void closeReportsWhatWasForgotten() {
        List<String> console = test.expectConsole();
        Kernel kernel = test.with(settings -> {});
        AtomicInteger ran = new AtomicInteger();
        CountDownLatch end = new CountDownLatch(1);
        Workqueue<Work> wq = Workqueue.create(
                kernel, "leaked-queue", (work, arg) -> ran.incrementAndGet(), null, Pri.PRI_NONE, Ipl.NONE, 0);
        for (int i = 0; i < 1000; i++) {
            wq.enqueue(new Work(), null);
        }
        Kthread.create(kernel, -1, MPSAFE | Kthread.KTHREAD_IDLE, null, arg -> {}, null, "leaked-idle");
        Kthread.create(kernel, -1, MPSAFE | Kthread.KTHREAD_MUSTJOIN, null, arg -> {}, null, "leaked-join");
        Kthread.create(kernel, -1, MPSAFE, null, arg -> Bounded.arrive(end), null, "leaked-running");
        Bounded.until("one is done", () -> kernel.lwps().stream()
                .filter(lwp -> lwp.name().equals("leaked-join"))
                .allMatch(lwp -> Proc.state(lwp.tid()) == 'S'));
        kernel.close();
        assertThat(ran.get()).isEqualTo(1000);
        for (String name : List.of("leaked-queue", "leaked-idle", "leaked-join", "leaked-running")) {
            assertThat(console).filteredOn(line -> line.contains(name)).hasSize(1);
        }
        assertThat(console).hasSize(4);
        end.countDown();
        Bounded.until("the last one ends", () -> kernel.lwps().isEmpty());
        kernel.close();
        assertThat(console).hasSize(4);
    }

    @Test
    @Rule("G24")
    @DisplayName("a kernel whose owners put everything away closes silently; the system kernel is not closed")
    void aCleanKernelClosesSilently() {
        Kernel kernel = test.with(settings -> {});
        Workqueue.create(kernel, "tidy", (Work work, Object arg) -> {}, null, Pri.PRI_NONE, Ipl.NONE, 0)
                .destroy();
        Kthread.create(kernel, -1, MPSAFE | Kthread.KTHREAD_MUSTJOIN, null, arg -> {}, null, "tidy")
                .join();
        kernel.close();
        assertThat(kernel.lwps()).isEmpty();
        assertThatThrownBy(() -> Kernel.system().close()).isInstanceOf(IllegalStateException.class);
        assertThat(Kernel.system()).isSameAs(Kernel.system());
    }

    @Test
    @Rule("NWQ-17")
    @DisplayName("with timing on, the longest callback is known; with it off it is 0")
    void timingMeasuresTheLongestCallback() {
        for (boolean timing : List.of(true, false)) {
            Kernel kernel = test.with(settings -> settings.timing(timing));
            CountDownLatch ran = new CountDownLatch(1);
            Workqueue<Work> wq = Workqueue.create(
                    kernel,
                    "timed",
                    (work, arg) -> {
                        kernel.sleepq().tsleep(new Object(), "timed", 5_000_000);
                        ran.countDown();
                    },
                    null,
                    Pri.PRI_NONE,
                    Ipl.NONE,
                    0);
            wq.enqueue(new Work(), null);
            Bounded.arrive(ran);
            Bounded.until("it returned", () -> wq.workers().get(0).executed() == 1);
            if (timing) {
                assertThat(wq.workers().get(0).longestRunNanos()).isGreaterThanOrEqualTo(5_000_000);
            } else {
                assertThat(wq.workers().get(0).longestRunNanos()).isZero();
            }
            wq.destroy();
        }
    }
}
