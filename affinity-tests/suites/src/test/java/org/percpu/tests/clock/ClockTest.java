// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.clock;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.bindings.spi.Errno;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.ipl.Spl;
import org.percpu.kernel.ClockState;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.ShutdownReport;
import org.percpu.kernel.WaitStrategy;
import org.percpu.netbsd.Callout;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.Scale;
import org.percpu.tests.support.TestKernel;

@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("the clocks of a kernel")
class ClockTest {
    private static final Duration HOUR = Duration.ofHours(1);

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private Callout bound(Kernel kernel, int cpu) {
        Callout callout = new Callout(kernel, Callout.CALLOUT_MPSAFE);
        callout.bind(kernel.cpus().get(cpu));
        return callout;
    }

    private static void passes(long millis) {
        long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        Bounded.until(millis + " ms are over", () -> System.nanoTime() > until);
    }

    @Test
    @Rule("TM-1")
    @DisplayName("TM-1: callout(9) and timeout(9) are made of the same timer, in a package that is not exported")
    void oneEngine() {
        Class<?> engine = Callout.class.getSuperclass();
        assertThat(org.percpu.openbsd.Timeout.class.getSuperclass()).isEqualTo(engine);
        assertThat(engine.getPackageName()).isEqualTo("org.percpu.clock");
    }

    @Test
    @Rule("TM-3")
    @DisplayName("TM-3: a kernel without timers has no clock threads; the first timer makes one for each CPU")
    void threadsComeWithTheFirstTimer() {
        Kernel kernel = test.get();
        assertThat(kernel.clocks()).isEmpty();
        assertThat(kernel.lwps()).isEmpty();
        Callout callout = new Callout(kernel, 0);
        assertThat(callout.pending()).isFalse();
        assertThat(kernel.clocks()).hasSameSizeAs(kernel.cpus());
        assertThat(kernel.clocks().stream().map(ClockState::cpu)).isEqualTo(kernel.cpus());
        assertThat(kernel.lwps().stream().map(lwp -> lwp.name()))
                .containsExactlyInAnyOrderElementsOf(kernel.cpus().stream()
                        .map(cpu -> "clock/" + cpu.index())
                        .toList());
        assertThat(kernel.queues()).singleElement().satisfies(queue -> {
            assertThat(queue.name()).isEqualTo("clock");
            assertThat(queue.workers()).hasSameSizeAs(kernel.cpus());
            Refusal.of(Errno.EINVAL, queue::drainAndDestroy).contains("Kernel.shutdown");
        });
    }

    @Test
    @Rule({"TM-3", "TM-4"})
    @DisplayName(
            "TM-3, TM-4: the clock sleeps until the earliest expiry; a later timer, and one that is cancelled, do not"
                    + " wake it")
    void tickless() {
        Machine.needsLinux("counts the thread's context switches");
        Kernel kernel = test.get();
        Callout callout = bound(kernel, 0);
        callout.reset(HOUR, arg -> {}, null);
        int tid = kernel.clocks().get(0).thread().tid();
        Bounded.until("the clock sleeps", () -> Proc.state(tid) == 'S' && quiet(tid));
        long switches = switches(tid);
        Callout other = bound(kernel, 0);
        other.setfunc(arg -> {}, null);
        for (int i = 0; i < 1000; i++) {
            other.schedule(HOUR.plusMillis(i + 1));
            other.stop();
        }
        passes(50);
        assertThat(switches(tid)).isEqualTo(switches);
        // An earlier one wakes it once, and then again when it is over.
        other.schedule(Duration.ofMinutes(30));
        other.stop();
        Bounded.until("the clock sleeps again", () -> switches(tid) > switches && quiet(tid));
        long now = switches(tid);
        for (int i = 0; i < 1000; i++) {
            other.schedule(Duration.ofMinutes(30).plusMillis(i + 1));
            other.stop();
        }
        passes(50);
        assertThat(switches(tid)).isEqualTo(now);
        callout.halt(null);
    }

    private static long switches(int tid) {
        return Long.parseLong(Proc.status(tid, "voluntary_ctxt_switches"));
    }

    private static boolean quiet(int tid) {
        long before = switches(tid);
        passes(20);
        return switches(tid) == before;
    }

