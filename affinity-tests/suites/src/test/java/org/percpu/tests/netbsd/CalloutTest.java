// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.netbsd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.Cpu;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.ipl.Spl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Callout;
import org.percpu.tests.support.Allocation;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;
import org.percpu.thread.ThreadState;

@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("callout(9)")
class CalloutTest {
    private static final Duration HOUR = Duration.ofHours(1);
    private static final Duration SOON = Duration.ofMillis(2);

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private Callout callout() {
        return new Callout(test.get(), Callout.CALLOUT_MPSAFE);
    }

    private Callout bound(int cpu) {
        Callout callout = callout();
        callout.bind(test.cpu(cpu));
        return callout;
    }

    /** A callout of a CPU whose function runs until it is released. */
    private final class Plug {
        final CountDownLatch in = new CountDownLatch(1);
        final Semaphore out = new Semaphore(0);
        final Callout callout;

        Plug(int cpu) {
            callout = bound(cpu);
            callout.setfunc(
                    arg -> {
                        in.countDown();
                        Bounded.acquire(out, 1);
                    },
                    null);
            callout.schedule(0);
            Bounded.arrive(in);
        }

        void pull() {
            out.release();
        }
    }

    @Test
    @Rule({"NCO-1", "TM-4"})
    @DisplayName("NCO-1, TM-4: scheduling, moving and stopping allocate nothing, at any number of pending callouts")
    void schedulingAllocatesNothing() {
        Callout callout = callout();
        callout.setfunc(arg -> {}, null);
        callout.schedule(HOUR);
        List<Callout> others = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            Callout other = callout();
            other.reset(Duration.ofSeconds(1000 + i), arg -> {}, null);
            others.add(other);
        }
        long bytes = Allocation.fewest(() -> {
            for (int i = 0; i < 1000; i++) {
                callout.schedule(5_000_000 + i);
                callout.schedule(6_000_000 - i);
                callout.stop();
            }
        });
        others.forEach(Callout::stop);
        assertThat(bytes).isZero();
    }

    @Test
    @Rule("NCO-2")
    @DisplayName("NCO-2: flags are 0 or CALLOUT_MPSAFE; without it the function holds the kernel lock")
    void flagsAreKnown() {
        Kernel kernel = test.get();
        Refusal.of(Errno.EINVAL, () -> new Callout(kernel, 1)).contains("0x1");
        List<Integer> holds = new CopyOnWriteArrayList<>();
        CountDownLatch done = new CountDownLatch(2);
        for (int flags : new int[] {0, Callout.CALLOUT_MPSAFE}) {
            Callout callout = new Callout(kernel, flags);
            callout.reset(
                    0,
                    arg -> {
                        holds.add(kernel.lock().holds());
                        done.countDown();
                    },
                    null);
            Bounded.until("the callout has run", () -> holds.size() == (flags == 0 ? 1 : 2));
            callout.halt(null);
        }
        Bounded.arrive(done);
        assertThat(holds).containsExactly(1, 0);
    }

    @Test
    @Rule("NCO-3")
    @DisplayName(
            "NCO-3: reset of a pending callout moves it, also to an earlier time, and its function runs once with the"
                    + " last argument")
    void resetMoves() {
        Callout callout = callout();
        List<String> ran = new CopyOnWriteArrayList<>();
        callout.reset(HOUR, ran::add, "late");
        callout.reset(SOON, ran::add, "soon");
        Bounded.until("it has run", () -> !ran.isEmpty());
        callout.reset(SOON, ran::add, "again");
        callout.reset(HOUR, ran::add, "never");
        assertThat(callout.pending()).isTrue();
        callout.halt(null);
        assertThat(ran).startsWith("soon").doesNotContain("late", "never").hasSizeLessThanOrEqualTo(2);
    }

    @Test
    @Rule("NCO-4")
    @DisplayName("NCO-4: setfunc and schedule start the callout; without a function schedule is EINVAL")
    void setfuncAndSchedule() {
        Callout callout = callout();
        Refusal.of(Errno.EINVAL, () -> callout.schedule(1)).contains("callout_setfunc");
        Refusal.of(Errno.EINVAL, () -> callout.setfunc(null, 1)).contains("func");
        Refusal.of(Errno.EINVAL, () -> callout.reset(1, null, 1)).contains("func");
        AtomicInteger sum = new AtomicInteger();
        callout.setfunc(sum::addAndGet, 3);
        for (int round = 1; round <= 3; round++) {
            int expected = 3 * round;
            callout.schedule(1);
            Bounded.until("it has run", () -> sum.get() == expected);
        }
        callout.halt(null);
    }

    @Test
    @Rule({"NCO-5", "NCO-10"})
    @DisplayName(
            "NCO-5, NCO-10: pending until it expires; then expired and invoking, before the function is called; ack"
                    + " clears invoking, stop clears expired")
    void states() {
        Callout callout = callout();
        assertThat(states(callout)).isEqualTo("----");
        callout.setfunc(arg -> {}, null);
        callout.schedule(HOUR);
        assertThat(states(callout)).isEqualTo("P-A-");
        List<String> inside = new CopyOnWriteArrayList<>();
        callout.reset(
                0,
                arg -> {
                    inside.add(states(callout));
                    callout.ack();
                    inside.add(states(callout));
                },
                null);
        Bounded.until("it has run", () -> inside.size() == 2);
        assertThat(inside).containsExactly("-EAI", "-EA-");
        callout.halt(null);
        assertThat(states(callout)).isEqualTo("----");
        callout.schedule(0);
        Bounded.until("it has expired", callout::expired);
        Bounded.until("it has run", () -> inside.size() == 4);
        callout.schedule(HOUR);
        assertThat(states(callout)).isEqualTo("P-A-");
        assertThat(callout.stop()).isFalse();
        assertThat(states(callout)).isEqualTo("----");
    }

    private static String states(Callout callout) {
        return (callout.pending() ? "P" : "-")
                + (callout.expired() ? "E" : "-")
                + (callout.active() ? "A" : "-")
                + (callout.invoking() ? "I" : "-");
    }

    @Test
    @Rule({"NCO-6", "TM-5"})
    @DisplayName(
            "NCO-6, TM-5: the function runs at SOFTCLOCK in interrupt state, on the pinned thread of its CPU's clock")
    void runsAtSoftclock() {
        for (Cpu cpu : test.get().cpus()) {
            List<Object> seen = new CopyOnWriteArrayList<>();
            Callout callout = callout();
            callout.bind(cpu);
            callout.reset(
                    1,
                    arg -> {
                        seen.add(Thread.currentThread().getName());
                        seen.add(Spl.current().level());
                        seen.add(Machine.linux().sched_getcpu());
                        assertThatThrownBy(() -> test.get().sleepq().tsleep(seen, "nap", 1))
                                .isInstanceOf(ErrnoException.class)
                                .hasMessageContaining("EPERM");
                        seen.add("done");
                    },
                    null);
            Bounded.until("it has run", () -> seen.size() == 4);
            callout.halt(null);
            assertThat(seen).containsExactly("clock/" + cpu.index(), Ipl.SOFTCLOCK, cpu.id(), "done");
            ThreadState state =
                    test.get().clocks().get(test.get().tableIndex(cpu)).thread();
            assertThat(state.allowed().size()).isEqualTo(1);
            assertThat(state.allowed().contains(cpu.id())).isTrue();
        }
    }

    @Test
    @Rule("TM-5")
    @DisplayName("TM-5: where real-time is granted, the clock is FIFO at the priority of softclock")
    void clockIsRealtime() {
        Machine.needsRealtime();
        Callout callout = callout();
        AtomicInteger tid = new AtomicInteger();
        callout.reset(0, arg -> tid.set(Machine.linux().gettid()), null);
        Bounded.until("it has run", () -> tid.get() != 0);
        callout.halt(null);
        assertThat(Proc.sched(tid.get())).isEqualTo(Pri.interrupt(Pri.PRI_SOFTCLOCK));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 100, 1000, 1024, 1_000_000})
    @Rule({"NCO-7", "TM-2"})
    @DisplayName("NCO-7, TM-2: the function is never called before its ticks have passed, at every hz")
    void neverEarly(int hz) {
        Kernel kernel = test.with(builder -> builder.hz(hz));
        assertThat(kernel.hz()).isEqualTo(hz);
        int ticks = Math.max(hz / 200, hz == 1 ? 0 : 1);
        long nanos = (TimeUnit.SECONDS.toNanos(ticks) + hz - 1) / hz;
        for (int round = 0; round < 10; round++) {
            AtomicLong at = new AtomicLong();
            Callout callout = new Callout(kernel, Callout.CALLOUT_MPSAFE);
            long before = System.nanoTime();
            callout.reset(ticks, arg -> at.set(System.nanoTime()), null);
            Bounded.until("it has run", () -> at.get() != 0);
            callout.halt(null);
            assertThat(at.get() - before).isGreaterThanOrEqualTo(nanos);
        }
    }

    @Test
    @Rule({"NCO-7", "TM-11"})
    @DisplayName("NCO-7, TM-11: a callout that is held up by another one runs late, and the clock counts it")
    void latenessIsCounted() {
        Plug plug = new Plug(0);
        long before = test.get().clocks().get(0).late();
        Callout late = bound(0);
        AtomicBoolean ran = new AtomicBoolean();
        late.reset(1, arg -> ran.set(true), null);
        assertThat(test.get().clocks().get(0).pending()).isEqualTo(1);
        long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(5);
        Bounded.until("5 ms are over", () -> System.nanoTime() > until);
        assertThat(late.pending()).isTrue();
        assertThat(ran).isFalse();
        plug.pull();
        Bounded.until("it has run", ran::get);
        assertThat(test.get().clocks().get(0)).satisfies(state -> {
            assertThat(state.late()).isGreaterThanOrEqualTo(before + 1);
            assertThat(state.worstLate()).isGreaterThan(Duration.ofMillis(3));
            assertThat(state.fired()).isGreaterThanOrEqualTo(2);
            assertThat(state.next()).isNull();
        });
    }

    @Test
    @Rule("NCO-8")
    @DisplayName(
            "NCO-8: stop says whether the callout had expired, returns while the function runs, and may find nothing")
    void stopDoesNotWait() {
        Callout callout = callout();
        assertThat(callout.stop()).isFalse();
        callout.reset(HOUR, arg -> {}, null);
        assertThat(callout.stop()).isFalse();
        assertThat(callout.pending()).isFalse();
        Plug plug = new Plug(0);
        assertThat(plug.callout.stop()).isTrue();
        assertThat(plug.callout.expired()).isFalse();
        assertThat(plug.callout.stop()).isFalse();
        plug.pull();
        assertThat(plug.callout.halt(null, Duration.ofSeconds(20))).isTrue();
    }

    @Test
    @Rule("NCO-9")
    @DisplayName("NCO-9: halt waits for the function, and stops what the function has scheduled meanwhile")
    void haltWaits() {
        Callout callout = bound(0);
        CountDownLatch in = new CountDownLatch(1);
        Semaphore out = new Semaphore(0);
        AtomicBoolean ended = new AtomicBoolean();
        AtomicInteger runs = new AtomicInteger();
        callout.reset(
                0,
                arg -> {
                    runs.incrementAndGet();
                    in.countDown();
                    Bounded.acquire(out, 1);
                    callout.schedule(0);
                    ended.set(true);
                },
                null);
        Bounded.arrive(in);
        assertThat(callout.halt(null, Duration.ofMillis(20))).isFalse();
        var halt = Bounded.start("halt", () -> {
            boolean unused = callout.halt(null);
            return ended.get();
        });
        out.release();
        assertThat(Bounded.join(halt)).isTrue();
        assertThat(callout.active()).isFalse();
        assertThat(runs).hasValue(1);
        callout.destroy();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @Rule("NCO-9")
    @DisplayName(
            "NCO-9: halt drops the interlock that the function waits for, and has it again on return; if there is no"
                    + " need to wait it keeps it")
    void haltDropsTheInterlock(boolean mutex) {
        ReentrantLock lock = new ReentrantLock();
        Mutex adaptive = Mutex.netbsd("halt", Ipl.SOFTCLOCK);
        var interlock = mutex ? adaptive : lock;
        Callout callout = bound(0);
        CountDownLatch in = new CountDownLatch(1);
        AtomicBoolean had = new AtomicBoolean();
        callout.setfunc(
                arg -> {
                    in.countDown();
                    interlock.lock();
                    try {
                        had.set(true);
                    } finally {
                        interlock.unlock();
                    }
                },
                null);
        Bounded.run("halts under the interlock", () -> {
            interlock.lock();
            try {
                callout.schedule(0);
                Bounded.arrive(in);
                assertThat(callout.halt(interlock)).isTrue();
                assertThat(had).isTrue();
                assertThat(mutex ? adaptive.isHeldByCurrentThread() : lock.isHeldByCurrentThread())
                        .isTrue();
                assertThat(callout.halt(interlock)).isFalse();
            } finally {
                interlock.unlock();
            }
            assertThatThrownBy(() -> callout.halt(interlock)).isInstanceOf(IllegalMonitorStateException.class);
        });
    }

    @Test
    @Rule("NCO-9")
    @DisplayName(
            "NCO-9: halt of a callout by its own function does not wait; by a function of the same CPU it need not; by"
                    + " one of another CPU, at a raised level or in a handler it is EPERM and stops nothing")
    void haltFromFunctions() {
        Callout own = bound(0);
        Callout other = bound(0);
        other.reset(HOUR, arg -> {}, null);
        List<Object> seen = new CopyOnWriteArrayList<>();
        own.reset(
                0,
                arg -> {
                    seen.add(own.halt(null));
                    seen.add(other.halt(null));
                },
                null);
        Bounded.until("it has run", () -> seen.size() == 2);
        own.halt(null);
        assertThat(seen).containsExactly(true, false);
        other.schedule(HOUR);
        Bounded.run("raised", () -> {
            int s = Spl.current().splsoftclock();
            Refusal.of(Errno.EPERM, () -> other.halt(null)).contains("SOFTCLOCK");
            Spl.current().splx(s);
        });
        if (test.get().cpus().size() > 1) {
            Callout far = bound(1);
            far.reset(
                    0,
                    arg -> {
                        Refusal.of(Errno.EPERM, () -> other.halt(null));
                        seen.add("refused");
                    },
                    null);
            Bounded.until("it has run", () -> seen.size() == 3);
            far.halt(null);
        }
        assertThat(other.pending()).isTrue();
        other.halt(null);
    }

    @Test
    @Rule("NCO-11")
    @DisplayName("NCO-11, NCO-14: a callout that is scheduled from two CPUs runs on one, and never twice at once")
    void neverTwiceAtOnce() {
        Callout callout = bound(test.get().cpus().size() - 1);
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger runs = new AtomicInteger();
        AtomicInteger wrong = new AtomicInteger();
        callout.setfunc(
                arg -> {
                    wrong.addAndGet(inside.incrementAndGet() - 1);
                    if (Machine.linux().sched_getcpu() != test.lastCpu().id()) {
                        wrong.incrementAndGet();
                    }
                    runs.incrementAndGet();
                    callout.schedule(0);
                    inside.decrementAndGet();
                },
                null);
        List<java.util.concurrent.FutureTask<Boolean>> threads = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            threads.add(Bounded.startCode("schedules", () -> {
                for (int round = 0; round < 2000; round++) {
                    callout.schedule(0);
                }
            }));
        }
        threads.forEach(Bounded::join);
        Bounded.until("it runs often", () -> runs.get() > 200);
        callout.halt(null);
        assertThat(wrong).hasValue(0);
    }

    @Test
    @Rule({"NCO-12", "TM-7"})
    @DisplayName("NCO-12, TM-7: the function schedules its own callout; with scheduleNext the period does not drift and"
            + " missed periods are counted")
    void periodic() {
        Callout callout = bound(0);
        Refusal.of(Errno.EINVAL, () -> callout.scheduleNext(SOON)).contains("schedule it first");
        Duration period = Duration.ofMillis(5);
        long start = System.nanoTime() + period.toNanos();
        AtomicInteger runs = new AtomicInteger();
        AtomicLong missed = new AtomicLong();
        AtomicLong early = new AtomicLong();
        callout.setfunc(
                arg -> {
                    int run = runs.get();
                    long now = System.nanoTime();
                    if (now < start + (run + missed.get()) * period.toNanos()) {
                        early.incrementAndGet();
                    }
                    if (run == 3) {
                        // Two periods and more pass in here.
                        while (System.nanoTime() - now < 2 * period.toNanos()) {
                            Thread.onSpinWait();
                        }
                    }
                    missed.addAndGet(callout.scheduleNext(period));
                    runs.incrementAndGet();
                },
                null);
        callout.scheduleAt(start);
        Bounded.until("it has run", () -> runs.get() >= 10);
        callout.halt(null);
        assertThat(early).hasValue(0);
        assertThat(missed.get()).isGreaterThanOrEqualTo(2);
        // All expiries lie on the grid of the start: the next one would, too.
        callout.scheduleAt(start);
        callout.stop();
        Refusal.of(Errno.EINVAL, () -> callout.scheduleNext(Duration.ZERO)).contains("zero");
        Refusal.of(Errno.EINVAL, () -> callout.scheduleNext(Duration.ofNanos(-1)));
    }

    @Test
    @Rule("NCO-13")
    @DisplayName(
            "NCO-13: destroy of a pending or running callout is EBUSY and changes nothing; afterwards all is EINVAL")
    void destroy() {
        Callout callout = callout();
        callout.reset(HOUR, arg -> {}, null);
        Refusal.of(Errno.EBUSY, callout::destroy).contains("callout_halt");
        assertThat(callout.pending()).isTrue();
        Plug plug = new Plug(0);
        Refusal.of(Errno.EBUSY, plug.callout::destroy);
        plug.pull();
        plug.callout.halt(null);
        plug.callout.destroy();
        callout.halt(null);
        callout.destroy();
        Refusal.of(Errno.EINVAL, callout::destroy).contains("destroyed");
        Refusal.of(Errno.EINVAL, () -> callout.schedule(1)).contains("destroyed");
        Refusal.of(Errno.EINVAL, () -> callout.reset(1, arg -> {}, null));
        Refusal.of(Errno.EINVAL, () -> callout.setfunc(arg -> {}, null));
        Refusal.of(Errno.EINVAL, () -> callout.scheduleNext(SOON));
        Refusal.of(Errno.EINVAL, callout::stop);
        Refusal.of(Errno.EINVAL, () -> callout.halt(null));
        Refusal.of(Errno.EINVAL, callout::pending);
        Refusal.of(Errno.EINVAL, callout::expired);
        Refusal.of(Errno.EINVAL, callout::active);
        Refusal.of(Errno.EINVAL, callout::invoking);
        Refusal.of(Errno.EINVAL, callout::ack);
        Refusal.of(Errno.EINVAL, () -> callout.bind(test.cpu(0)));
    }

    @Test
    @Rule("NCO-14")
    @DisplayName(
            "NCO-14: a callout stays on the CPU where it was first scheduled; bind moves it, and is EBUSY while it is"
                    + " pending or running elsewhere")
    void staysOnItsCpu() {
        Machine.needsCpus(2);
        Kernel kernel = test.get();
        Cpu first = test.cpu(0);
        Cpu second = test.cpu(1);
        Callout callout = callout();
        List<Integer> cpus = new CopyOnWriteArrayList<>();
        callout.setfunc(arg -> cpus.add(Machine.linux().sched_getcpu()), null);
        for (Cpu from : List.of(second, first, second)) {
            Callout starter = callout();
            starter.bind(from);
            int size = cpus.size();
            starter.reset(0, arg -> callout.schedule(0), null);
            Bounded.until("it has run", () -> cpus.size() == size + 1);
            starter.halt(null);
        }
        assertThat(cpus).containsOnly(second.id());
        assertThat(callout.cpu()).isEqualTo(second);
        callout.schedule(HOUR);
        Refusal.of(Errno.EBUSY, () -> callout.bind(first)).contains("callout_halt");
        callout.bind(second);
        callout.halt(null);
        callout.bind(first);
        callout.schedule(0);
        Bounded.until("it has run", () -> cpus.size() == 4);
        assertThat(cpus.get(3)).isEqualTo(first.id());
        Plug plug = new Plug(0);
        Refusal.of(Errno.EBUSY, () -> plug.callout.bind(second));
        plug.pull();
        plug.callout.halt(null);
        callout.halt(null);
        Kernel small = test.with(builder -> builder.cpus(org.percpu.cpu.CpuSet.of(first.id())));
        Callout here = new Callout(small, 0);
        Refusal.of(Errno.EINVAL, () -> here.bind(second)).contains("does not have");
        assertThat(kernel.clocks()).hasSize(kernel.cpus().size());
    }

    @Test
    @Rule("NCO-15")
    @DisplayName(
            "NCO-15: callouts of one time run in the order in which they were scheduled, others in the order of their"
                    + " times")
    void order() {
        Plug plug = new Plug(0);
        List<Integer> ran = new CopyOnWriteArrayList<>();
        List<Callout> callouts = new ArrayList<>();
        long base = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(3);
        List<Integer> expected = new ArrayList<>();
        for (int time = 0; time < 4; time++) {
            for (int i = 0; i < 5; i++) {
                expected.add(10 * time + i);
            }
        }
        for (int i = 0; i < 5; i++) {
            for (int time = 3; time >= 0; time--) {
                Callout callout = bound(0);
                callout.setfunc(ran::add, 10 * time + i);
                callout.scheduleAt(base + time * 1000L);
                callouts.add(callout);
            }
        }
        // Moved away and back, one comes last among its equals.
        callouts.get(3).scheduleAt(base + 50_000_000);
        callouts.get(3).scheduleAt(base);
        expected.remove(Integer.valueOf(0));
        expected.add(4, 0);
        Bounded.until("all are over", () -> System.nanoTime() > base + 10_000);
        plug.pull();
        Bounded.until("all have run", () -> ran.size() == 20);
        assertThat(ran).isEqualTo(expected);
        callouts.forEach(callout -> callout.halt(null));
    }

    @Test
    @Rule("NCO-16")
    @DisplayName("NCO-16: negative ticks are EINVAL; 0 ticks is the next opportunity, never inside the call")
    void ticks() {
        Callout callout = bound(0);
        callout.setfunc(arg -> {}, null);
        for (int bad : new int[] {-1, Integer.MIN_VALUE}) {
            Refusal.of(Errno.EINVAL, () -> callout.schedule(bad)).contains(String.valueOf(bad));
            Refusal.of(Errno.EINVAL, () -> callout.reset(bad, arg -> {}, null));
        }
        Refusal.of(Errno.EINVAL, () -> callout.schedule(Duration.ofNanos(-1)));
        Refusal.of(Errno.EINVAL, () -> callout.schedule(Duration.ofSeconds(Long.MIN_VALUE)));
        Refusal.of(Errno.EINVAL, () -> callout.schedule(null));
        assertThat(callout.pending()).isFalse();
        List<String> seen = new CopyOnWriteArrayList<>();
        Callout outer = bound(0);
        callout.setfunc(arg -> seen.add("inner"), null);
        outer.reset(
                0,
                arg -> {
                    callout.schedule(0);
                    seen.add("behind the call");
                },
                null);
        Bounded.until("both have run", () -> seen.size() == 2);
        assertThat(seen).containsExactly("behind the call", "inner");
        for (Duration far : List.of(Duration.ofSeconds(Long.MAX_VALUE, 999_999_999), Duration.ofDays(200_000))) {
            callout.schedule(far);
            assertThat(callout.pending()).isTrue();
        }
        callout.schedule(Integer.MAX_VALUE);
        callout.scheduleAt(Long.MAX_VALUE);
        assertThat(callout.pending()).isTrue();
        callout.halt(null);
        callout.scheduleAt(Long.MIN_VALUE);
        Bounded.until("a moment that is over is the next opportunity", () -> seen.size() == 3);
        callout.halt(null);
        outer.halt(null);
    }
}
