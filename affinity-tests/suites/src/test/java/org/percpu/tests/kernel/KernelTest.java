// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.bindings.spi.Errno;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.Lwp;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.LoggedRecords;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.CpuThread;
import org.percpu.thread.KernelThread;
import org.percpu.thread.PinPolicy;
import org.percpu.thread.Pri;
import org.percpu.thread.RealtimePolicy;

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
        assertThat(kernel.lwps())
                .extracting(KernelThread::name)
                .containsExactlyInAnyOrder("b-queue", "a-queue", "thread");
        assertThat(kernel.lwps())
                .allMatch(lwp -> Proc.exists(lwp.tid()) && ((Lwp) lwp).kernel() == KernelCore.of(kernel));
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
            "G24: close runs what is queued, ends every thread it can, and names each thread its owner forgot, once, but no"
                    + " queue whose works have all run")
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
        for (String name : List.of("leaked-idle", "leaked-join", "leaked-running")) {
            assertThat(console).filteredOn(line -> line.contains(name)).hasSize(1);
        }
        assertThat(console).hasSize(3).noneMatch(line -> line.contains("leaked-queue"));
        end.countDown();
        Bounded.until("the last one ends", () -> kernel.lwps().isEmpty());
        kernel.close();
        assertThat(console).hasSize(3);
    }

    @Test
    @Rule("U20")
    @DisplayName("a console that throws is logged, and the worker that had something to say goes on")
    void aConsoleThatThrows() {
        Kernel kernel = test.with(settings -> settings.console(line -> {
            throw new IllegalStateException("no console today");
        }));
        AtomicInteger ran = new AtomicInteger();
        Workqueue<Work> wq = Workqueue.create(
                kernel,
                "unbalanced",
                (work, arg) -> {
                    kernel.lock().lock();
                    ran.incrementAndGet();
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                0);
        try (LoggedRecords log = new LoggedRecords(Kernel.class)) {
            for (int i = 0; i < 3; i++) {
                wq.enqueue(new Work(), null);
            }
            Bounded.run("drains", wq::drainAndDestroy);
            assertThat(log.list()).hasSize(3).allSatisfy(record -> assertThat(record.getThrown())
                    .hasMessage("no console today"));
        }
        assertThat(ran.get()).isEqualTo(3);
        assertThat(kernel.lock().isHeld()).isFalse();
    }

    @Test
    @Rule("G24")
    @DisplayName("a kernel whose owners put everything away closes silently")
    void aCleanKernelClosesSilently() {
        Kernel kernel = test.with(settings -> {});
        Workqueue.create(kernel, "tidy", (Work work, Object arg) -> {}, null, Pri.PRI_NONE, Ipl.NONE, 0)
                .destroy();
        Kthread.create(kernel, -1, MPSAFE | Kthread.KTHREAD_MUSTJOIN, null, arg -> {}, null, "tidy")
                .join();
        kernel.close();
        assertThat(kernel.lwps()).isEmpty();
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

    @Test
    @Rule({"U3", "U23"})
    @DisplayName(
            "interrupts of a CPU that the kernel does not have are EINVAL, in a cold kernel EAGAIN; no thread is made")
    void interruptsAreRefusedWhereTheyCannotBe() {
        Cpu known = test.lastCpu();
        Kernel cold = test.with(settings -> settings.cold(true).cpus(CpuSet.of(known.id())));
        Refusal.of(Errno.EAGAIN, () -> cold.interrupts(known)).contains(known.toString(), "warm");
        if (test.get().cpus().size() > 1) {
            Refusal.of(Errno.EINVAL, () -> cold.interrupts(test.cpu(0)))
                    .contains(test.cpu(0).toString(), "does not have");
        }
        assertThat(cold.lwps()).isEmpty();
    }

    @Test
    @DisplayName("a kernel says what it was built with")
    void settingsCanBeRead() {
        Kernel kernel =
                test.with(settings -> settings.pinPolicy(PinPolicy.BEST_EFFORT).realtimePolicy(RealtimePolicy.NEVER));
        assertThat(kernel.pinPolicy()).isSameAs(PinPolicy.BEST_EFFORT);
        assertThat(kernel.realtimePolicy()).isSameAs(RealtimePolicy.NEVER);
        assertThat(kernel.waitStrategy()).isSameAs(WaitStrategy.PARK);
        assertThat(kernel).hasToString("kernel test on " + kernel.cpus());
    }

    @Test
    @Rule({"NWQ-18", "U20"})
    @DisplayName(
            "without a fault handler and a console of its own, a kernel logs faults as errors and lines as warnings")
    void theDefaultsAreTheLog() {
        LoggedRecords logged = new LoggedRecords(Kernel.class);
        List<LogRecord> records = logged.list();
        IllegalStateException thrown = new IllegalStateException("the callback's own");
        Kernel kernel = Kernel.builder("quiet")
                .strict(true)
                .pinWatch(Duration.ZERO)
                .stallAfter(Duration.ZERO)
                .build();
        try {
            Workqueue<Work> wq = Workqueue.create(
                    kernel,
                    "logged",
                    (work, arg) -> {
                        throw thrown;
                    },
                    null,
                    Pri.PRI_NONE,
                    Ipl.NONE,
                    0);
            wq.enqueue(new Work(), null);
            Bounded.until("it threw", () -> wq.workers().get(0).executed() == 1);
        } finally {
            kernel.close();
            logged.close();
        }
        assertThat(records).hasSize(2);
        assertThat(records.get(0).getLevel()).isEqualTo(Level.SEVERE);
        assertThat(records.get(0).getMessage()).contains("logged", "threw");
        assertThat(records.get(0).getThrown()).isSameAs(thrown);
        assertThat(records.get(1).getLevel()).isEqualTo(Level.WARNING);
        assertThat(records.get(1).getMessage()).contains("quiet", "logged", "never destroyed");
    }

    @Test
    @Rule("G24")
    @DisplayName(
            "closing a kernel that never became warm does not wait for workers that never ran: their works are reported")
    void aColdKernelWithAWorkqueueCloses() {
        List<String> console = test.expectConsole();
        Kernel cold = test.with(settings -> settings.cold(true));
        AtomicInteger ran = new AtomicInteger();
        Workqueue<Work> wq =
                Workqueue.create(cold, "frozen", (work, arg) -> ran.incrementAndGet(), null, Pri.PRI_NONE, Ipl.NONE, 0);
        Work work = new Work();
        wq.enqueue(work, null);
        Bounded.run("closes", cold::close);
        assertThat(console).hasSize(2);
        assertThat(console.get(0)).contains("frozen", "never destroyed");
        assertThat(console.get(1)).contains(work.toString(), "never run");
        assertThat(ran.get()).isZero();
        Bounded.until("its worker is gone", () -> cold.lwps().isEmpty());
    }

    @Test
    @Rule({"U23", "NWQ-21", "NWQ-26"})
    @DisplayName(
            "U23: in a cold kernel waiting for a pending work is EINVAL, for an idle one returns, and destroy does not hang")
    void aWorkqueueOfAColdKernelDoesNotWaitForEver() {
        Kernel cold = test.with(settings -> settings.cold(true));
        AtomicInteger ran = new AtomicInteger();
        Workqueue<Work> wq =
                Workqueue.create(cold, "frozen", (work, arg) -> ran.incrementAndGet(), null, Pri.PRI_NONE, Ipl.NONE, 0);
        Workqueue<Work> idle =
                Workqueue.create(cold, "idle", (work, arg) -> {}, null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_PERCPU);
        Work work = new Work();
        wq.enqueue(work, null);
        Refusal.of(Errno.EINVAL, () -> Bounded.run("waits", () -> wq.waitFor(work)))
                .contains("frozen", "warm");
        Bounded.run("waits for an idle one", () -> wq.waitFor(new Work()));
        Refusal.of(Errno.EBUSY, wq::destroy).contains("frozen");
        Bounded.run("destroys", idle::destroy);
        assertThat(cold.queues()).containsExactly(wq);
        assertThat(ran.get()).isZero();
        cold.warm();
        wq.waitFor(work);
        assertThat(ran.get()).isEqualTo(1);
        wq.destroy();
        Bounded.until("all workers are gone", () -> cold.lwps().isEmpty());
    }

    @Test
    @Rule("NWQ-17")
    @DisplayName("a flight recording has each run over the threshold, with queue and item, and none below it")
    void longRunsAreRecorded(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("runs.jfr");
        Workqueue<Work> wq = Workqueue.create(
                test.get(),
                "recorded",
                (work, arg) -> {
                    if (work instanceof Slow) {
                        test.get().sleepq().tsleep(work, "slow", 20_000_000);
                    }
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                0);
        try (Recording recording = new Recording()) {
            recording.enable("org.percpu.WorkRun").withThreshold(Duration.ofMillis(20));
            recording.start();
            for (int i = 0; i < 100; i++) {
                wq.enqueue(i == 50 ? new Slow() : new Work(), null);
            }
            wq.drainAndDestroy();
            recording.stop();
            recording.dump(file);
        }
        // A fast one may have lost its CPU for so long on a busy machine.
        assertThat(RecordingFile.readAllEvents(file))
                .filteredOn(event -> event.getString("item").equals(Slow.class.getName()))
                .singleElement()
                .satisfies(event -> {
                    assertThat(event.getString("queue")).isEqualTo("recorded");
                    assertThat(event.getDuration()).isGreaterThanOrEqualTo(Duration.ofMillis(20));
                });
    }

    private static final class Slow extends Work {}
}