    @Test
    @Rule("TM-6")
    @DisplayName("TM-6: no expiry of many comes before its time")
    void neverEarly() {
        for (WaitStrategy strategy : List.of(WaitStrategy.PARK, WaitStrategy.BUSY_SPIN)) {
            Kernel kernel = test.with(builder -> builder.waitStrategy(strategy));
            Callout callout = bound(kernel, 0);
            int rounds = Scale.of(20_000, 1_000_000);
            AtomicInteger runs = new AtomicInteger();
            AtomicLong early = new AtomicLong();
            long[] due = {System.nanoTime()};
            callout.setfunc(
                    arg -> {
                        if (System.nanoTime() - due[0] < 0) {
                            early.incrementAndGet();
                        }
                        if (runs.incrementAndGet() < rounds) {
                            due[0] = System.nanoTime() + runs.get() % 50_000;
                            callout.scheduleAt(due[0]);
                        }
                    },
                    null);
            callout.scheduleAt(due[0]);
            for (int part = rounds / 10; part <= rounds; part += rounds / 10) {
                int some = part;
                Bounded.until(some + " have run", () -> runs.get() >= some);
            }
            callout.halt(null);
            assertThat(early).hasValue(0);
        }
    }

    @Test
    @Rule({"TM-6", "TM-7"})
    @DisplayName("TM-6, TM-7: after a stop of the process each late timer runs once, and a period says what it missed")
    void processIsStopped() throws IOException {
        Machine.needsLinux("stops a process");
        assertThat(Fork.of(Stopped.class)
                        .argument(Integer.toString(Scale.of(1, 2)))
                        .run())
                .contains("all ran once");
    }

    @Test
    @Rule("TM-9")
    @DisplayName("TM-9: a shutdown that does not drain reports what was pending, and nothing fires afterwards")
    void dropAndReport() {
        AtomicInteger ran = new AtomicInteger();
        Kernel kernel = test.with(builder -> {});
        List<Callout> callouts = new ArrayList<>();
        for (int i = 0; i < 600; i++) {
            Callout callout = new Callout(kernel, Callout.CALLOUT_MPSAFE);
            callout.reset(Duration.ofSeconds(20 + i), arg -> ran.incrementAndGet(), null);
            callouts.add(callout);
        }
        org.percpu.openbsd.Timeout timeout =
                org.percpu.openbsd.Timeout.initializer(kernel, arg -> ran.incrementAndGet(), null);
        timeout.addSec(20);
        ShutdownReport report = kernel.shutdown(Duration.ofMillis(10));
        List<Object> all = new ArrayList<>(callouts);
        all.add(timeout);
        assertThat(report.worksNeverRun()).containsExactlyInAnyOrderElementsOf(all);
        assertThat(report.queuesNeverDestroyed()).isEmpty();
        assertThat(callouts).noneMatch(Callout::pending);
        Refusal.of(Errno.ESHUTDOWN, () -> callouts.get(0).schedule(0)).contains("closed");
        Refusal.of(Errno.ESHUTDOWN, () -> timeout.add(1)).contains("closed");
        assertThat(kernel.lwps()).isEmpty();
        assertThat(ran).hasValue(0);
        assertThat(kernel.shutdown(Duration.ZERO).isClean()).isTrue();
    }

    @Test
    @Rule("TM-9")
    @DisplayName(
            "TM-9: a shutdown that drains waits for the timers that are due within its time, and for no later ones")
    void runOut() {
        AtomicInteger ran = new AtomicInteger();
        Kernel kernel = test.with(builder -> {});
        for (int i = 0; i < 20; i++) {
            new Callout(kernel, Callout.CALLOUT_MPSAFE).reset(20 + i, arg -> ran.incrementAndGet(), null);
        }
        Callout late = new Callout(kernel, Callout.CALLOUT_MPSAFE);
        late.reset(HOUR, arg -> ran.incrementAndGet(), null);
        long begin = System.nanoTime();
        ShutdownReport report = kernel.shutdown(Duration.ofSeconds(25));
        assertThat(System.nanoTime() - begin).isLessThan(TimeUnit.SECONDS.toNanos(20));
        assertThat(report.worksNeverRun()).containsExactly(late);
        assertThat(ran).hasValue(20);
    }

