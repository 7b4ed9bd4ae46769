// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.LogRecord;
import java.util.logging.SimpleFormatter;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.percpu.bindings.spi.Errno;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelQueue;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.LoggedRecords;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.thread.Affinity;
import org.percpu.thread.CpuThread;
import org.percpu.thread.KernelThread;
import org.percpu.thread.PinPolicy;
import org.percpu.thread.Pri;
import org.percpu.thread.Sched;
import org.percpu.thread.ThreadState;

/** Takes a CPU, the argument, offline under a worker and brings it back. The caller brings it back too, should this fail. */
final class OfflineCpu {
    private static final int PERCPU = Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU;
    private static final int MPSAFE = Kthread.KTHREAD_MPSAFE;
    private static final int SOFTNET = Softint.SOFTINT_NET | Softint.SOFTINT_MPSAFE | Softint.SOFTINT_RCPU;

    private final Kernel kernel = Kernel.builder("offline")
            .console(System.out::println)
            .pinWatch(Duration.ofMillis(10))
            .build();
    private final Kernel lenient = Kernel.builder("lenient")
            .pinPolicy(PinPolicy.BEST_EFFORT)
            .pinWatch(Duration.ofMillis(10))
            .build();

    private final Cpu cpu;
    private final Path online;
    private final AtomicInteger softRan = new AtomicInteger();
    private final Softint softint = Softint.establish(kernel, SOFTNET, arg -> softRan.incrementAndGet(), null);
    private final CountDownLatch end = new CountDownLatch(1);
    private final List<CpuThread> plain = new ArrayList<>();

    private OfflineCpu(int id) {
        cpu = kernel.cpus().get(kernel.cpus().size() - 1);
        online = Path.of("/sys/devices/system/cpu/cpu" + id + "/online");
        assertThat(cpu.id()).isEqualTo(id);
    }

    /** The first worker can be made, the one of this CPU not. */
    private void nothingIsMadeForTheCpu() {
        List<KernelQueue> queues = kernel.queues();
        List<KernelThread> lwps = kernel.lwps();
        Refusal.byLinux(
                        Errno.EINVAL,
                        () -> Workqueue.create(kernel, "unplaced", (work, arg) -> {}, null, -1, Ipl.NONE, PERCPU))
                .contains("sched_setaffinity");
        Refusal.byLinux(Errno.EINVAL, () -> Kthread.create(kernel, -1, 0, cpu, arg -> {}, null, "unplaced"))
                .contains("sched_setaffinity");
        Refusal.byLinux(Errno.EINVAL, () -> Softint.establish(kernel, Softint.SOFTINT_BIO, arg -> {}, null))
                .contains("sched_setaffinity", String.valueOf(cpu.id()), "online");
        assertThat(kernel.queues()).isEqualTo(queues);
        Bounded.until(
                "no thread is left",
                () -> kernel.lwps().equals(lwps) && Proc.namedLike("unplaced") == 0 && Proc.namedLike("softbio") == 0);
    }

    /** The threads of a level that is there already serve further handlers, also for the CPU that is away. */
    private void softInterruptsRun() {
        AtomicInteger again = new AtomicInteger();
        Softint late = Softint.establish(kernel, SOFTNET, arg -> again.incrementAndGet(), null);
        int least = softRan.get() + 1;
        softint.scheduleCpu(cpu);
        late.scheduleCpu(cpu);
        Bounded.until("the handlers ran though their CPU is gone", () -> softRan.get() == least && again.get() == 1);
        late.disestablish();
    }

    /** Who can do without the pin gets a worker and a thread for soft interrupts, which are pinned as soon as the CPU is back. */
    private void bestEffortIsMade() {
        AtomicInteger ran = new AtomicInteger();
        Workqueue<Work> wq = Workqueue.create(
                lenient, "lenient", (work, arg) -> ran.incrementAndGet(), null, Pri.PRI_NONE, Ipl.NONE, PERCPU);
        int softclock = Softint.SOFTINT_CLOCK | Softint.SOFTINT_MPSAFE | Softint.SOFTINT_RCPU;
        Softint soft = Softint.establish(lenient, softclock, arg -> ran.incrementAndGet(), null);
        wq.enqueue(new Work(), cpu);
        soft.scheduleCpu(cpu);
        Bounded.until("both ran elsewhere", () -> ran.get() == 2);
        assertThat(wq.workers().get(kernel.tableIndex(cpu)).thread().pinned()).isFalse();
    }

