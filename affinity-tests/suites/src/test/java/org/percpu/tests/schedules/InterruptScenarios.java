// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.schedules;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.PercpuException;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.NativeWork;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.ipl.Spl;
import org.percpu.kernel.Condvar;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.thread.Pri;

/** As {@link Scenarios}, of posted works, interrupt lines and soft interrupts. */
@SuppressWarnings("LockNotBeforeTry") // what throws ends the schedule
public final class InterruptScenarios {
    private static final int MOST_VALUES = 3;
    private static final long SECOND_SENDER = 100;

    /** For the scheduler, which makes one for each schedule. */
    public InterruptScenarios() {}

    /** Values that callbacks or handlers got, and how many had been accepted. */
    private static final class Values {
        private final List<Long> got = new ArrayList<>(); // guarded by this
        private final AtomicInteger accepted = new AtomicInteger();

        synchronized void take(long value) {
            got.add(value);
        }

        synchronized void check(long lost) {
            Stage.mustHaveRun(got.size(), got.stream().distinct().count(), "each value");
            Stage.mustHaveRun(accepted.get(), got.size() + lost, "accepted values, together,");
        }

        synchronized int size() {
            return got.size();
        }
    }

    /** How many values a thread sends. Where it is one, no later one makes up for a fault. */
    private static int count() {
        return 1 + Math.floorMod(Long.getLong(Stage.SEED, 0) / 2, MOST_VALUES);
    }

    private static void post(NativeWork work, Values values, long first) {
        for (long value = first; value < first + count(); value++) {
            int result = work.post(value);
            if (result >= 0) {
                values.accepted.incrementAndGet();
            } else if (result != -Errno.ESHUTDOWN.number() && result != -Errno.EINVAL.number()) {
                throw new AssertionError("post returned " + result);
            }
        }
    }

    private static NativeWork drained(Workqueue<Work> wq, AtomicReference<NativeWork> handle, Work work) {
        NativeWork made = wq.nativeWork(work, null);
        handle.set(made);
        return made;
    }

    private static Workqueue<Work> draining(Kernel kernel, AtomicReference<NativeWork> handle, Values values) {
        return Workqueue.create(
                kernel,
                "wq",
                (work, arg) -> {
                    NativeWork drained = handle.get();
                    if (drained != null) {
                        int count = drained.drain(values::take);
                        assert count >= 0;
                    }
                },
                null,
                Pri.PRI_NONE,
                Ipl.VM,
                Workqueue.WQ_MPSAFE);
    }

    /** Lets what waits run, and ends the queue. */
    private static void end(Workqueue<Work> wq) {
        Stage.mustBe(0, wq.drainAndDestroy(Duration.ofDays(1)).size(), "works that a drain returned");
    }

    /**
     * The interrupt door: two threads post one work with values, and its callback drains them.
     *
     * @throws InterruptedException never
     */
    public void post() throws InterruptedException {
        Stage.play(kernel -> {
            Values values = new Values();
            AtomicReference<NativeWork> handle = new AtomicReference<>();
            Workqueue<Work> wq = draining(kernel, handle, values);
            NativeWork work = drained(wq, handle, new Work());
            Stage.both(() -> post(work, values, SECOND_SENDER), () -> post(work, values, 0));
            end(wq);
            work.close();
            Stage.mustBe(2L * count(), values.accepted.get(), "posts to an open queue");
            values.check(0);
        });
    }

    /**
     * Two works that two threads post, and one of them is appended by hand as well.
     *
     * @throws InterruptedException never
     */
    public void postTwo() throws InterruptedException {
        Stage.play(kernel -> {
            Taskq tq = Taskq.create(kernel, "tq", 1, Ipl.VM, Taskq.TASKQ_MPSAFE);
            AtomicInteger[] runs = {new AtomicInteger(), new AtomicInteger()};
            List<NativeWork> handles = new ArrayList<>();
            List<Task> tasks = new ArrayList<>();
            for (AtomicInteger counter : runs) {
                Task task = new Task();
                task.set(arg -> counter.incrementAndGet(), null);
                tasks.add(task);
                handles.add(tq.nativeTask(task));
            }
            int[] due = new int[2];
            Stage.both(
                    () -> {
                        due[0] += handles.get(0).post(0) == 0 ? 1 : 0;
                        due[0] += handles.get(1).post(0) == 0 ? 1 : 0;
                    },
                    () -> {
                        due[1] += handles.get(1).post(0) == 0 ? 1 : 0;
                        due[1] += tq.add(tasks.get(0)) ? 1 : 0;
                    });
            tq.destroy();
            handles.forEach(NativeWork::close);
            // A post that was queued may have found its task pending by the add: both are then one run.
            int ran = runs[0].get() + runs[1].get();
            if (ran == 0 || ran > due[0] + due[1]) {
                throw new AssertionError((ran == 0 ? "lost: " : "twice: ") + ran + " runs of " + (due[0] + due[1]));
            }
            for (AtomicInteger counter : runs) {
                if (counter.get() == 0) {
                    throw new AssertionError("lost: a task that was posted never ran");
                }
            }
        });
    }