    @Test
    @Rule("TM-9")
    @DisplayName(
            "TM-9: a close that waits for a timer an hour away says so on the console, once, with its name; it ends when"
                    + " the timer is stopped")
    void closeSaysWhatItWaitsFor() {
        List<String> console = test.expectConsole();
        Kernel kernel = test.get();
        Callout callout = bound(kernel, 0);
        callout.reset(HOUR, arg -> {}, null);
        FutureTask<Boolean> close = Bounded.startCode("closes", kernel::close);
        Bounded.until("it says so", () -> !console.isEmpty());
        passes(50);
        assertThat(console)
                .singleElement()
                .asString()
                .contains(
                        "clock/" + kernel.cpus().get(0).index(), "1 pending", callout.toString(), "in 359", "shutdown");
        boolean expired = callout.stop();
        assertThat(expired).isFalse();
        assertThat(Bounded.join(close)).isTrue();
        assertThat(console).hasSize(1);
    }

    @Test
    @Rule({"TM-9", "OTO-7"})
    @DisplayName("TM-9, OTO-7: a timeout that needs a thread and comes during a shutdown is reported, and does not run")
    void procTimeoutAtShutdown() {
        for (int flags : new int[] {
            org.percpu.openbsd.Timeout.TIMEOUT_PROC,
            org.percpu.openbsd.Timeout.TIMEOUT_PROC | org.percpu.openbsd.Timeout.TIMEOUT_MPSAFE
        }) {
            Kernel kernel = test.with(builder -> {});
            AtomicInteger ran = new AtomicInteger();
            org.percpu.openbsd.Timeout soon =
                    org.percpu.openbsd.Timeout.initializerFlags(kernel, arg -> ran.incrementAndGet(), null, flags);
            org.percpu.openbsd.Timeout late =
                    org.percpu.openbsd.Timeout.initializerFlags(kernel, arg -> ran.incrementAndGet(), null, flags);
            soon.addMsec(100);
            late.addSec(3600);
            ShutdownReport report = kernel.shutdown(Duration.ofMillis(300));
            int before = ran.get();
            assertThat(report.worksNeverRun()).contains(late);
            // Either its thread was there still, or it is told.
            assertThat(report.worksNeverRun().contains(soon)).isEqualTo(before == 0);
            assertThat(kernel.lwps()).isEmpty();
            assertThat(ran).hasValue(before);
            assertThat(soon.pending()).isFalse();
        }
    }

    @Test
    @DisplayName(
            "a function that does not return is told of in the state of its clock; timers of other CPUs go on, and those"
                    + " of its own run behind it")
    void functionDoesNotReturn() {
        Kernel kernel = test.get();
        org.junit.jupiter.api.Assumptions.assumeTrue(
                kernel.cpus().size() > 1, "there is one CPU, and so no timers of others");
        Semaphore gate = new Semaphore(0);
        CountDownLatch in = new CountDownLatch(1);
        AtomicInteger behind = new AtomicInteger();
        AtomicInteger others = new AtomicInteger();
        Callout stuck = bound(kernel, 0);
        stuck.reset(
                0,
                arg -> {
                    in.countDown();
                    Bounded.acquire(gate, 1);
                },
                null);
        Bounded.arrive(in);
        Callout next = bound(kernel, 0);
        next.reset(0, arg -> behind.incrementAndGet(), null);
        Callout other = bound(kernel, 1);
        other.reset(
                0,
                arg -> {
                    if (others.incrementAndGet() < 100) {
                        other.schedule(Duration.ofNanos(10_000));
                    }
                },
                null);
        Bounded.until("timers of the other CPU run", () -> others.get() == 100);
        assertThat(behind).hasValue(0);
        assertThat(kernel.queues().get(0).workers().get(0).running()).isEqualTo(stuck.toString());
        assertThat(kernel.clocks().get(0).pending()).isEqualTo(1);
        assertThat(stuck.halt(null, Duration.ofMillis(5))).isFalse();
        gate.release();
        Bounded.until("the next one runs", () -> behind.get() == 1);
        stuck.halt(null);
    }

