// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;
import org.percpu.kernel.Kernel;
import org.percpu.openbsd.Timeout;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;

@org.junit.jupiter.api.Timeout(value = 120, threadMode = org.junit.jupiter.api.Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("timeout(9)")
class TimeoutTest {
    private static final int MP = Timeout.TIMEOUT_PROC | Timeout.TIMEOUT_MPSAFE;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    /** A timeout whose function runs until it is released. */
    private final class Plug {
        final CountDownLatch in = new CountDownLatch(1);
        final Semaphore out = new Semaphore(0);
        final AtomicBoolean ended = new AtomicBoolean();
        final Timeout timeout;

        Plug(int flags, Runnable last) {
            timeout = new Timeout(test.get());
            timeout.setFlags(
                    arg -> {
                        in.countDown();
                        Bounded.acquire(out, 1);
                        last.run();
                        ended.set(true);
                    },
                    null,
                    flags);
            assertThat(timeout.add(0)).isTrue();
            Bounded.arrive(in);
        }
    }

    @Test
    @Rule({"OTO-1", "OTO-10"})
    @DisplayName("OTO-1, OTO-10: set and the initializers prepare it; add without set is EINVAL; set while scheduled is"
            + " EBUSY and changes nothing")
    void set() {
        Kernel kernel = test.get();
        Timeout timeout = new Timeout(kernel);
        assertThat(timeout.initialized()).isFalse();
        Refusal.of(Errno.EINVAL, () -> timeout.add(1)).contains("timeout_set");
        assertThat(timeout.pending()).isFalse();
        assertThat(timeout.del()).isFalse();
        Refusal.of(Errno.EINVAL, () -> timeout.set(null, 1)).contains("fn");
        Refusal.of(Errno.EINVAL, () -> timeout.setFlags(arg -> {}, 1, 0x40)).contains("0x40");
        Refusal.of(Errno.EINVAL, () -> timeout.setFlags(arg -> {}, 1, Timeout.TIMEOUT_MPSAFE))
                .contains("TIMEOUT_PROC");
        List<String> ran = new CopyOnWriteArrayList<>();
        timeout.set(ran::add, "set");
        assertThat(timeout.initialized()).isTrue();
        timeout.addSec(3600);
        Refusal.of(Errno.EBUSY, () -> timeout.set(ran::add, "other")).contains("timeout_del");
        Refusal.of(Errno.EBUSY, () -> timeout.setProc(ran::add, "other"));
        timeout.add(0);
        Bounded.until("it has run", () -> ran.size() == 1);
        Timeout.initializer(kernel, ran::add, "initializer").add(0);
        Bounded.until("it has run", () -> ran.size() == 2);
        Timeout.initializerFlags(kernel, ran::add, "flags", MP).add(0);
        Bounded.until("it has run", () -> ran.size() == 3);
        assertThat(ran).containsExactly("set", "initializer", "flags");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, Timeout.TIMEOUT_PROC, MP})
    @Rule({"OTO-2", "OTO-4", "OTO-6"})
    @DisplayName(
            "OTO-2, OTO-4, OTO-6: add is true if it was not scheduled, and replaces the time; del is true if it was;"
                    + " triggered stands from the call until the next add or del")
    void addAndDel(int flags) {
        AtomicInteger runs = new AtomicInteger();
        List<String> inside = new CopyOnWriteArrayList<>();
        Timeout timeout = new Timeout(test.get());
        timeout.setFlags(
                arg -> {
                    inside.add(timeout.pending() + " " + timeout.triggered());
                    runs.incrementAndGet();
                },
                null,
                flags);
        assertThat(timeout.addSec(3600)).isTrue();
        assertThat(timeout.addSec(7200)).isFalse();
        assertThat(timeout.pending()).isTrue();
        assertThat(timeout.triggered()).isFalse();
        assertThat(timeout.del()).isTrue();
        assertThat(timeout.del()).isFalse();
        assertThat(timeout.pending()).isFalse();
        assertThat(timeout.addSec(3600)).isTrue();
        assertThat(timeout.addMsec(1)).isFalse();
        Bounded.until("it has run", () -> runs.get() == 1);
        assertThat(inside).containsExactly("false true");
        assertThat(timeout.triggered()).isTrue();
        assertThat(timeout.del()).isFalse();
        assertThat(timeout.triggered()).isFalse();
        timeout.add(0);
        Bounded.until("it has run", timeout::triggered);
        timeout.barrier();
        assertThat(timeout.addSec(3600)).isTrue();
        assertThat(timeout.triggered()).isFalse();
        assertThat(timeout.delBarrier()).isTrue();
        assertThat(runs).hasValue(2);
    }

    @Test
    @Rule("OTO-3")
    @DisplayName(
            "OTO-3: each form converts its time and is never early; a positive time is never zero; values too large"
                    + " are cut to the maximum")
    void everyForm() {
        AtomicLong at = new AtomicLong();
        Timeout timeout = Timeout.initializerFlags(test.get(), arg -> at.set(System.nanoTime()), null, MP);
        long milli = 1_000_000;
        Map<Predicate<Timeout>, Long> forms = Map.of(
                t -> t.add(3),
                3 * milli,
                t -> t.add(Duration.ofNanos(2_500_001)),
                2_500_001L,
                t -> t.addMsec(2),
                2 * milli,
                t -> t.addUsec(1_501),
                1_501_000L,
                t -> t.addNsec(1_500_001),
                1_500_001L,
                t -> t.addNsec(1),
                1L,
                t -> t.addTv(0, 2_001),
                2_001_000L,
                t -> t.addTs(0, 2_000_001),
                2_000_001L,
                t -> t.addSec(0),
                0L,
                t -> {
                    long moment = System.nanoTime() + 2 * milli;
                    return t.absTs(moment / 1_000_000_000, moment % 1_000_000_000);
                },
                2 * milli);
        forms.forEach((form, nanos) -> {
            at.set(0);
            long before = System.nanoTime();
            assertThat(form.test(timeout)).isTrue();
            Bounded.until("it has run", () -> at.get() != 0);
            assertThat(at.get() - before).isGreaterThanOrEqualTo(nanos);
        });
        at.set(0);
        List<Predicate<Timeout>> far = List.of(
                t -> t.add(Integer.MAX_VALUE),
                t -> t.add(Duration.ofSeconds(Long.MAX_VALUE)),
                t -> t.addSec(Integer.MAX_VALUE),
                t -> t.addMsec(Integer.MAX_VALUE),
                t -> t.addUsec(Integer.MAX_VALUE),
                t -> t.addNsec(Long.MAX_VALUE),
                t -> t.addTv(Long.MAX_VALUE, 999_999),
                t -> t.addTs(Long.MAX_VALUE, 999_999_999),
                t -> t.absTs(Long.MAX_VALUE, 999_999_999));
        far.forEach(form -> {
            assertThat(form.test(timeout)).isTrue();
            assertThat(timeout.del()).isTrue();
        });
        assertThat(at).hasValue(0);
        timeout.absTs(-5, 3);
        Bounded.until("a moment that is over is the next opportunity", () -> at.get() != 0);
    }

    @Test
    @Rule("OTO-10")
    @DisplayName("OTO-10: negative times, and parts of a second that are none, are EINVAL in each form")
    void badTimes() {
        Timeout t = Timeout.initializer(test.get(), arg -> {}, null);
        Refusal.of(Errno.EINVAL, () -> t.add(-1)).contains("-1 ticks");
        Refusal.of(Errno.EINVAL, () -> t.add(Duration.ofNanos(-1)));
        Refusal.of(Errno.EINVAL, () -> t.add(null));
        Refusal.of(Errno.EINVAL, () -> t.addSec(Integer.MIN_VALUE)).contains("seconds");
        Refusal.of(Errno.EINVAL, () -> t.addMsec(-1));
        Refusal.of(Errno.EINVAL, () -> t.addUsec(-1));
        Refusal.of(Errno.EINVAL, () -> t.addNsec(Long.MIN_VALUE));
        Refusal.of(Errno.EINVAL, () -> t.addTv(-1, 0));
        Refusal.of(Errno.EINVAL, () -> t.addTv(0, 1_000_000)).contains("999999");
        Refusal.of(Errno.EINVAL, () -> t.addTs(-1, 0));
        Refusal.of(Errno.EINVAL, () -> t.addTs(0, -1));
        Refusal.of(Errno.EINVAL, () -> t.absTs(0, 1_000_000_000));
        assertThat(t.pending()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, Timeout.TIMEOUT_PROC, MP})
    @Rule({"OTO-4", "OTO-5"})
    @DisplayName("OTO-4, OTO-5: del returns while the function runs; barrier and del_barrier wait for it; what it adds"
            + " meanwhile is deleted")
    void barriers(int flags) {
        Timeout[] own = new Timeout[1];
        Plug plug = new Plug(flags, () -> own[0].add(0));
        own[0] = plug.timeout;
        assertThat(plug.timeout.del()).isFalse();
        FutureTask<Boolean> barrier = Bounded.startCode("barrier", () -> {
            plug.timeout.barrier();
            assertThat(plug.ended).isTrue();
        });
        FutureTask<Boolean> delBarrier = Bounded.startCode("del_barrier", () -> {
            boolean unused = plug.timeout.delBarrier();
            assertThat(plug.ended).isTrue();
            assertThat(plug.timeout.pending()).isFalse();
        });
        Bounded.until("both wait", () -> waits("barrier") && waits("del_barrier"));
        assertThat(barrier.isDone() || delBarrier.isDone()).isFalse();
        plug.out.release(1);
        assertThat(Bounded.join(barrier)).isTrue();
        assertThat(Bounded.join(delBarrier)).isTrue();
        assertThat(plug.timeout.delBarrier()).isFalse();
        assertThat(plug.timeout.pending()).isFalse();
    }

    private static boolean waits(String thread) {
        return Thread.getAllStackTraces().keySet().stream()
                .anyMatch(other -> other.getName().equals(thread) && LockSupport.getBlocker(other) != null);
    }

    @Test
    @Rule("OTO-5")
    @DisplayName("OTO-5: the barriers in the timeout's own function do not wait; at a raised level they are EPERM")
    void barriersOfOneself() {
        for (int flags : new int[] {0, Timeout.TIMEOUT_PROC, MP}) {
            AtomicInteger runs = new AtomicInteger();
            Timeout timeout = new Timeout(test.get());
            timeout.setFlags(
                    arg -> {
                        timeout.add(0);
                        assertThat(timeout.delBarrier()).isTrue();
                        runs.incrementAndGet();
                    },
                    null,
                    flags);
            timeout.add(0);
            Bounded.until("it has run", () -> runs.get() == 1);
            timeout.barrier();
            assertThat(runs).hasValue(1);
            assertThat(timeout.pending()).isFalse();
            timeout.addSec(3600);
            Bounded.run("raised", () -> {
                int s = Spl.current().splsoftclock();
                Refusal.of(Errno.EPERM, timeout::delBarrier);
                Refusal.of(Errno.EPERM, timeout::barrier);
                Spl.current().splx(s);
            });
            assertThat(timeout.delBarrier()).isTrue();
        }
    }

    @Test
    @Rule("OTO-7")
    @DisplayName(
            "OTO-7: the default is an interrupt at SOFTCLOCK with the kernel lock; TIMEOUT_PROC a thread with the lock"
                    + " that may sleep; with TIMEOUT_MPSAFE without the lock")
    void contexts() {
        Kernel kernel = test.get();
        List<String> seen = new CopyOnWriteArrayList<>();
        for (int flags : new int[] {0, Timeout.TIMEOUT_PROC, MP}) {
            int size = seen.size();
            Timeout timeout = Timeout.initializerFlags(
                    kernel,
                    arg -> {
                        String sleep = "sleeps";
                        try {
                            kernel.sleepq().tsleep(seen, "nap", 1);
                        } catch (org.percpu.bindings.spi.ErrnoException e) {
                            sleep = e.errno().name();
                        }
                        String thread = Thread.currentThread().getName();
                        seen.add(thread.substring(0, Math.min(11, thread.length()))
                                        .replaceAll("/.*", "") + " "
                                + Spl.current().level() + " " + kernel.lock().holds() + " " + sleep);
                    },
                    null,
                    flags);
            timeout.add(1);
            Bounded.until("it has run", () -> seen.size() > size);
            timeout.delBarrier();
        }
        assertThat(seen)
                .containsExactly(
                        "clock " + Ipl.SOFTCLOCK + " 1 EPERM",
                        "softclock " + Ipl.NONE + " 1 sleeps",
                        "softclockmp " + Ipl.NONE + " 0 sleeps");
    }

    @Test
    @Rule("OTO-8")
    @DisplayName("OTO-8: all but the barriers may be called at every level up to HIGH, and in the function")
    void atEveryLevel() {
        for (int flags : new int[] {0, MP}) {
            Timeout timeout = Timeout.initializerFlags(test.get(), arg -> {}, null, flags);
            Bounded.run("raised", () -> {
                int s = Spl.current().splhigh();
                assertThat(timeout.addSec(3600)).isTrue();
                assertThat(timeout.add(Duration.ofHours(2))).isFalse();
                assertThat(timeout.pending()).isTrue();
                assertThat(timeout.triggered()).isFalse();
                assertThat(timeout.initialized()).isTrue();
                assertThat(timeout.del()).isTrue();
                timeout.setFlags(arg -> {}, null, flags);
                Spl.current().splx(s);
            });
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, Timeout.TIMEOUT_PROC, MP})
    @Rule("OTO-9")
    @DisplayName("OTO-9: a timeout adds itself again, and never overlaps itself, however many threads add it")
    void addsItself(int flags) {
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger overlaps = new AtomicInteger();
        AtomicInteger runs = new AtomicInteger();
        Timeout timeout = new Timeout(test.get());
        timeout.setFlags(
                arg -> {
                    overlaps.addAndGet(inside.incrementAndGet() - 1);
                    timeout.add(0);
                    runs.incrementAndGet();
                    inside.decrementAndGet();
                },
                null,
                flags);
        List<FutureTask<Boolean>> threads = List.of(
                Bounded.startCode("adds", () -> addOften(timeout)),
                Bounded.startCode("adds too", () -> addOften(timeout)));
        threads.forEach(Bounded::join);
        Bounded.until("it runs by itself", () -> runs.get() > 100);
        timeout.delBarrier();
        int then = runs.get();
        assertThat(timeout.pending()).isFalse();
        assertThat(timeout.add(Duration.ofHours(1))).isTrue();
        assertThat(timeout.delBarrier()).isTrue();
        assertThat(runs).hasValue(then);
        assertThat(overlaps).hasValue(0);
    }

    private static void addOften(Timeout timeout) {
        for (int i = 0; i < 1000; i++) {
            boolean unused = timeout.add(0);
        }
    }
}
