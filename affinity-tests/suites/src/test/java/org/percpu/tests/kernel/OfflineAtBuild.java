// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelBuilder;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Proc;
import org.percpu.thread.Affinity;
import org.percpu.thread.Pri;

/**
 * Starts while a CPU, the first argument, is offline, and brings it online under kernels that follow their CPUs. The second argument
 * names all CPUs. The caller brings it back too, should this fail.
 */
final class OfflineAtBuild {
    private final int away;
    private final List<Cpu> told = new CopyOnWriteArrayList<>();

    private OfflineAtBuild(int away) {
        this.away = away;
    }

    private KernelBuilder following(String name) {
        return Kernel.builder(name)
                .followCpus(true)
                .pinWatch(Duration.ofMillis(10))
                .cpuListener((kernel, cpu) -> told.add(cpu));
    }

    private void itIsTakenIn(Kernel kernel) {
        Cpu cpu = kernel.cpus().get(kernel.cpus().size() - 1);
        assertThat(cpu.id()).isEqualTo(away);
        assertThat(kernel.cpus()).extracting(Cpu::index).doesNotHaveDuplicates();
    }

    private void run(CpuSet all) throws IOException {
        List<Kernel> kernels = new ArrayList<>();
        kernels.add(following("default").build());
        kernels.add(following("named").cpus(all).build());
        Kernel fixed = Kernel.builder("fixed").pinWatch(Duration.ofMillis(10)).build();
        AtomicInteger ranOn = new AtomicInteger(-1);
        List<Workqueue<Work>> queues = new ArrayList<>();
        List<Softint> softints = new ArrayList<>();
        for (Kernel kernel : kernels) {
            assertThat(kernel.cpus()).extracting(Cpu::id).doesNotContain(away).hasSize(all.size() - 1);
            queues.add(Workqueue.create(
                    kernel,
                    kernel.name(),
                    (work, arg) -> ranOn.set(Affinity.currentCpu()),
                    null,
                    Pri.PRI_NONE,
                    Ipl.NONE,
                    Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU));
            softints.add(Softint.establish(
                    kernel,
                    Softint.SOFTINT_NET | Softint.SOFTINT_MPSAFE | Softint.SOFTINT_RCPU,
                    arg -> ranOn.set(Affinity.currentCpu()),
                    null));
        }
        Files.writeString(Path.of("/sys/devices/system/cpu/cpu" + away + "/online"), "1");
        Bounded.until("both kernels are told", () -> told.size() == kernels.size());
        for (int i = 0; i < kernels.size(); i++) {
            Kernel kernel = kernels.get(i);
            itIsTakenIn(kernel);
            Cpu cpu = kernel.cpus().get(all.size() - 1);
            Workqueue<Work> wq = queues.get(i);
            assertThat(Proc.allowed(wq.workers().get(all.size() - 1).thread().tid()))
                    .isEqualTo(CpuSet.of(away));
            wq.enqueue(new Work(), cpu);
            Bounded.until("the work ran there", () -> ranOn.compareAndSet(away, -1));
            softints.get(i).scheduleCpu(cpu);
            Bounded.until("the handler ran there", () -> ranOn.compareAndSet(away, -1));
            wq.destroy();
            softints.get(i).disestablish();
            kernel.close();
        }
        assertThat(fixed.cpus()).extracting(Cpu::id).doesNotContain(away);
        fixed.close();
    }

    public static void main(String[] args) throws IOException {
        new OfflineAtBuild(Integer.parseInt(args[0])).run(CpuSet.parse(args[1]));
        System.out.println("taken in");
        System.exit(0);
    }
}