    /**
     * Posts that race with the end of the queue: what was accepted is drained before the queue is gone.
     *
     * @throws InterruptedException never
     */
    public void postEnd() throws InterruptedException {
        Stage.play(kernel -> {
            Values values = new Values();
            AtomicReference<NativeWork> handle = new AtomicReference<>();
            Workqueue<Work> wq = draining(kernel, handle, values);
            NativeWork work = drained(wq, handle, new Work());
            Stage.both(() -> post(work, values, SECOND_SENDER), () -> end(wq));
            work.close();
            values.check(0);
        });
    }

    /**
     * Posts that race with the close of their handle: what was accepted before still runs.
     *
     * @throws InterruptedException never
     */
    public void postClose() throws InterruptedException {
        Stage.play(kernel -> {
            Values values = new Values();
            AtomicReference<NativeWork> handle = new AtomicReference<>();
            Workqueue<Work> wq = draining(kernel, handle, values);
            NativeWork work = drained(wq, handle, new Work());
            NativeWork next = wq.nativeWork(new Work(), null);
            Stage.both(() -> post(work, values, SECOND_SENDER), () -> {
                work.close();
                next.close();
            });
            end(wq);
            values.check(0);
        });
    }

    private static void trigger(InterruptLine line, Values values, long first) {
        for (long value = first; value < first + count(); value++) {
            try {
                if (line.trigger(value)) {
                    values.accepted.incrementAndGet();
                }
            } catch (PercpuException e) {
                return;
            }
        }
    }

    /**
     * A line whose receiver raises and lowers its level, sleeps, and is triggered from two threads.
     *
     * @throws InterruptedException never
     */
    public void trigger() throws InterruptedException {
        Stage.play(kernel -> {
            Values values = new Values();
            AtomicReference<InterruptLine> line = new AtomicReference<>();
            Kthread receiver = receiver(kernel, line, values, () -> {
                Spl spl = Spl.current();
                while (values.size() < 2 * count()) {
                    int before = spl.splhigh();
                    int unseen = values.size();
                    Stage.mustBe(unseen, values.size(), "values at a level that masks the line");
                    spl.splx(before);
                    int ran = Receiver.current().awaitInterrupt(LinuxCalls.FOREVER);
                    assert ran >= 0;
                }
            });
            InterruptLine open = awaitLine(kernel, receiver, line);
            Stage.both(() -> trigger(open, values, SECOND_SENDER), () -> trigger(open, values, 0));
            receiver.join();
            open.close();
            values.check(0);
            Stage.mustBe(2L * count(), values.size(), "values");
        });
    }

    /** Starts a kthread that establishes a line on itself and then does something. */
    private static Kthread receiver(Kernel kernel, AtomicReference<InterruptLine> line, Values values, Runnable then) {
        return Kthread.create(
                kernel,
                Pri.PRI_NONE,
                Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_MUSTJOIN | Kthread.KTHREAD_IDLE,
                null,
                none -> {
                    line.set(InterruptLine.establish(Receiver.current(), "line", Ipl.VM, values::take));
                    kernel.sleepq().wakeup(line);
                    then.run();
                },
                null,
                "receiver");
    }

    private static InterruptLine awaitLine(Kernel kernel, Kthread receiver, AtomicReference<InterruptLine> line) {
        receiver.start();
        InterruptLine open = line.get();
        while (open == null) {
            int result = kernel.sleepq().tsleep(line, "line", 1_000_000);
            assert result >= 0;
            open = line.get();
        }
        return open;
    }

    /**
     * A line without values on a kernel's interrupt thread: requests merge, and the last one is served.
     *
     * @throws InterruptedException never
     */
    public void request() throws InterruptedException {
        Stage.play(kernel -> {
            Receiver receiver = kernel.interrupts(kernel.cpus().get(0));
            AtomicInteger asked = new AtomicInteger();
            AtomicInteger served = new AtomicInteger();
            Mutex mutex = Mutex.netbsd("served", Ipl.VM);
            Condvar done = new Condvar(kernel, "served");
            InterruptLine line = InterruptLine.establish(receiver, "line", Ipl.VM, value -> {
                served.set(asked.get());
                mutex.lock();
                done.broadcast();
                mutex.unlock();
            });
            Runnable ask = () -> {
                int mine = asked.incrementAndGet();
                // False if the other thread's request waits: one run serves both.
                boolean unused = line.trigger();
                mutex.lock();
                while (served.get() < mine) {
                    done.await(mutex);
                }
                mutex.unlock();
            };
            Stage.both(ask, ask);
            line.close();
        });
    }