    private void bestEffortIsPinned() {
        String end = "/" + cpu.index();
        assertThat(lenient.lwps()).filteredOn(lwp -> lwp.name().endsWith(end)).hasSize(2);
        Bounded.until("both are pinned", () -> lenient.lwps().stream()
                .filter(lwp -> lwp.name().endsWith(end))
                .allMatch(lwp -> lwp.state().pinned()));
    }

    private void aNewLevelIsMade() {
        AtomicInteger ranOn = new AtomicInteger(-1);
        Softint bio = Softint.establish(
                kernel,
                Softint.SOFTINT_BIO | Softint.SOFTINT_MPSAFE | Softint.SOFTINT_RCPU,
                arg -> ranOn.set(Affinity.currentCpu()),
                null);
        bio.scheduleCpu(cpu);
        Bounded.until("its handler ran there", () -> ranOn.get() == cpu.id());
        bio.disestablish();
    }

    /** Threads that are bound to no CPU are made and run, and so do the ways to put them away. */
    private void unboundThreadsAreMade() {
        CountDownLatch ran = new CountDownLatch(7);
        Taskq tq = Taskq.create(kernel, "free-taskq", 2, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        assertThat(tq.add(Task.initializer(arg -> ran.countDown(), null))).isTrue();
        assertThat(Taskq.systqmp(kernel).add(Task.initializer(arg -> ran.countDown(), null)))
                .isTrue();
        Workq workq = Workq.create(kernel, "free-workq", 2, Ipl.NONE);
        assertThat(workq.addTask(Workq.WQ_MPSAFE, (one, two) -> ran.countDown(), null, null))
                .isTrue();
        Workqueue<Work> wq = Workqueue.create(
                kernel, "free-wq", (work, arg) -> ran.countDown(), null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_MPSAFE);
        wq.enqueue(new Work(), null);
        Kthread.create(kernel, Pri.PRI_NONE, MPSAFE, null, arg -> run(ran), null, "free-kthread");
        plain.add(CpuThread.builder("free-thread").start(() -> run(ran)));
        plain.add(kernel.thread("free-kernel", null, Sched.DEFAULT).start(() -> run(ran)));
        Bounded.arrive(ran);
        Taskq drained = Taskq.create(kernel, "free-drained", 1, Ipl.NONE, 0);
        assertThat(drained.drainAndDestroy(Duration.ofSeconds(10))).isEmpty();
        for (CpuThread thread : plain) {
            assertThat(thread.state().pinned()).isFalse();
        }
    }

    private void run(CountDownLatch ran) {
        ran.countDown();
        Bounded.arrive(end);
    }

    private void freeThreadsMayRunEverywhere() {
        CpuSet all = CpuSet.of(kernel.cpus().stream().mapToInt(Cpu::id).toArray());
        for (CpuThread thread : plain) {
            assertThat(thread.repin()).isTrue();
        }
        for (int tid : Proc.tids()) {
            if (Proc.comm(tid).startsWith("free-") || Proc.comm(tid).equals("systqmp")) {
                Bounded.until(Proc.comm(tid) + " may run everywhere", () -> Proc.allowed(tid)
                        .equals(all));
            }
        }
        for (KernelThread lwp : kernel.lwps()) {
            if (!lwp.name().endsWith("/" + cpu.index())) {
                assertThat(lwp.state().pinsLost()).as(lwp.name()).isZero();
            }
        }
    }

    private void aCpuGoesAndComes() throws IOException {
        int index = kernel.tableIndex(cpu);
        AtomicInteger ran = new AtomicInteger();
        Workqueue<Work> wq = Workqueue.create(
                kernel, "offline", (work, arg) -> ran.incrementAndGet(), null, Pri.PRI_NONE, Ipl.NONE, PERCPU);
        int tid = wq.workers().get(index).thread().tid();
        try {
            Files.writeString(online, "0");
            wq.enqueue(new Work(), cpu);
            Bounded.until("the work ran though its CPU is gone", () -> ran.get() == 1);
            Bounded.until(
                    "the loss is seen", () -> wq.workers().get(index).thread().pinsLost() > 0);
            ThreadState lost = wq.workers().get(index).thread();
            assertThat(lost.alive()).isTrue();
            assertThat(lost.pinned()).isFalse();
            assertThat(Proc.allowed(tid)).isNotEqualTo(CpuSet.of(cpu.id()));
            // Many looks of the watch later it is still one loss.
            for (int i = 0; i < 100; i++) {
                int least = ran.get() + 1;
                wq.enqueue(new Work(), cpu);
                Bounded.until("works go on", () -> ran.get() == least);
            }
            softInterruptsRun();
            nothingIsMadeForTheCpu();
            bestEffortIsMade();
            unboundThreadsAreMade();
        } finally {
            Files.writeString(online, "1");
        }
        Bounded.until(
                "it is pinned again", () -> wq.workers().get(index).thread().pinned());
        assertThat(Proc.allowed(tid)).isEqualTo(CpuSet.of(cpu.id()));
        int least = ran.get() + 1;
        wq.enqueue(new Work(), cpu);
        Bounded.until("works go on", () -> ran.get() == least);
        Bounded.until("it runs there", () -> Proc.lastCpu(tid) == cpu.id());
        aNewLevelIsMade();
        bestEffortIsPinned();
        freeThreadsMayRunEverywhere();
        assertThat(wq.workers().get(index).thread().pinsLost())
                .as("a pin lost once, however often the watch looked")
                .isEqualTo(1);
        wq.destroy();
    }

    private static List<String> events(Recording recording) throws IOException {
        Path file = Files.createTempFile("pins", ".jfr");
        recording.dump(file);
        return RecordingFile.readAllEvents(file).stream()
                .filter(event -> event.getEventType().getName().matches("org.percpu.Pin(Lost|Restored)"))
                .sorted(Comparator.comparing(RecordedEvent::getStartTime))
                .map(event -> event.getEventType().getName() + " " + event.getString("name"))
                .toList();
    }

    public static void main(String[] args) throws IOException {
        OfflineCpu test = new OfflineCpu(Integer.parseInt(args[0]));
        List<String> lines;
        String[] bound = {"offline/" + test.cpu.index(), "softnet/" + test.cpu.index()};
        try (LoggedRecords log = new LoggedRecords(CpuThread.class);
                Recording recording = new Recording()) {
            recording.enable("org.percpu.PinLost");
            recording.enable("org.percpu.PinRestored");
            recording.start();
            test.aCpuGoesAndComes();
            // Linux may have been faster than the watch, which tells it at its next look.
            // Two of them are of threads that never had a pin before.
            Bounded.until("the restorations are told", () -> log.list().size() == 2 * bound.length + 2);
            lines = log.list().stream().map(OfflineCpu::text).toList();
            List<String> events = events(recording);
            for (String thread : bound) {
                assertThat(events)
                        .filteredOn(event -> event.endsWith(thread))
                        .containsExactly("org.percpu.PinLost " + thread, "org.percpu.PinRestored " + thread);
            }
            for (String thread : new String[] {"lenient/" + test.cpu.index(), "softclock/" + test.cpu.index()}) {
                assertThat(events)
                        .filteredOn(event -> event.endsWith(thread))
                        .containsExactly("org.percpu.PinRestored " + thread);
            }
            assertThat(events).hasSize(2 * bound.length + 2);
        }
        assertThat(lines).hasSize(2 * bound.length + 2);
        for (String thread : bound) {
            List<String> own =
                    lines.stream().filter(line -> line.contains(thread)).toList();
            assertThat(own).hasSize(2);
            assertThat(own.get(0))
                    .contains("lost its pin to {" + test.cpu.id() + "}")
                    .doesNotContain("{}");
            assertThat(own.get(1)).contains("is pinned to {" + test.cpu.id() + "} again");
        }
        test.end.countDown();
        test.kernel.close();
        test.lenient.close();
        System.out.println("pinned again after the CPU came back");
        System.exit(0);
    }

    private static String text(LogRecord message) {
        return new SimpleFormatter().formatMessage(message);
    }
}
