// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.schedules;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.concurrent.CpuExecutor;
import org.percpu.cpu.Cpu;
import org.percpu.intr.NativeWork;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.thread.Pri;

/** As {@link Scenarios}, of queues that share the thread of a CPU, and of executors. */
public final class PoolScenarios {
    private static final int WORKS = 3;
    private static final Duration FOREVER = Duration.ofDays(1);

    /** For the scheduler, which makes one for each schedule. */
    public PoolScenarios() {}

    private static final class Counted extends Work {
        final AtomicInteger runs = new AtomicInteger();
        boolean due; // written by the thread that enqueues it
    }

    private static Workqueue<Counted> queue(Kernel kernel, String name) {
        return Workqueue.create(
                kernel,
                name,
                (work, arg) -> work.runs.incrementAndGet(),
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU);
    }

    private static List<Counted> send(Kernel kernel, Workqueue<Counted> wq) {
        List<Counted> works = new ArrayList<>();
        Cpu cpu = kernel.cpus().get(0);
        for (int i = 0; i < WORKS; i++) {
            Counted work = new Counted();
            works.add(work);
            try {
                wq.enqueue(work, cpu);
                work.due = true;
            } catch (ErrnoException e) {
                if (e.errno() != Errno.ESHUTDOWN) {
                    throw e;
                }
            }
        }
        return works;
    }

    private static void check(List<Counted> works, List<?> back) {
        for (Counted work : works) {
            long returned = back.stream().filter(work::equals).count();
            Stage.mustHaveRun(work.due ? 1 : 0, work.runs.get() + returned, "a work, or its return,");
        }
    }

    /**
     * Two queues with one thread: each runs what it got, waits for it, and ends.
     *
     * @throws InterruptedException never
     */
    public void pool() throws InterruptedException {
        Stage.playShared(kernel -> {
            Workqueue<Counted> one = queue(kernel, "one");
            Workqueue<Counted> two = queue(kernel, "two");
            List<Counted> works = new ArrayList<>();
            List<Counted> others = new ArrayList<>();
            Stage.both(
                    () -> {
                        others.addAll(send(kernel, two));
                        others.forEach(two::waitFor);
                        check(others, List.of());
                        two.destroy();
                    },
                    () -> {
                        works.addAll(send(kernel, one));
                        check(works, one.drainAndDestroy(FOREVER));
                    });
        });
    }

    /**
     * The last queue of a thread ends while another one is made: that one gets a thread that lives.
     *
     * @throws InterruptedException never
     */
    public void poolJoin() throws InterruptedException {
        Stage.playShared(kernel -> {
            Workqueue<Counted> one = queue(kernel, "one");
            Stage.both(one::destroy, () -> {
                Workqueue<Counted> two = queue(kernel, "two");
                List<Counted> works = send(kernel, two);
                works.forEach(two::waitFor);
                check(works, List.of());
                two.destroy();
            });
        });
    }

    /**
     * A drain without time of one queue, while the thread may be in the other one.
     *
     * @throws InterruptedException never
     */
    public void poolDrop() throws InterruptedException {
        Stage.playShared(kernel -> {
            Workqueue<Counted> one = queue(kernel, "one");
            Workqueue<Counted> two = queue(kernel, "two");
            List<Counted> works = send(kernel, one);
            List<Object> back = new ArrayList<>();
            List<Counted> others = new ArrayList<>();
            Stage.both(
                    () -> {
                        others.addAll(send(kernel, two));
                        works.addAll(send(kernel, one));
                    },
                    () -> back.addAll(one.drainAndDestroy(Duration.ZERO)));
            check(others, two.drainAndDestroy(FOREVER));
            back.addAll(one.drainAndDestroy(FOREVER));
            check(works, back);
        });
    }

    /**
     * C code posts to one of two queues with one thread, while the other one ends.
     *
     * @throws InterruptedException never
     */
    public void poolPost() throws InterruptedException {
        Stage.playShared(kernel -> {
            AtomicInteger got = new AtomicInteger();
            AtomicReference<NativeWork> handle = new AtomicReference<>();
            Workqueue<Work> posted = Workqueue.create(
                    kernel,
                    "posted",
                    (work, arg) -> {
                        NativeWork drained = handle.get();
                        if (drained != null) {
                            int count = drained.drain(value -> got.incrementAndGet());
                            assert count >= 0;
                        }
                    },
                    null,
                    Pri.PRI_NONE,
                    Ipl.VM,
                    Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU);
            Workqueue<Counted> other = queue(kernel, "other");
            NativeWork work = posted.nativeWork(new Work(), kernel.cpus().get(0));
            handle.set(work);
            int[] accepted = new int[1];
            Stage.both(
                    () -> {
                        for (int i = 0; i < WORKS; i++) {
                            accepted[0] += work.post(i) >= 0 ? 1 : 0;
                        }
                    },
                    () -> {
                        List<Counted> works = send(kernel, other);
                        check(works, other.drainAndDestroy(FOREVER));
                    });
            Stage.mustBe(0, posted.drainAndDestroy(FOREVER).size(), "works that a drain returned");
            work.close();
            Stage.mustBe(WORKS, accepted[0], "posts to an open queue");
            Stage.mustHaveRun(WORKS, got, "posted values");
        });
    }

    /**
     * An executor: tasks that are submitted, cancelled, and taken back by shutdownNow have run, or were cancelled, or
     * come back.
     *
     * @throws InterruptedException never
     */
    public void executor() throws InterruptedException {
        Stage.play(kernel -> {
            CpuExecutor executor = CpuExecutor.builder(kernel, "ex").build();
            List<AtomicInteger> runs = new ArrayList<>();
            List<Future<?>> futures = new ArrayList<>();
            List<Runnable> back = new ArrayList<>();
            Stage.both(
                    () -> {
                        try {
                            for (int i = 0; i < WORKS; i++) {
                                AtomicInteger ran = new AtomicInteger();
                                futures.add(executor.submit(ran::incrementAndGet));
                                runs.add(ran);
                            }
                            boolean unused = futures.get(1).cancel(false);
                        } catch (RejectedExecutionException e) {
                            // The end came first.
                            assert executor.isShutdown();
                        }
                    },
                    () -> back.addAll(executor.shutdownNow()));
            // It runs out: what has begun ends.
            List<Runnable> more = executor.drainAndDestroy(FOREVER);
            back.addAll(more);
            for (int i = 0; i < runs.size(); i++) {
                Future<?> future = futures.get(i);
                long returned = back.stream().filter(future::equals).count();
                if (future.isCancelled()) {
                    Stage.mustBe(0, runs.get(i).get(), "runs of a task that was cancelled before it began");
                } else {
                    Stage.mustHaveRun(1, runs.get(i).get() + returned, "a task, or its return,");
                }
            }
        });
    }
}
