// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.netbsd;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.thread.Pri;

/** Run as a user that has only this process: lowers RLIMIT_NPROC and asks for more threads than it allows. */
final class RefusedThreads {
    private static final int PERCPU = Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU;

    private RefusedThreads() {}

    public static void main(String[] args) {
        // Everything that makes threads of its own has done so before they are counted.
        Kernel warm = kernel(Duration.ZERO);
        Workqueue<Work> first = Workqueue.create(warm, "warm", (work, arg) -> {}, null, Pri.PRI_NONE, Ipl.NONE, PERCPU);
        List<Integer> tids =
                first.workers().stream().map(worker -> worker.thread().tid()).toList();
        first.destroy();
        Bounded.until("the first queue's threads are gone", () -> tids.stream().noneMatch(Proc::exists));
        if (args.length > 0) {
            watch();
        } else {
            workersAndThreads(warm);
        }
        System.exit(0);
    }

    private static Kernel kernel(Duration watch) {
        return Kernel.builder("refused")
                .console(System.out::println)
                .pinWatch(watch)
                .build();
    }

    private static void workersAndThreads(Kernel kernel) {
        int cpus = kernel.cpus().size();
        for (int k = 0; k < cpus; k++) {
            int tasks = allowThreads(k);
            Refusal.of(
                            Errno.EAGAIN,
                            () -> Workqueue.create(kernel, "short", (work, arg) -> {}, null, -1, Ipl.NONE, PERCPU))
                    .contains("short", "worker " + (k + 1) + " of " + cpus);
            assertThat(kernel.lwps()).isEmpty();
            assertThat(kernel.queues()).isEmpty();
            Bounded.until("no thread is left", () -> Proc.tids().size() <= tasks);
        }
        int tasks = allowThreads(0);
        Refusal.of(Errno.EAGAIN, () -> Kthread.create(kernel, -1, 0, null, arg -> {}, null, "one more"))
                .contains("one more", "RLIMIT_NPROC");
        assertThat(kernel.lwps()).isEmpty();
        assertThat(Proc.tids().size()).isLessThanOrEqualTo(tasks);

        // The same kernel works on when there are threads again.
        limit(10_000);
        int[] ran = new int[1];
        Workqueue<Work> wq = Workqueue.create(kernel, "enough", (work, arg) -> ran[0]++, null, -1, Ipl.NONE, 0);
        wq.enqueue(new Work(), null);
        wq.drainAndDestroy();
        assertThat(ran[0]).isEqualTo(1);
        System.out.println("all refusals were clean");
    }

    private static void watch() {
        Kernel kernel = kernel(Duration.ofMillis(50));
        int tasks = allowThreads(1);
        boolean created;
        try {
            Kthread.create(kernel, -1, Kthread.KTHREAD_MPSAFE, null, arg -> {}, null, "unwatched");
            created = true;
        } catch (RuntimeException e) {
            System.out.println(e);
            created = false;
        }
        System.out.println("created: " + created + ", threads of the kernel: " + kernel.lwps());
        List<String> left = kernel.lwps().stream().map(Object::toString).toList();
        if (!created) {
            assertThat(left).as("a refused create left a thread").isEmpty();
        }
        // The watch itself may have been made before the thread was refused; it ends with its kernel.
        kernel.close();
        Bounded.until("no thread is left", () -> Proc.tids().size() <= tasks);
        System.out.println("the refused watch left nothing");
    }

    /** Allows so many threads more than there are, and says how many there are. */
    private static int allowThreads(int more) {
        int tasks = Proc.tids().size();
        limit(tasks + more);
        return tasks;
    }

    private static void limit(int tasks) {
        long[] now = new long[2];
        assertThat(Machine.linux().getrlimit(LinuxCalls.RLIMIT_NPROC, now)).isZero();
        assertThat(Machine.linux().setrlimit(LinuxCalls.RLIMIT_NPROC, tasks, now[1]))
                .isZero();
    }
}
