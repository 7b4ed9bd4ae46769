// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.schedules;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.PercpuException;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.thread.Pri;

/**
 * What is run under controlled schedules, of the queues: each method by itself, without JUnit and without waits by
 * time. A work that is lost is a deadlock or a wrong count.
 */
public final class Scenarios {
    private static final int WORKS = 3;

    /** For the scheduler, which makes one for each schedule. */
    public Scenarios() {}

    private static final class Counted extends Work {
        final AtomicInteger runs = new AtomicInteger();
        boolean due; // written by the thread that enqueues it
    }

    private static final class CountedTask extends Task {
        final AtomicInteger runs = new AtomicInteger();
        int due; // written by the thread that adds it

        CountedTask() {
            set(arg -> runs.incrementAndGet(), null);
        }
    }

    private static Workqueue<Counted> workqueue(Kernel kernel, int flags) {
        return Workqueue.create(
                kernel,
                "wq",
                (work, arg) -> work.runs.incrementAndGet(),
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE | flags);
    }

    private static List<Counted> works(int count) {
        List<Counted> works = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            works.add(new Counted());
        }
        return works;
    }

    /** To each CPU in turn. A queue that ends meanwhile refuses. */
    private static void send(Kernel kernel, Workqueue<Counted> wq, List<Counted> works) {
        for (int i = 0; i < works.size(); i++) {
            try {
                wq.enqueue(works.get(i), kernel.cpus().get(i % kernel.cpus().size()));
                works.get(i).due = true;
            } catch (ErrnoException e) {
                if (e.errno() != Errno.ESHUTDOWN) {
                    throw e;
                }
            }
        }
    }

    private static void checkWorks(List<Counted> works) {
        for (Counted work : works) {
            Stage.mustHaveRun(work.due ? 1 : 0, work.runs, "a work");
        }
    }

    /**
     * workqueue(9): create, enqueue from two threads, wait, destroy.
     *
     * @throws InterruptedException never
     */
    public void workqueue() throws InterruptedException {
        Stage.play(kernel -> {
            Workqueue<Counted> wq = workqueue(kernel, Workqueue.WQ_PERCPU);
            List<Counted> works = works(2 * WORKS);
            Stage.both(
                    () -> send(kernel, wq, works.subList(WORKS, 2 * WORKS)),
                    () -> send(kernel, wq, works.subList(0, WORKS)));
            works.stream().filter(work -> work.due).forEach(wq::waitFor);
            checkWorks(works);
            wq.destroy();
        });
    }

    /**
     * Destroys a queue whose worker is just about to look for works, or sleeps: the call that ends it must reach it.
     *
     * @throws InterruptedException never
     */
    public void workqueueEnd() throws InterruptedException {
        Stage.play(kernel -> workqueue(kernel, 0).destroy());
    }

    /**
     * workqueue_wait(9) of a work that may be running, pending or done.
     *
     * @throws InterruptedException never
     */
    public void workqueueWait() throws InterruptedException {
        Stage.play(kernel -> {
            Workqueue<Counted> wq = workqueue(kernel, 0);
            List<Counted> works = works(2);
            wq.enqueue(works.get(0), null);
            Stage.both(() -> wq.enqueue(works.get(1), null), () -> {
                wq.waitFor(works.get(0));
                Stage.mustHaveRun(1, works.get(0).runs, "a work that was waited for");
            });
            wq.waitFor(works.get(1));
            Stage.mustHaveRun(1, works.get(1).runs, "a work that was waited for");
            wq.destroy();
        });
    }

    /**
     * A drain without time, while the worker may be anywhere: each work has run or comes back, and none both.
     *
     * @throws InterruptedException never
     */
    public void workqueueDrop() throws InterruptedException {
        Stage.play(kernel -> {
            Workqueue<Counted> wq = workqueue(kernel, Workqueue.WQ_PERCPU);
            List<Counted> works = works(2 * WORKS);
            List<Counted> back = new ArrayList<>();
            // The worker may have these as a batch, and be in the midst of it.
            send(kernel, wq, works.subList(0, WORKS));
            Stage.both(
                    () -> send(kernel, wq, works.subList(WORKS, 2 * WORKS)),
                    () -> back.addAll(wq.drainAndDestroy(Duration.ZERO)));
            back.addAll(wq.drainAndDestroy(Duration.ZERO));
            for (Counted work : works) {
                long returned = back.stream().filter(work::equals).count();
                Stage.mustHaveRun(work.due ? 1 : 0, work.runs.get() + returned, "a work, or its return,");
            }
        });
    }

    /**
     * task_add(9), task_del(9), taskq_barrier(9), taskq_destroy(9) by two threads.
     *
     * @throws InterruptedException never
     */
    public void taskq() throws InterruptedException {
        Stage.play(kernel -> {
            AtomicInteger ran = new AtomicInteger();
            Taskq tq = Taskq.create(kernel, "tq", 2, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            int[] due = new int[2];
            Stage.both(() -> due[1] = addAndDelete(tq, ran), () -> due[0] = addAndDelete(tq, ran));
            tq.barrier();
            Stage.mustHaveRun(due[0] + due[1], ran, "tasks before the barrier");
            tq.destroy();
        });
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
        Stage.play(kernel -> {
            Taskq tq = Taskq.create(kernel, "tq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            List<CountedTask> tasks = new ArrayList<>();
            Stage.both(
                    () -> {
                        for (int i = 0; i < WORKS; i++) {
                            CountedTask task = new CountedTask();
                            try {
                                task.due = tq.add(task) ? 1 : 0;
                            } catch (PercpuException e) {
                                return;
                            } finally {
                                tasks.add(task);
                            }
                        }
                    },
                    tq::destroy);
            tasks.forEach(task -> Stage.mustHaveRun(task.due, task.runs, "a task"));
        });
    }

    /**
     * One task that two threads add and take back: each add that was accepted has run once or was taken back.
     *
     * @throws InterruptedException never
     */
    public void taskDel() throws InterruptedException {
        Stage.play(kernel -> {
            Taskq tq = Taskq.create(kernel, "tq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            CountedTask task = new CountedTask();
            int[] due = new int[2];
            Stage.both(
                    () -> {
                        for (int i = 0; i < WORKS; i++) {
                            due[1] += tq.add(task) ? 1 : 0;
                        }
                    },
                    () -> {
                        for (int i = 0; i < WORKS; i++) {
                            due[0] -= tq.del(task) ? 1 : 0;
                        }
                    });
            tq.destroy();
            Stage.mustHaveRun(due[0] + due[1], task.runs, "a task that is added and deleted");
        });
    }

    /**
     * taskq_del_barrier(9): behind it the task neither waits nor runs, so its owner may write what it uses.
     *
     * @throws InterruptedException never
     */
    public void taskDelBarrier() throws InterruptedException {
        Stage.play(kernel -> {
            Taskq tq = Taskq.create(kernel, "tq", 2, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            AtomicInteger inside = new AtomicInteger();
            Task task = new Task();
            task.set(
                    arg -> {
                        inside.incrementAndGet();
                        inside.decrementAndGet();
                    },
                    null);
            CountedTask others = new CountedTask();
            Stage.both(() -> others.due = tq.add(others) ? 1 : 0, () -> {
                for (int i = 0; i < 2; i++) {
                    if (!tq.add(task)) {
                        throw new AssertionError("lost: a task that is not pending was not added");
                    }
                    tq.delBarrier(task);
                    Stage.mustBe(0, inside.get(), "callbacks of a task behind its barrier");
                    Stage.mustBe(0, task.pending() ? 1 : 0, "pending behind its barrier");
                }
            });
            tq.destroy();
            Stage.mustHaveRun(others.due, others.runs, "another task");
        });
    }

    /**
     * taskq_barrier(9) with several threads: what the caller added before has run, whichever worker took it.
     *
     * @throws InterruptedException never
     */
    public void taskBarrier() throws InterruptedException {
        Stage.play(kernel -> {
            Taskq tq = Taskq.create(kernel, "tq", 2, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            Stage.both(() -> addThenBarrier(tq), () -> addThenBarrier(tq));
            tq.destroy();
        });
    }

    private static void addThenBarrier(Taskq tq) {
        CountedTask first = new CountedTask();
        CountedTask second = new CountedTask();
        boolean added = tq.add(first) && tq.add(second);
        tq.barrier();
        Stage.mustBe(1, added ? 1 : 0, "adds of tasks that were not pending");
        Stage.mustHaveRun(1, first.runs, "a task before the barrier");
        Stage.mustHaveRun(1, second.runs, "a task before the barrier");
    }

    /**
     * A drain without time of a queue with two threads: each task has run or comes back.
     *
     * @throws InterruptedException never
     */
    public void taskqDrop() throws InterruptedException {
        Stage.play(kernel -> {
            Taskq tq = Taskq.create(kernel, "tq", 2, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            List<CountedTask> tasks = new ArrayList<>();
            List<Object> back = new ArrayList<>();
            Stage.both(
                    () -> {
                        for (int i = 0; i < 2 * WORKS; i++) {
                            CountedTask task = new CountedTask();
                            tasks.add(task);
                            try {
                                task.due = tq.add(task) ? 1 : 0;
                            } catch (PercpuException e) {
                                return;
                            }
                        }
                    },
                    () -> back.addAll(tq.drainAndDestroy(Duration.ZERO)));
            for (CountedTask task : tasks) {
                long returned = back.stream().filter(task::equals).count();
                Stage.mustHaveRun(task.due, task.runs.get() + returned, "a task, or its return,");
            }
        });
    }

    /**
     * workq(9): tasks of the queue's own pool from two threads, and the end of the queue.
     *
     * @throws InterruptedException never
     */
    public void workq() throws InterruptedException {
        Stage.play(kernel -> {
            Workq wq = Workq.create(kernel, "wq", 2, Ipl.NONE);
            AtomicInteger ran = new AtomicInteger();
            int[] due = new int[2];
            Stage.both(() -> due[1] = addTasks(wq, ran), () -> due[0] = addTasks(wq, ran));
            wq.destroy();
            Stage.mustHaveRun(due[0] + due[1], ran, "tasks of a workq");
        });
    }

    private static int addTasks(Workq wq, AtomicInteger ran) {
        int due = 0;
        for (int i = 0; i < WORKS; i++) {
            due += wq.addTask(0, (counter, none) -> counter.incrementAndGet(), ran, null) ? 1 : 0;
        }
        return due;
    }

    /**
     * A shutdown that races with adds: each accepted task has run, or the report has it.
     *
     * @throws InterruptedException never
     */
    public void shutdown() throws InterruptedException {
        Stage.play(kernel -> {
            Taskq tq = Taskq.create(kernel, "tq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            Workqueue<Counted> wq = workqueue(kernel, Workqueue.WQ_PERCPU);
            List<Counted> works = works(WORKS);
            CountedTask task = new CountedTask();
            List<Object> back = new ArrayList<>();
            Stage.both(
                    () -> {
                        try {
                            task.due = tq.add(task) ? 1 : 0;
                        } catch (PercpuException e) {
                            task.due = 0;
                        }
                        send(kernel, wq, works);
                    },
                    () -> back.addAll(kernel.shutdown(Duration.ZERO).worksNeverRun()));
            for (Counted work : works) {
                long returned = back.stream().filter(work::equals).count();
                Stage.mustHaveRun(work.due ? 1 : 0, work.runs.get() + returned, "a work, or its return,");
            }
            long returned = back.stream().filter(task::equals).count();
            Stage.mustHaveRun(task.due, task.runs.get() + returned, "a task, or its return,");
        });
    }
}
