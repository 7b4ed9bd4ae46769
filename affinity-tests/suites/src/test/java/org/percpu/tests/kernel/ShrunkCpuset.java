// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.logging.LogRecord;
import java.util.logging.SimpleFormatter;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Cpuset;
import org.percpu.tests.support.LoggedRecords;
import org.percpu.tests.support.Proc;
import org.percpu.thread.CpuThread;
import org.percpu.thread.Pri;
import org.percpu.thread.ThreadState;

/** Takes all CPUs but one out of its own cpuset, the argument, and puts them back. */
final class ShrunkCpuset {
    private ShrunkCpuset() {}

    public static void main(String[] args) {
        Cpuset group = Cpuset.at(Path.of(args[0]));
        Kernel kernel = Kernel.builder("shrunk").pinWatch(Duration.ofMillis(10)).build();
        CpuSet all = CpuSet.of(kernel.cpus().stream().mapToInt(Cpu::id).toArray());
        CpuSet one = CpuSet.of(all.first());
        Taskq before = Taskq.create(kernel, "before", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        Workqueue<Work> bound = Workqueue.create(
                kernel,
                "bound",
                (work, arg) -> {},
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_PERCPU | Workqueue.WQ_MPSAFE);
        int last = kernel.cpus().size() - 1;
        List<String> lines;
        try (LoggedRecords log = new LoggedRecords(CpuThread.class)) {
            group.cpus(one);
            Bounded.until("the pin is lost", () -> state(bound, last).pinsLost() == 1);
            Taskq after = Taskq.create(kernel, "after", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            CountDownLatch ran = new CountDownLatch(2);
            for (Taskq tq : List.of(before, after)) {
                assertThat(tq.add(Task.initializer(arg -> ran.countDown(), null)))
                        .isTrue();
                ThreadState state = tq.workers().get(0).thread();
                assertThat(Proc.allowed(state.tid())).isEqualTo(one);
                assertThat(state.pinned()).isFalse();
            }
            Bounded.arrive(ran);
            group.cpus(all);
            Bounded.until("it is pinned again", () -> state(bound, last).pinned());
            for (Taskq tq : List.of(before, after)) {
                int tid = tq.workers().get(0).thread().tid();
                Bounded.until("it may run everywhere", () -> Proc.allowed(tid).equals(all));
                assertThat(tq.workers().get(0).thread().pinsLost()).isZero();
            }
            // Linux may have been faster than the watch, which tells it at its next look.
            Bounded.until("the restoration is told", () -> log.list().size() == 2 * last);
            lines = log.list().stream().map(ShrunkCpuset::text).toList();
        }
        assertThat(lines).hasSize(2 * last).allMatch(line -> line.startsWith("bound/"));
        assertThat(lines).filteredOn(line -> line.contains("lost its pin")).hasSize(last);
        before.destroy();
        bound.destroy();
        System.out.println("as promised");
        System.exit(0);
    }

    private static ThreadState state(Workqueue<Work> queue, int worker) {
        return queue.workers().get(worker).thread();
    }

    private static String text(LogRecord message) {
        return new SimpleFormatter().formatMessage(message);
    }
}
