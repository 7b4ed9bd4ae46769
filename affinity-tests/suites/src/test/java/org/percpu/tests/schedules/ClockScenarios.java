// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.schedules;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.clock.Time;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.kernel.Condvar;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Callout;
import org.percpu.openbsd.Timeout;

/** As {@link Scenarios}, of timers: what arms, moves and cancels them against what calls them and ends them. */
@SuppressWarnings("LockNotBeforeTry") // what throws ends the schedule
public final class ClockScenarios {
    private static final int ROUNDS = 3;
    private static final Duration AT_ONCE = Duration.ofNanos(1);
    private static final Duration SOON = Duration.ofNanos(20_000);
    private static final Duration NEVER = Duration.ofDays(1);

    /** For the scheduler, which makes one for each schedule. */
    public ClockScenarios() {}

    private static Timeout timeout(Kernel kernel, AtomicInteger ran) {
        return Timeout.initializerFlags(kernel, arg -> ran.incrementAndGet(), null, 0);
    }

    /**
     * timeout_add(9) and timeout_del(9) of one timeout by two threads: what was armed has run once, or was taken back.
     *
     * @throws InterruptedException never
     */
    public void timeout() throws InterruptedException {
        Stage.play(kernel -> {
            AtomicInteger ran = new AtomicInteger();
            Timeout timeout = timeout(kernel, ran);
            int[] due = new int[2];
            Stage.both(
                    () -> {
                        for (int i = 0; i < ROUNDS; i++) {
                            due[1] += timeout.add(AT_ONCE) ? 1 : 0;
                        }
                    },
                    () -> {
                        for (int i = 0; i < ROUNDS; i++) {
                            due[0] -= timeout.del() ? 1 : 0;
                        }
                    });
            due[0] -= timeout.delBarrier() ? 1 : 0;
            Stage.mustHaveRun(due[0] + due[1], ran, "a timeout that is added and deleted");
        });
    }

    /**
     * timeout_add(9) of a pending timeout: it moves to and fro, and runs once, whichever clock looks when.
     *
     * @throws InterruptedException never
     */
    public void move() throws InterruptedException {
        Stage.play(kernel -> {
            AtomicInteger ran = new AtomicInteger();
            Timeout timeout = timeout(kernel, ran);
            Timeout other = timeout(kernel, ran);
            int[] due = new int[2];
            Stage.both(
                    () -> {
                        due[0] += timeout.add(SOON) ? 1 : 0;
                        due[0] += timeout.add(NEVER) ? 1 : 0;
                        due[0] += timeout.add(AT_ONCE) ? 1 : 0;
                    },
                    () -> {
                        due[1] += other.add(NEVER) ? 1 : 0;
                        due[1] += other.add(SOON) ? 1 : 0;
                    });
            List<Object> back = kernel.shutdown(Duration.ofSeconds(1)).worksNeverRun();
            Stage.mustBe(0, back.size(), "timeouts that a shutdown with time returned");
            Stage.mustHaveRun(due[0] + due[1], ran, "timeouts that are moved");
        });
    }

    /**
     * A timer that is armed while its clock sleeps for a later one: the clock must hear of it.
     *
     * @throws InterruptedException never
     */
    public void earlier() throws InterruptedException {
        Stage.play(kernel -> {
            Mutex mutex = Mutex.netbsd("done", Ipl.SOFTCLOCK);
            Condvar done = new Condvar(kernel, "done");
            AtomicInteger ran = new AtomicInteger();
            Timeout late = timeout(kernel, new AtomicInteger());
            Timeout early = Timeout.initializerFlags(
                    kernel,
                    arg -> {
                        mutex.lock();
                        ran.incrementAndGet();
                        done.signal();
                        mutex.unlock();
                    },
                    null,
                    0);
            boolean armed = late.add(NEVER);
            assert armed;
            long begin = Time.now();
            for (int due = 1; due <= 2; due++) {
                boolean added = early.add(SOON);
                assert added;
                mutex.lock();
                while (ran.get() < due) {
                    done.await(mutex);
                }
                mutex.unlock();
            }
            long nanos = Time.now() - begin;
            if (nanos < 2 * SOON.toNanos() || nanos >= NEVER.toNanos()) {
                throw new AssertionError("two timeouts of " + SOON + " took " + nanos + " ns");
            }
            boolean taken = late.del();
            Stage.mustBe(1, taken ? 1 : 0, "takes of a timeout that is pending");
        });
    }

    /**
     * callout_halt(9): behind it the callout neither waits nor runs, though its function arms it again.
     *
     * @throws InterruptedException never
     */
    public void halt() throws InterruptedException {
        Stage.play(kernel -> {
            AtomicInteger inside = new AtomicInteger();
            AtomicInteger armed = new AtomicInteger();
            Callout callout = new Callout(kernel, Callout.CALLOUT_MPSAFE);
            callout.setfunc(
                    arg -> {
                        inside.incrementAndGet();
                        // Not for ever: a scheduler need not let time pass for a thread that waits for the clock.
                        if (armed.incrementAndGet() < 2 * ROUNDS) {
                            callout.schedule(AT_ONCE);
                        }
                        inside.decrementAndGet();
                    },
                    null);
            AtomicInteger others = new AtomicInteger();
            Timeout other = timeout(kernel, others);
            int[] due = new int[1];
            Stage.both(() -> due[0] = other.add(AT_ONCE) ? 1 : 0, () -> {
                for (int i = 0; i < 2; i++) {
                    callout.schedule(AT_ONCE);
                    boolean expired = callout.halt(null);
                    Stage.mustBe(0, inside.get(), "functions of a callout behind its halt");
                    Stage.mustBe(
                            0, callout.pending() ? 1 : 0, "pending behind its halt" + (expired ? ", expired" : ""));
                }
            });
            callout.destroy();
            due[0] -= other.delBarrier() ? 1 : 0;
            Stage.mustHaveRun(due[0], others, "another timer");
        });
    }

    /**
     * A shutdown without time that meets timers being armed: each has run, comes back, or was refused.
     *
     * @throws InterruptedException never
     */
    public void close() throws InterruptedException {
        Stage.play(kernel -> {
            List<AtomicInteger> runs = new ArrayList<>();
            List<Timeout> timeouts = new ArrayList<>();
            for (int i = 0; i < ROUNDS; i++) {
                AtomicInteger ran = new AtomicInteger();
                runs.add(ran);
                timeouts.add(timeout(kernel, ran));
            }
            boolean[] armed = new boolean[ROUNDS];
            List<Object> back = new ArrayList<>();
            Stage.both(
                    () -> {
                        for (int i = 0; i < ROUNDS; i++) {
                            try {
                                armed[i] = timeouts.get(i).add(i == 1 ? NEVER : AT_ONCE);
                            } catch (ErrnoException e) {
                                if (e.errno() != Errno.ESHUTDOWN) {
                                    throw e;
                                }
                            }
                        }
                    },
                    () -> back.addAll(kernel.shutdown(Duration.ZERO).worksNeverRun()));
            for (int i = 0; i < ROUNDS; i++) {
                long returned = back.stream().filter(timeouts.get(i)::equals).count();
                Stage.mustHaveRun(armed[i] ? 1 : 0, runs.get(i).get() + returned, "a timer, or its return,");
            }
        });
    }
}
