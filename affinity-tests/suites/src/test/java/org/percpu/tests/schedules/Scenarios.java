// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.schedules;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.percpu.bindings.sim.Faults;
import org.percpu.bindings.sim.SimMachine;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.thread.Pri;

/**
 * What is run under controlled schedules: each method by itself, without JUnit and without waits by time. A work that is lost is a
 * deadlock or a wrong count.
 */
public final class Scenarios {
    private static final int WORKS = 3;
    private static final String FAULTS = "percpu.sim.faults";

    /** For the scheduler, which makes one for each schedule. */
    public Scenarios() {}

    private static final class Counted extends Work {
        final AtomicInteger runs = new AtomicInteger();
    }

    private static Kernel kernel() {
        // Each schedule meets the same faults.
        SimMachine.ofProcess().faults(Faults.parse(System.getProperty(FAULTS, "")));
        return Kernel.builder("schedules").pinWatch(Duration.ZERO).build();
    }

    private static void mustBe(int expected, int actual, String what) {
        if (expected != actual) {
            throw new AssertionError(what + ": " + actual + " instead of " + expected);
        }
    }

    /**
     * workqueue(9): create, enqueue from two threads, drain, shut down.
     *
     * @throws InterruptedException never
     */
    public void workqueue() throws InterruptedException {
        Kernel kernel = kernel();
        Workqueue<Counted> wq = Workqueue.create(
                kernel,
                "wq",
                (work, arg) -> work.runs.incrementAndGet(),
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU);
        List<Counted> works = new ArrayList<>();
        for (int i = 0; i < 2 * WORKS; i++) {
            works.add(new Counted());
        }
        Thread other = new Thread(() -> send(kernel, wq, works.subList(WORKS, 2 * WORKS)));
        other.start();
        send(kernel, wq, works.subList(0, WORKS));
        other.join();
        works.forEach(wq::waitFor);
        wq.destroy();
        kernel.close();
        for (Counted work : works) {
            mustBe(1, work.runs.get(), "runs of a work");
        }
    }

    /**
     * Destroys a queue whose worker is just about to look for works, or sleeps: the call that ends it must reach it.
     *
     * @throws InterruptedException never
     */
    public void workqueueEnd() throws InterruptedException {
        Kernel kernel = kernel();
        Workqueue<Counted> wq = Workqueue.create(
                kernel,
                "wq",
                (work, arg) -> work.runs.incrementAndGet(),
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE);
        wq.destroy();
        kernel.close();
    }

    private static void send(Kernel kernel, Workqueue<Counted> wq, List<Counted> works) {
        for (int i = 0; i < works.size(); i++) {
            wq.enqueue(works.get(i), kernel.cpus().get(i % kernel.cpus().size()));
        }
    }

    /**
     * workqueue_wait(9) of a work that may be running, pending or done.
     *
     * @throws InterruptedException never
     */
    public void workqueueWait() throws InterruptedException {
        Kernel kernel = kernel();
        Workqueue<Counted> wq = Workqueue.create(
                kernel,
                "wq",
                (work, arg) -> work.runs.incrementAndGet(),
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE);
        Counted first = new Counted();
        Counted second = new Counted();
        wq.enqueue(first, null);
        Thread other = new Thread(() -> wq.enqueue(second, null));
        other.start();
        wq.waitFor(first);
        mustBe(1, first.runs.get(), "runs of a work that was waited for");
        other.join();
        wq.waitFor(second);
        mustBe(1, second.runs.get(), "runs of a work that was waited for");
        wq.destroy();
        kernel.close();
    }

    /**
     * task_add(9), task_del(9), taskq_barrier(9), taskq_destroy(9) by two threads.
     *
     * @throws InterruptedException never
     */
    public void taskq() throws InterruptedException {
        Kernel kernel = kernel();
        AtomicInteger ran = new AtomicInteger();
        Taskq tq = Taskq.create(kernel, "tq", 2, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        int[] due = new int[2];
        Thread other = new Thread(() -> due[1] = addAndDelete(tq, ran));
        other.start();
        due[0] = addAndDelete(tq, ran);
        other.join();
        tq.barrier();
        mustBe(due[0] + due[1], ran.get(), "runs after the barrier");
        tq.destroy();
        kernel.close();
    }

    /** How many of the tasks must run. */
    private static int addAndDelete(Taskq tq, AtomicInteger ran) {
        int due = 0;
        for (int i = 0; i < WORKS; i++) {
            Task task = new Task();
            task.set(arg -> ran.incrementAndGet(), null);
            due += tq.add(task) ? 1 : 0;
            if (i == 1 && tq.del(task)) {
                due--;
            }
        }
        return due;
    }

    /**
     * Adds that race with the end of the queue: each task ran or was refused.
     *
     * @throws InterruptedException never
     */
    public void taskqEnd() throws InterruptedException {
        Kernel kernel = kernel();
        AtomicInteger ran = new AtomicInteger();
        Taskq tq = Taskq.create(kernel, "tq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        AtomicInteger due = new AtomicInteger();
        Thread other = new Thread(() -> {
            for (int i = 0; i < WORKS; i++) {
                Task task = new Task();
                task.set(arg -> ran.incrementAndGet(), null);
                try {
                    due.addAndGet(tq.add(task) ? 1 : 0);
                } catch (RuntimeException e) {
                    return;
                }
            }
        });
        other.start();
        tq.destroy();
        other.join();
        mustBe(due.get(), ran.get(), "runs of tasks that were accepted");
        kernel.close();
    }
}
