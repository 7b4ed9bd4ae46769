// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuTopology;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelQueue;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Refusal;
import org.percpu.thread.Pri;

/** Run on a simulated machine with many CPUs, in a JVM of its own. */
final class ManyCpus {
    private static final int QUEUES = 100;
    private static final int BOTH = Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU;

    private final AtomicInteger ran = new AtomicInteger();

    private ManyCpus() {}

    public static void main(String[] scenario) {
        ManyCpus many = new ManyCpus();
        switch (scenario[0]) {
            case "steps" -> many.steps();
            case "shared" -> many.shared();
            case "own" -> many.own();
            case "memory" -> many.memory(Integer.parseInt(scenario[1]), Boolean.parseBoolean(scenario[2]));
            default -> throw new IllegalArgumentException(scenario[0]);
        }
        System.exit(0);
    }

    private static Kernel kernel(boolean shared) {
        return Kernel.builder("many").sharedWorkers(shared).build();
    }

    private Workqueue<Work> queue(Kernel kernel, String name) {
        return Workqueue.create(kernel, name, (work, arg) -> ran.incrementAndGet(), null, Pri.PRI_NONE, Ipl.NONE, BOTH);
    }

    /** A hundred queues with shared workers, and a work on each CPU of each of them. */
    private void shared() {
        try (Kernel kernel = kernel(true)) {
            List<Workqueue<Work>> queues = new ArrayList<>();
            for (int i = 0; i < QUEUES; i++) {
                queues.add(queue(kernel, "q" + i));
            }
            for (Workqueue<Work> queue : queues) {
                for (Cpu cpu : kernel.cpus()) {
                    queue.enqueue(new Work(), cpu);
                }
            }
            System.out.println(QUEUES + " queues on " + kernel.cpus().size() + " CPUs: "
                    + kernel.lwps().size() + " threads");
            queues.forEach(KernelQueue::drainAndDestroy);
            assertThat(kernel.lwps()).isEmpty();
            System.out.println("works run: " + ran);
        }
    }

    /** A hundred queues without: refused before the machine is out of threads. Then what the refusal says is done. */
    private void own() {
        try (Kernel kernel = kernel(false)) {
            List<Workqueue<Work>> queues = new ArrayList<>();
            try {
                while (queues.size() < QUEUES) {
                    queues.add(queue(kernel, "q" + queues.size()));
                }
                throw new AssertionError(queues.size() + " queues were made");
            } catch (ErrnoException e) {
                assertThat(e.errno()).isEqualTo(Errno.EAGAIN);
                System.out.println("refused: " + e.getMessage());
            }
            System.out.println("made: " + queues.size());
            // Nothing is half made, and there are threads for other purposes.
            assertThat(kernel.lwps()).hasSize(queues.size() * kernel.cpus().size());
            assertThat(kernel.queues()).hasSize(queues.size());
            Refusal.of(Errno.EAGAIN, () -> queue(kernel, "again"));
            Workqueue.create(kernel, "single", (Work work, @Nullable Object arg) -> {}, null, Pri.PRI_NONE, Ipl.NONE, 0)
                    .destroy();
        }
        shared();
    }

    /** Prints for each step how many calls it made at the seam, and how long it took. */
    private void steps() {
        for (int round = 0; round < 2; round++) {
            // The first round loads classes.
            String head = round == 0 ? "warm-up" : "step";
            Kernel kernel = step(head, "kernel", () -> kernel(false));
            Workqueue<Work> queue = step(head, "create", () -> queue(kernel, "q"));
            List<Work> works = new ArrayList<>();
            for (int i = 0; i < kernel.cpus().size(); i++) {
                works.add(new Work());
            }
            step(head, "enqueue", () -> {
                for (Cpu cpu : kernel.cpus()) {
                    queue.enqueue(works.get(kernel.tableIndex(cpu)), cpu);
                }
                return true;
            });
            step(head, "wait", () -> {
                works.forEach(queue::waitFor);
                return true;
            });
            step(head, "workers", queue::workers);
            step(head, "watch", () -> {
                kernel.lwps().forEach(lwp -> lwp.thread().repin());
                return true;
            });
            step(head, "shutdown", () -> kernel.shutdown(KernelQueue.FOREVER));
            step(head, "topology", () -> CpuTopology.read(Backend.root()));
        }
    }

    private interface Step<T> {
        T take();
    }

    private static <T> T step(String head, String name, Step<T> step) {
        long calls = CountingProvider.calls();
        long begin = System.nanoTime();
        T result = step.take();
        long nanos = System.nanoTime() - begin;
        System.out.printf(
                Locale.ROOT, "%s %s %d calls %d us%n", head, name, CountingProvider.calls() - calls, nanos / 1000);
        return result;
    }

    /** Prints how much of the heap queues take. The simulated machine's own memory is in it. */
    private void memory(int queues, boolean shared) {
        Kernel kernel = kernel(shared);
        Workqueue<Work> first = queue(kernel, "first");
        long before = used();
        List<Workqueue<Work>> more = new ArrayList<>();
        for (int i = 0; i < queues; i++) {
            more.add(queue(kernel, "q" + i));
        }
        long each = (used() - before) / queues / kernel.cpus().size();
        System.out.println(
                each + " bytes of heap for each queue and CPU, " + kernel.lwps().size() + " threads");
        more.forEach(KernelQueue::drainAndDestroy);
        first.destroy();
        kernel.close();
    }

    private static long used() {
        for (int i = 0; i < 5; i++) {
            System.gc();
        }
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }
}