    @Test
    @Rule("TM-3")
    @DisplayName("TM-3: a clock whose next timer is an hour away uses no CPU time: less than 1 ms in 10 s")
    void idleUsesNoTime() throws IOException {
        Machine.needsLinux("reads the thread's CPU time");
        Kernel kernel = test.get();
        List<Callout> callouts = new ArrayList<>();
        for (int i = 0; i < kernel.cpus().size(); i++) {
            Callout callout = bound(kernel, i);
            callout.reset(HOUR, arg -> {}, null);
            callouts.add(callout);
        }
        List<Integer> tids =
                kernel.clocks().stream().map(clock -> clock.thread().tid()).toList();
        Bounded.until("the clocks sleep", () -> tids.stream().allMatch(tid -> Proc.state(tid) == 'S' && quiet(tid)));
        long[] before = new long[tids.size()];
        for (int i = 0; i < before.length; i++) {
            before[i] = cpuNanos(tids.get(i));
        }
        passes(Scale.of(500, 10_000));
        for (int i = 0; i < before.length; i++) {
            assertThat(cpuNanos(tids.get(i)) - before[i]).as("ns of clock/" + i).isLessThan(1_000_000);
        }
        callouts.forEach(Callout::stop);
    }

    private static long cpuNanos(int tid) throws IOException {
        String stat = Files.readString(Path.of("/proc/self/task/" + tid + "/schedstat"));
        return Long.parseLong(stat.split(" ", -1)[0]);
    }

    @Test
    @Rule("TM-9")
    @DisplayName("TM-9: a function that runs when the time of the shutdown is over is interrupted and told")
    void functionIsInterrupted() {
        Kernel kernel = test.with(builder -> {});
        CountDownLatch in = new CountDownLatch(1);
        AtomicBoolean interrupted = new AtomicBoolean();
        Callout callout = bound(kernel, 0);
        callout.reset(
                0,
                arg -> {
                    in.countDown();
                    try {
                        new CountDownLatch(1).await();
                    } catch (InterruptedException e) {
                        interrupted.set(true);
                    }
                },
                null);
        Bounded.arrive(in);
        ShutdownReport report = kernel.shutdown(Duration.ofMillis(10));
        assertThat(interrupted).isTrue();
        assertThat(report.callbacksInterrupted()).singleElement().asString().contains("callout", "clock/");
        assertThat(report.stuckThreads()).isEmpty();
    }

    @Test
    @DisplayName("in a kernel that boots, callouts are scheduled and run when it becomes warm")
    void coldKernel() {
        Kernel kernel = test.with(builder -> builder.cold(true));
        AtomicInteger ran = new AtomicInteger();
        Callout callout = new Callout(kernel, Callout.CALLOUT_MPSAFE);
        callout.reset(0, arg -> ran.incrementAndGet(), null);
        passes(5);
        assertThat(ran).hasValue(0);
        kernel.warm();
        Bounded.until("it has run", () -> ran.get() == 1);
        Kernel never = test.with(builder -> builder.cold(true));
        Callout dropped = new Callout(never, 0);
        dropped.reset(0, arg -> ran.incrementAndGet(), null);
        assertThat(never.shutdown(HOUR).worksNeverRun()).containsExactly(dropped);
    }

    @Test
    @DisplayName(
            "a function that throws, raises the level, or leaves a mutex or the kernel lock is told of and put right;"
                    + " the other timers go on")
    void functionMisbehaves() {
        List<TestKernel.Fault> faults = test.expectFaults();
        List<String> console = test.expectConsole();
        Kernel kernel = test.get();
        Mutex mutex = Mutex.netbsd("left", Ipl.HIGH);
        List<Callout.Function<Object>> bad = List.of(
                arg -> {
                    throw new IllegalStateException("thrown");
                },
                arg -> {
                    throw new StackOverflowError("thrown too");
                },
                arg -> Spl.current().splhigh(),
                arg -> mutex.lock(),
                arg -> kernel.lock().lock());
        for (Callout.Function<Object> function : bad) {
            Callout callout = bound(kernel, 0);
            callout.reset(0, function, null);
            Bounded.until("it has run", callout::expired);
            callout.halt(null);
        }
        AtomicInteger after = new AtomicInteger(-1);
        Callout good = bound(kernel, 0);
        good.reset(
                0,
                arg -> after.set(
                        Spl.current().level() == Ipl.SOFTCLOCK && !mutex.isHeldByCurrentThread()
                                ? kernel.lock().holds()
                                : -2),
                null);
        Bounded.until("the next one runs", () -> after.get() != -1);
        good.halt(null);
        assertThat(after).hasValue(0);
        assertThat(faults).hasSize(4).allSatisfy(fault -> {
            assertThat(fault.queue()).isEqualTo("clock/" + kernel.cpus().get(0).index());
            assertThat(fault.item()).isInstanceOf(Callout.class);
        });
        assertThat(console).singleElement().asString().contains("holds of the kernel lock");
    }

