// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.percpu.bindings.spi.Errno;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelQueue;
import org.percpu.kernel.Lwp;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.thread.Pri;
import org.percpu.thread.ThreadState;

/** Takes a CPU, the argument, offline under a worker and brings it back. The caller brings it back too, should this fail. */
final class OfflineCpu {
    private static final int PERCPU = Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU;

    private OfflineCpu() {}

    /** The first worker can be made, the one of this CPU not. */
    private static void nothingIsMadeFor(Cpu cpu, Kernel kernel) {
        List<KernelQueue> queues = kernel.queues();
        List<Lwp> lwps = kernel.lwps();
        Refusal.byLinux(
                        Errno.EINVAL,
                        () -> Workqueue.create(kernel, "unplaced", (work, arg) -> {}, null, -1, Ipl.NONE, PERCPU))
                .contains("sched_setaffinity");
        Refusal.byLinux(Errno.EINVAL, () -> Kthread.create(kernel, -1, 0, cpu, arg -> {}, null, "unplaced"))
                .contains("sched_setaffinity");
        assertThat(kernel.queues()).isEqualTo(queues);
        Bounded.until("no thread is left", () -> kernel.lwps().equals(lwps) && Proc.namedLike("unplaced") == 0);
    }

    public static void main(String[] args) throws IOException {
        int id = Integer.parseInt(args[0]);
        Path online = Path.of("/sys/devices/system/cpu/cpu" + id + "/online");
        Kernel kernel = Kernel.builder("offline")
                .console(System.out::println)
                .pinWatch(Duration.ofMillis(10))
                .build();
        Cpu cpu = kernel.cpus().get(kernel.cpus().size() - 1);
        assertThat(cpu.id()).isEqualTo(id);
        int index = kernel.tableIndex(cpu);
        AtomicInteger ran = new AtomicInteger();
        Workqueue<Work> wq = Workqueue.create(
                kernel, "offline", (work, arg) -> ran.incrementAndGet(), null, Pri.PRI_NONE, Ipl.NONE, PERCPU);
        int tid = wq.workers().get(index).thread().tid();
        long lostOnce;
        try {
            Files.writeString(online, "0");
            wq.enqueue(new Work(), cpu);
            Bounded.until("the work ran though its CPU is gone", () -> ran.get() == 1);
            Bounded.until(
                    "the loss is seen", () -> wq.workers().get(index).thread().pinsLost() > 0);
            ThreadState lost = wq.workers().get(index).thread();
            assertThat(lost.alive()).isTrue();
            assertThat(lost.pinned()).isFalse();
            assertThat(Proc.allowed(tid)).isNotEqualTo(CpuSet.of(id));
            // Many looks of the watch later it is still one loss.
            for (int i = 0; i < 100; i++) {
                int least = ran.get() + 1;
                wq.enqueue(new Work(), cpu);
                Bounded.until("works go on", () -> ran.get() == least);
            }
            nothingIsMadeFor(cpu, kernel);
        } finally {
            Files.writeString(online, "1");
        }
        Bounded.until(
                "it is pinned again", () -> wq.workers().get(index).thread().pinned());
        assertThat(Proc.allowed(tid)).isEqualTo(CpuSet.of(id));
        int least = ran.get() + 1;
        wq.enqueue(new Work(), cpu);
        Bounded.until("works go on", () -> ran.get() == least);
        Bounded.until("it runs there", () -> Proc.lastCpu(tid) == id);
        lostOnce = wq.workers().get(index).thread().pinsLost();
        wq.destroy();
        kernel.close();
        assertThat(lostOnce)
                .as("a pin lost once, however often the watch looked")
                .isBetween(1L, 2L);
        System.out.println("pinned again after the CPU came back; pins lost: " + lostOnce);
        System.exit(0);
    }
}
