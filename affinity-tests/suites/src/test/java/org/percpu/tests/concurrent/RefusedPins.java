// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.concurrent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.concurrent.PinnedThreadFactory;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.tests.support.Bounded;

/** Pools in a sandbox that forbids sched_setaffinity(2): none of their tasks may run. */
final class RefusedPins {
    private RefusedPins() {}

    public static void main(String[] args) throws InterruptedException {
        AtomicInteger ran = new AtomicInteger();
        PinnedThreadFactory factory = PinnedThreadFactory.builder("refused-%d")
                .cpus(CpuSet.of(CpuTopology.system().allowed().last()))
                .daemon(true)
                .build();
        ThreadPoolExecutor pool =
                new ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), factory);
        for (int i = 0; i < 3; i++) {
            assertThatThrownBy(() -> pool.execute(ran::incrementAndGet))
                    .isInstanceOf(LinuxException.class)
                    .hasMessageContaining("sched_setaffinity");
        }
        assertThat(pool.getPoolSize()).isZero();
        pool.shutdown();
        assertThat(pool.awaitTermination(Bounded.SECONDS, TimeUnit.SECONDS)).isTrue();

        ForkJoinPool workers = new ForkJoinPool(1, factory.forkJoin(), null, true);
        // The pool asks for a worker when a task is the first of its queue; later ones wait behind it.
        assertThatThrownBy(() -> workers.execute(ran::incrementAndGet))
                .isInstanceOf(LinuxException.class)
                .hasMessageContaining("sched_setaffinity");
        workers.shutdownNow();
        if (PinnedThreadFactoryTest.FORGETS_REFUSED_WORKERS) {
            assertThat(workers.getPoolSize()).isZero();
            assertThat(workers.awaitTermination(Bounded.SECONDS, TimeUnit.SECONDS))
                    .isTrue();
        }

        assertThatThrownBy(() -> factory.newThread(ran::incrementAndGet)).isInstanceOf(LinuxException.class);
        assertThat(factory.states()).isEmpty();
        assertThat(ran.get()).isZero();
        System.out.println("no task ran unpinned");
    }
}
