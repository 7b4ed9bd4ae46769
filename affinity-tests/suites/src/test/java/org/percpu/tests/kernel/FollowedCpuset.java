// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelBuilder;
import org.percpu.kernel.WorkerState;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Cpuset;
import org.percpu.tests.support.Proc;
import org.percpu.thread.Affinity;
import org.percpu.thread.CpuThread;
import org.percpu.thread.Pri;

/**
 * Begins with the last CPU alone and takes the others into its cpuset, which is the first argument; the second names all. Then takes
 * them out and in again.
 */
final class FollowedCpuset {
    private final Cpuset group;
    private final CpuSet all;
    private final CpuSet first;
    private final CpuSet rest;
    private final List<Cpu> told = new CopyOnWriteArrayList<>();
    private final BlockingQueue<Integer> ranOn = new ArrayBlockingQueue<>(100);

    private FollowedCpuset(Cpuset group, CpuSet all) {
        this.group = group;
        this.all = all;
        this.first = CpuSet.of(all.last());
        this.rest = all.minus(first);
    }

    private void follow(boolean chosen) throws InterruptedException {
        KernelBuilder builder = Kernel.builder("following")
                .followCpus(true)
                .pinWatch(Duration.ofMillis(10))
                .cpuListener((of, cpu) -> {
                    assertThat(of.cpus().get(of.tableIndex(cpu))).isSameAs(cpu);
                    told.add(cpu);
                });
        Kernel kernel = chosen ? builder.cpus(all).build() : builder.build();
        List<Cpu> before = kernel.cpus();
        assertThat(before).extracting(Cpu::id).containsExactlyElementsOf(first);
        Workqueue<Work> wq = Workqueue.create(
                kernel,
                "wq",
                (work, arg) -> ranOn.add(Affinity.currentCpu()),
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU);
        Softint soft = Softint.establish(
                kernel,
                Softint.SOFTINT_NET | Softint.SOFTINT_MPSAFE | Softint.SOFTINT_RCPU,
                arg -> ranOn.add(Affinity.currentCpu()),
                null);
        Taskq tq = Taskq.create(kernel, "tq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);

        group.cpus(all);
        Bounded.until("all CPUs are told of", () -> told.size() == rest.size());
        assertThat(before).as("a snapshot").hasSize(1);
        assertThat(kernel.cpus().subList(1, all.size())).containsExactlyElementsOf(told);
        assertThat(told).extracting(Cpu::id).containsExactlyElementsOf(rest);
        List<Integer> indices = new ArrayList<>();
        kernel.cpus().forEach(cpu -> indices.add(cpu.index()));
        for (int i = 0; i < all.size(); i++) {
            assertThat(indices).contains(i);
        }
        int tid = tq.workers().get(0).thread().tid();
        Bounded.until("a thread bound to no CPU may run on all", () -> Proc.allowed(tid)
                .equals(all));
        worksRunWhereTheyAreSent(kernel, wq, soft);

        group.cpus(first);
        Cpu gone = kernel.cpus().get(1);
        Bounded.until("the pin is lost", () -> state(wq, 1).thread().pinsLost() == 1);
        assertThat(kernel.cpus()).hasSize(all.size());
        wq.enqueue(new Work(), gone);
        assertThat(ranOn.poll(30, TimeUnit.SECONDS)).isEqualTo(first.first());
        group.cpus(all);
        Bounded.until("it is pinned again", () -> state(wq, 1).thread().pinned());
        worksRunWhereTheyAreSent(kernel, wq, soft);
        assertThat(told).hasSize(rest.size());
        assertThat(wq.workers()).hasSize(all.size());

        soft.disestablish();
        wq.destroy();
        tq.destroy();
        kernel.close();
        Bounded.until("no thread is left", () -> kernel.lwps().isEmpty());
        told.clear();
    }

    private static WorkerState state(Workqueue<Work> queue, int worker) {
        return queue.workers().get(worker);
    }

    private void worksRunWhereTheyAreSent(Kernel kernel, Workqueue<Work> wq, Softint soft) throws InterruptedException {
        assertThat(wq.workers()).hasSize(all.size());
        for (Cpu cpu : kernel.cpus()) {
            WorkerState worker = state(wq, kernel.tableIndex(cpu));
            assertThat(worker.thread().name()).isEqualTo("wq/" + cpu.index());
            assertThat(Proc.allowed(worker.thread().tid())).isEqualTo(CpuSet.of(cpu.id()));
            wq.enqueue(new Work(), cpu);
            assertThat(ranOn.poll(30, TimeUnit.SECONDS)).isEqualTo(cpu.id());
            Softint remote = soft;
            Bounded.until("its soft interrupts are pinned", () -> kernel.lwps().stream()
                    .filter(lwp -> lwp.name().equals("softnet/" + cpu.index()))
                    .allMatch(lwp -> lwp.state().pinned()));
            remote.scheduleCpu(cpu);
            assertThat(ranOn.poll(30, TimeUnit.SECONDS)).isEqualTo(cpu.id());
            CountDownLatch sent = new CountDownLatch(1);
            assertThat(CpuThread.builder("sender")
                            .cpu(cpu)
                            .start(() -> {
                                wq.enqueue(new Work(), null);
                                sent.countDown();
                            })
                            .tid())
                    .isPositive();
            Bounded.arrive(sent);
            assertThat(ranOn.poll(30, TimeUnit.SECONDS)).isEqualTo(cpu.id());
        }
    }

    /** Without being asked to follow, a kernel keeps the table that it was made with. */
    private void fixed() {
        Kernel kernel = Kernel.builder("fixed").pinWatch(Duration.ofMillis(10)).build();
        Kernel other = Kernel.builder("following")
                .followCpus(true)
                .pinWatch(Duration.ofMillis(10))
                .build();
        Taskq tq = Taskq.create(kernel, "tq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        group.cpus(all);
        Bounded.until("the other one has them", () -> other.cpus().size() == all.size());
        int tid = tq.workers().get(0).thread().tid();
        Bounded.until("its threads stay on its CPUs", () -> Proc.allowed(tid).equals(first));
        assertThat(kernel.cpus()).extracting(Cpu::id).containsExactlyElementsOf(first);
        kernel.close();
        other.close();
    }

    public static void main(String[] args) throws InterruptedException {
        Cpuset group = Cpuset.at(Path.of(args[0]));
        FollowedCpuset test = new FollowedCpuset(group, CpuSet.parse(args[1]));
        test.follow(false);
        for (boolean chosen : new boolean[] {true, false}) {
            group.cpus(test.first);
            test.follow(chosen);
        }
        group.cpus(test.first);
        test.fixed();
        System.out.println("followed");
        System.exit(0);
    }
}
