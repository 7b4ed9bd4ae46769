// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.percpu.cpu.Cpu;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.thread.CpuThread;
import org.percpu.thread.Pri;

/** Uses the library on a runtime with few modules; names no class outside java.base itself. */
final class SmallRuntime {
    private SmallRuntime() {}

    private static final class Tick extends Work {}

    public static void main(String[] args) {
        try {
            work();
        } catch (UnsupportedOperationException e) {
            System.out.println("refused: " + e.getMessage());
        }
    }

    private static void work() {
        AtomicInteger ran = new AtomicInteger();
        try (Kernel kernel = Kernel.builder("small").timing(true).build()) {
            Workqueue<Tick> wq = Workqueue.create(
                    kernel,
                    "tick",
                    (tick, arg) -> ran.incrementAndGet(),
                    null,
                    Pri.PRI_SOFTNET,
                    Ipl.NONE,
                    Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU);
            for (Cpu cpu : kernel.cpus()) {
                wq.enqueue(new Tick(), cpu);
            }
            wq.drainAndDestroy();
            CpuThread thread = CpuThread.builder("plain").start(() -> {});
            System.out.println(thread.repin());
            System.out.println("ran " + ran + " of " + kernel.cpus().size());
            kernel.shutdown(Duration.ofSeconds(1));
        }
    }
}
