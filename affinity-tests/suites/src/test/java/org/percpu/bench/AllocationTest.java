// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.openjdk.jol.info.ClassLayout;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Alone;
import org.percpu.thread.Pri;

@DisplayName("Handing over a caller's object")
@Alone
class AllocationTest {
    private static final int ITEMS = 1_000;
    private static final int WARM_ROUNDS = 200;
    private static final int ROUNDS = 50;
    /** The bean's own calls may allocate; a byte per item would be a million. */
    private static final long WARM_NANOS = TimeUnit.SECONDS.toNanos(20);

    private static final long NOISE = 4_096;

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private final AtomicLong worker = new AtomicLong();
    private final Semaphore done = new Semaphore(0);
    private int left;

    /** The callback: tells who runs it, and when a round is over. */
    private void ran() {
        worker.setPlain(Thread.currentThread().getId());
        if (--left == 0) {
            done.release();
        }
    }

    @Test
    @DisplayName("NWQ-10, NWQ-11: enqueue and run allocate nothing, neither in the caller nor in the worker")
    void enqueueAndRunAllocateNothing() {
        try (Kernel kernel = kernel()) {
            Workqueue<Work> queue = Workqueue.create(
                    kernel, "alloc", (work, none) -> ran(), null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_MPSAFE);
            Work[] works = new Work[ITEMS];
            for (int i = 0; i < ITEMS; i++) {
                works[i] = new Work();
            }
            assertNothingAllocated(i -> queue.enqueue(works[i], null));
            queue.destroy();
        }
    }

    @Test
    @DisplayName(
            "OTQ-9, OTQ-20: task_add and run allocate nothing, neither in the caller nor in the thread of the queue")
    void taskAddAndRunAllocateNothing() {
        try (Kernel kernel = kernel()) {
            Taskq queue = Taskq.create(kernel, "alloc", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            Task[] tasks = new Task[ITEMS];
            for (int i = 0; i < ITEMS; i++) {
                tasks[i] = Task.initializer(AllocationTest::ran, this);
            }
            assertNothingAllocated(i -> assertThatAdded(queue.add(tasks[i])));
            queue.destroy();
        }
    }

    private static void assertThatAdded(boolean added) {
        if (!added) {
            throw new AssertionError("the task was pending");
        }
    }

    private static Kernel kernel() {
        return Kernel.builder("alloc")
                .cpus(CpuSet.of(CpuTopology.system().allowed().first()))
                .waitStrategy(WaitStrategy.PARK)
                .build();
    }

    @FunctionalInterface
    private interface Submit {
        void item(int i);
    }

    private void assertNothingAllocated(Submit submit) {
        assumeThat(threads.isThreadAllocatedMemorySupported() && threads.isThreadAllocatedMemoryEnabled())
                .as("this JVM counts the bytes that a thread allocates")
                .isTrue();
        rounds(WARM_ROUNDS, submit);
        long caller = Thread.currentThread().getId();
        long byCaller;
        long byWorker;
        // What is not compiled yet allocates, and a busy compiler takes its time.
        long start = System.nanoTime();
        do {
            long callerBefore = threads.getThreadAllocatedBytes(caller);
            long workerBefore = threads.getThreadAllocatedBytes(worker.getPlain());
            rounds(ROUNDS, submit);
            byCaller = threads.getThreadAllocatedBytes(caller) - callerBefore;
            byWorker = threads.getThreadAllocatedBytes(worker.getPlain()) - workerBefore;
        } while ((byCaller >= NOISE || byWorker >= NOISE) && System.nanoTime() - start < WARM_NANOS);
        assertThat(byCaller)
                .as("bytes allocated by the caller for %d items", ROUNDS * ITEMS)
                .isLessThan(NOISE);
        assertThat(byWorker)
                .as("bytes allocated by the worker for %d items", ROUNDS * ITEMS)
                .isLessThan(NOISE);
    }

    private void rounds(int count, Submit submit) {
        for (int round = 0; round < count; round++) {
            left = ITEMS;
            for (int i = 0; i < ITEMS; i++) {
                submit.item(i);
            }
            done.acquireUninterruptibly();
        }
    }

    /** The same caller's object twice: as it would be anyway, and as a work. */
    private static final class Plain {
        @SuppressWarnings("UnusedVariable") // takes room
        private final Object data = this;
    }

    private static final class Deferred extends Work {
        @SuppressWarnings("UnusedVariable") // takes room
        private final Object data = this;
    }

    @Test
    @DisplayName("NWQ-1: a pending work costs at most 16 bytes of heap beyond the caller's object")
    void aPendingWorkIsSixteenBytesAtMost() {
        long plain = ClassLayout.parseClass(Plain.class).instanceSize();
        long deferred = ClassLayout.parseClass(Deferred.class).instanceSize();
        assertThat(deferred - plain).isBetween(1L, 16L);
    }
}
