// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.dispatch.Dispatchers;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.openbsd.WorkqTask;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.TestKernel;

@Timeout(60)
@DisplayName("The first call that a thread makes, with the worker asleep, allocates nothing:")
class FreshThreadTest {
    /** The bean and the calls before the first one here are the same for every thread: what is left is noise of the JVM. */
    private static final int THREADS = 200;

    private static final ThreadMXBean BEAN = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    @RegisterExtension
    final TestKernel kernels = new TestKernel();

    private final Semaphore ran = new Semaphore(0);

    @BeforeAll
    static void theJvmCounts() {
        Machine.needsLinux("the simulation's own calls allocate");
        assumeThat(BEAN.isThreadAllocatedMemorySupported() && BEAN.isThreadAllocatedMemoryEnabled())
                .as("this JVM counts the bytes that a thread allocates")
                .isTrue();
    }

    /** From here on the process uses levels, and callers are checked for theirs. */
    @BeforeEach
    void levelsAreUsed() {
        Bounded.run("level", () -> assertThat(Spl.current().level()).isEqualTo(Ipl.NONE));
        assertThat(Dispatchers.isUsed()).isTrue();
    }

    /** Calls once from each of many threads, while the worker sleeps; the fewest bytes that one has allocated. */
    private long fewestBytes(Runnable first) {
        long[] least = {Long.MAX_VALUE};
        for (int i = 0; i < THREADS && least[0] > 0; i++) {
            workersSleep();
            // Not Bounded: a FutureTask allocates in the thread that runs it.
            Thread thread = new Thread(() -> {
                long before = BEAN.getCurrentThreadAllocatedBytes();
                first.run();
                long bytes = BEAN.getCurrentThreadAllocatedBytes() - before;
                synchronized (least) {
                    least[0] = Math.min(least[0], bytes);
                }
            });
            thread.start();
            join(thread);
            Bounded.acquire(ran, 1);
        }
        return least[0];
    }

    private static void join(Thread thread) {
        try {
            thread.join(TimeUnit.SECONDS.toMillis(Bounded.SECONDS));
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted", e);
        }
    }

    private void workersSleep() {
        Bounded.until("the workers sleep", () -> kernels.get().lwps().stream().allMatch(lwp -> {
            String stack = java.util.Arrays.toString(lwp.thread().thread().getStackTrace());
            return stack.contains("futex_wait");
        }));
    }

    @Test
    @DisplayName("workqueue_enqueue")
    void enqueue() {
        Workqueue<Work> wq = kernels.workqueue("wq", Workqueue.WQ_MPSAFE, (work, none) -> ran.release());
        Work work = new Work();
        assertThat(fewestBytes(() -> wq.enqueue(work, null))).isZero();
        wq.drainAndDestroy();
    }

    @Test
    @DisplayName("task_add")
    void add() {
        Taskq tq = Taskq.create(kernels.get(), "tq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        Task task = Task.initializer(Semaphore::release, ran);
        assertThat(fewestBytes(() -> {
                    if (!tq.add(task)) {
                        throw new AssertionError("pending");
                    }
                }))
                .isZero();
        tq.destroy();
    }

    @Test
    @DisplayName("workq_queue_task")
    void queueTask() {
        Workq wq = Workq.create(kernels.get(), "wq", 1, Ipl.NONE);
        Queue<WorkqTask> entries = new ArrayDeque<>();
        for (int i = 0; i < THREADS; i++) {
            entries.add(new WorkqTask());
        }
        Workq.Function<Semaphore, Object> release = (semaphore, none) -> semaphore.release();
        assertThat(fewestBytes(() -> wq.queueTask(entries.remove(), 0, release, ran, null)))
                .isZero();
        wq.destroy();
    }

    @Test
    @DisplayName("softint_schedule_cpu")
    void schedule() {
        Softint soft = Softint.establish(
                kernels.get(),
                Softint.SOFTINT_NET | Softint.SOFTINT_MPSAFE | Softint.SOFTINT_RCPU,
                Semaphore::release,
                ran);
        assertThat(fewestBytes(() -> soft.scheduleCpu(kernels.cpu(0)))).isZero();
        soft.disestablish();
    }

    @Test
    @DisplayName("InterruptLine.trigger")
    void trigger() {
        Receiver receiver = kernels.get().interrupts(kernels.cpu(0));
        try (InterruptLine line = InterruptLine.establish(receiver, "line", Ipl.VM, value -> ran.release())) {
            assertThat(fewestBytes(() -> {
                        if (!line.trigger(1)) {
                            throw new AssertionError("full");
                        }
                    }))
                    .isZero();
        }
    }
}