    @Test
    @DisplayName("hz below 1 and above a million is EINVAL; the first timer of a kernel at a raised level is EPERM")
    void badInput() {
        for (int bad : new int[] {0, -1, 1_000_001, Integer.MIN_VALUE}) {
            Refusal.of(Errno.EINVAL, () -> Kernel.builder("bad").hz(bad)).contains("1000000", String.valueOf(bad));
        }
        Bounded.run("raised", () -> {
            int s = Spl.current().splsoftclock();
            Refusal.of(Errno.EPERM, () -> new Callout(test.get(), 0)).contains("first timer");
            Spl.current().splx(s);
        });
        assertThat(test.get().clocks()).isEmpty();
        Refusal.of(Errno.EINVAL, () -> new Callout(null, 0)).contains("kernel");
        Refusal.of(Errno.EINVAL, () -> new org.percpu.openbsd.Timeout(null)).contains("kernel");
    }

    @Test
    @DisplayName("100000 timers are pending at once and run in the order of their times")
    void manyTimers() {
        Kernel kernel = test.get();
        int count = Scale.of(100_000, 1_000_000);
        Semaphore gate = new Semaphore(0);
        CountDownLatch in = new CountDownLatch(1);
        Callout plug = bound(kernel, 0);
        plug.reset(
                0,
                arg -> {
                    in.countDown();
                    Bounded.acquire(gate, 1);
                },
                null);
        Bounded.arrive(in);
        // The clock is held up until all are armed, so that none runs before the next one is there.
        long base = System.nanoTime();
        AtomicInteger ran = new AtomicInteger();
        AtomicInteger wrong = new AtomicInteger();
        long[] last = {0};
        Semaphore done = new Semaphore(0);
        for (int i = 0; i < count; i++) {
            long at = base + (i * 7919L % count) * 100;
            Callout callout = bound(kernel, 0);
            callout.setfunc(
                    time -> {
                        if (time <= last[0] || System.nanoTime() < time) {
                            wrong.incrementAndGet();
                        }
                        last[0] = time;
                        if (ran.incrementAndGet() == count) {
                            done.release();
                        }
                    },
                    at);
            callout.scheduleAt(at);
        }
        assertThat(kernel.clocks().get(0).pending()).isEqualTo(count);
        gate.release();
        Bounded.acquire(done, 1);
        assertThat(wrong).hasValue(0);
        plug.halt(null);
        assertThat(kernel.clocks().get(0).pending()).isZero();
    }

    @Test
    @Tag("once")
    @DisplayName("a recording has an event for a timer that was called more than a millisecond late, with its clock")
    void aLateTimerIsAnEvent(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("late.jfr");
        Kernel kernel = test.get();
        Callout slow = bound(kernel, 0);
        Callout late = bound(kernel, 0);
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch armed = new CountDownLatch(1);
        CountDownLatch ran = new CountDownLatch(1);
        try (Recording recording = new Recording()) {
            recording.enable("org.percpu.TimerLate");
            recording.start();
            slow.reset(
                    1,
                    latch -> {
                        inside.countDown();
                        while (latch.getCount() > 0) {
                            Thread.onSpinWait();
                        }
                    },
                    armed);
            Bounded.arrive(inside);
            late.reset(1, CountDownLatch::countDown, ran);
            passes(20);
            armed.countDown();
            Bounded.arrive(ran);
            recording.stop();
            recording.dump(file);
        }
        assertThat(RecordingFile.readAllEvents(file))
                .filteredOn(event -> event.getEventType().getName().equals("org.percpu.TimerLate"))
                .filteredOn(event -> event.getDuration("late").compareTo(Duration.ofMillis(10)) > 0)
                .isNotEmpty()
                .allSatisfy(event -> {
                    assertThat(event.getString("clock")).isEqualTo("clock/0");
                    assertThat(event.getString("timer")).isEqualTo(Callout.class.getName());
                });
    }
}
