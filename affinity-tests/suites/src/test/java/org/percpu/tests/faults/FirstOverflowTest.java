// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Fork;
import org.percpu.thread.Pri;

/** The first enqueues of a JVM, whose classes are not all loaded, made near the end of a stack. */
@Timeout(value = 240, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FirstOverflowTest {
    /** Adds a task, or enqueues a work, in every frame of a stack that ends, on the way back. */
    static final class Deep {
        private final AtomicInteger ran = new AtomicInteger();
        private final List<Work> works = new ArrayList<>(10_000);
        private final List<Task> tasks = new ArrayList<>(10_000);

        private Deep() {}

        public static void main(String[] args) throws InterruptedException {
            Deep deep = new Deep();
            Kernel kernel = Kernel.builder("deep").build();
            boolean isTaskq = args[0].equals("taskq");
            Taskq tq = Taskq.create(kernel, "tasks", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            Workqueue<Work> wq = Workqueue.create(
                    kernel,
                    "works",
                    (work, arg) -> deep.ran.incrementAndGet(),
                    null,
                    Pri.PRI_NONE,
                    Ipl.NONE,
                    Workqueue.WQ_MPSAFE);
            Thread thread = new Thread(
                    null,
                    () -> {
                        try {
                            if (isTaskq) {
                                deep.add(tq);
                            } else {
                                deep.enqueue(wq);
                            }
                        } catch (StackOverflowError e) {
                            // As meant.
                        }
                    },
                    "deep",
                    Integer.parseInt(args[1]));
            thread.start();
            thread.join();
            // Without a time, so that nothing ends the waits but the wake-ups of workers that have heard a ring.
            if (isTaskq) {
                Bounded.run("waits for the tasks", tq::barrier);
                assertThat(deep.tasks).noneMatch(Task::pending);
            } else {
                Work last = new Work();
                wq.enqueue(last, null);
                Bounded.run("waits for the work", () -> wq.waitFor(last));
            }
            assertThat(deep.ran.get()).isPositive();
            Bounded.run("closes", () -> kernel.shutdown(Duration.ofSeconds(20)));
            System.out.println("ran all");
        }

        @SuppressWarnings("InfiniteRecursion") // it ends when the stack does
        private void add(Taskq tq) {
            Task task = Task.initializer(AtomicInteger::incrementAndGet, ran);
            tasks.add(task);
            try {
                add(tq);
            } finally {
                boolean added = tq.add(task);
                assert added;
            }
        }

        @SuppressWarnings("InfiniteRecursion") // it ends when the stack does
        private void enqueue(Workqueue<Work> wq) {
            Work work = new Work();
            works.add(work);
            try {
                enqueue(wq);
            } finally {
                wq.enqueue(work, null);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"taskq", "workqueue"})
    @DisplayName(
            "a ring that the end of a stack has cost while classes were still to be loaded is made up for by the next caller")
    void theNextCallerRings(String queue) {
        for (int size = 150_000; size < 160_000; size += 4_000) {
            assertThat(Fork.of(Deep.class)
                            .argument(queue)
                            .argument(Integer.toString(size))
                            .run())
                    .contains("ran all");
        }
    }
}