    /**
     * A line that is bound to a work, and closed while a thread triggers it.
     *
     * @throws InterruptedException never
     */
    public void boundLine() throws InterruptedException {
        Stage.play(kernel -> {
            Values values = new Values();
            AtomicReference<NativeWork> handle = new AtomicReference<>();
            Receiver receiver = kernel.interrupts(kernel.cpus().get(0));
            Workqueue<Work> wq = draining(kernel, handle, values);
            NativeWork work = drained(wq, handle, new Work());
            InterruptLine line = InterruptLine.establish(receiver, "line", Ipl.VM, work);
            Stage.both(() -> trigger(line, values, SECOND_SENDER), () -> trigger(line, values, 0));
            Stage.mustBe(2L * count(), values.accepted.get(), "triggers of an open line");
            Stage.both(() -> trigger(line, values, 2 * SECOND_SENDER), line::close);
            end(wq);
            work.close();
            values.check(0);
        });
    }

    /**
     * The close of a line that is being triggered: a value was handled, counted as lost, or refused.
     *
     * @throws InterruptedException never
     */
    public void lineClose() throws InterruptedException {
        Stage.play(kernel -> {
            Values values = new Values();
            Receiver receiver = kernel.interrupts(kernel.cpus().get(0));
            InterruptLine line = InterruptLine.establish(receiver, "line", Ipl.VM, values::take);
            Stage.both(() -> trigger(line, values, 0), line::close);
            // The handler may still be in a call that it began before the close.
            kernel.close();
            values.check(line.state().lost());
        });
    }

    /**
     * biowait(9): the handler of a thread that sleeps makes the thread's own condition true and wakes it, in whatever
     * moment of falling asleep the interrupt comes.
     *
     * @throws InterruptedException never
     */
    public void interruptAsleep() throws InterruptedException {
        Stage.play(kernel -> {
            Mutex mutex = Mutex.netbsd("bio", Ipl.VM);
            Condvar done = new Condvar(kernel, "biowait");
            AtomicInteger transfers = new AtomicInteger();
            AtomicReference<InterruptLine> line = new AtomicReference<>();
            Kthread sleeper = Kthread.create(
                    kernel,
                    Pri.PRI_NONE,
                    Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_MUSTJOIN | Kthread.KTHREAD_IDLE,
                    null,
                    none -> {
                        line.set(InterruptLine.establish(Receiver.current(), "bio", Ipl.VM, value -> {
                            mutex.lock();
                            transfers.incrementAndGet();
                            done.signal();
                            mutex.unlock();
                        }));
                        kernel.sleepq().wakeup(line);
                        for (int due = 1; due <= 2; due++) {
                            mutex.lock();
                            while (transfers.get() < due) {
                                done.await(mutex);
                            }
                            mutex.unlock();
                        }
                    },
                    null,
                    "sleeper");
            InterruptLine open = awaitLine(kernel, sleeper, line);
            Stage.mustBe(1, open.trigger(1) && open.trigger(2) ? 1 : 0, "triggers of an open line");
            sleeper.join();
            open.close();
            Stage.mustHaveRun(2, transfers, "a handler");
        });
    }

    /**
     * An interrupt of a thread that waits for a mutex: it runs there, and the mutex still comes to the thread.
     *
     * @throws InterruptedException never
     */
    public void interruptAtMutex() throws InterruptedException {
        Stage.play(kernel -> {
            Mutex mutex = Mutex.netbsd("adaptive", Ipl.NONE);
            Values values = new Values();
            AtomicReference<InterruptLine> line = new AtomicReference<>();
            AtomicInteger held = new AtomicInteger();
            Kthread waiter = receiver(kernel, line, values, () -> {
                mutex.lock();
                held.incrementAndGet();
                mutex.unlock();
                while (values.size() == 0) {
                    int ran = Receiver.current().awaitInterrupt(LinuxCalls.FOREVER);
                    assert ran >= 0;
                }
            });
            InterruptLine open = awaitLine(kernel, waiter, line);
            mutex.lock();
            boolean taken = open.trigger(1);
            mutex.unlock();
            values.accepted.addAndGet(taken ? 1 : 0);
            waiter.join();
            open.close();
            Stage.mustHaveRun(1, held, "the holder of a mutex");
            values.check(0);
        });
    }

    /**
     * softint(9): two threads schedule it; each finds what it wrote served by a run that came after.
     *
     * @throws InterruptedException never
     */
    public void softint() throws InterruptedException {
        Stage.play(kernel -> {
            AtomicInteger asked = new AtomicInteger();
            AtomicInteger served = new AtomicInteger();
            Softint softint = Softint.establish(
                    kernel,
                    Softint.SOFTINT_NET | Softint.SOFTINT_MPSAFE | Softint.SOFTINT_RCPU,
                    none -> served.set(asked.get()),
                    null);
            Runnable schedule = () -> {
                asked.incrementAndGet();
                softint.scheduleCpu(kernel.cpus().get(0));
            };
            Stage.both(schedule, schedule);
            softint.disestablish();
            Stage.mustHaveRun(2, served, "what a soft interrupt serves");
        });
    }
}
