// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.netbsd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.CpuSet;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.Scale;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

/** KTHREAD_IDLE: start, and kthread_destroy. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class KthreadIdleTest {
    private static final int MPSAFE = Kthread.KTHREAD_MPSAFE;
    private static final int IDLE = Kthread.KTHREAD_IDLE;
    private static final int MUSTJOIN = Kthread.KTHREAD_MUSTJOIN;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private final AtomicInteger runs = new AtomicInteger();

    private Kthread create(int flags, String name) {
        return Kthread.create(
                test.get(),
                Pri.PRI_NONE,
                flags,
                null,
                arg -> {
                    runs.incrementAndGet();
                    throw Kthread.exit(0);
                },
                null,
                name);
    }

    @Test
    @Rule("NKT-19")
    @DisplayName("an idle thread is in place and named but does not run its function until it is started, once")
    void anIdleThreadWaitsForItsStart() {
        Kthread thread = Kthread.create(
                test.get(),
                Pri.PRI_NONE,
                MPSAFE | IDLE | MUSTJOIN,
                test.cpu(0),
                arg -> {
                    runs.incrementAndGet();
                    throw Kthread.exit(0);
                },
                null,
                "idle");
        int tid = thread.state().tid();
        Bounded.until("it sleeps", () -> Proc.state(tid) == 'S');
        assertThat(Proc.allowed(tid)).isEqualTo(CpuSet.of(test.cpu(0).id()));
        assertThat(Proc.comm(tid)).isEqualTo("idle");
        assertThat(runs.get()).isZero();
        thread.start();
        thread.join();
        assertThat(runs.get()).isEqualTo(1);
    }

    @Test
    @Rule({"NKT-19", "KL-2"})
    @DisplayName("an idle thread holds no kernel lock")
    void anIdleThreadHoldsNothing() {
        Kthread thread = create(IDLE | MUSTJOIN, "idle");
        Bounded.until("it sleeps", () -> Proc.state(thread.state().tid()) == 'S');
        Bounded.run("takes the kernel lock", () -> {
            test.get().lock().lock();
            test.get().lock().unlock();
        });
        thread.start();
        thread.join();
    }

    @Test
    @Rule({"NKT-19", "NKT-20", "G17"})
    @DisplayName("NKT-20: an idle thread that is destroyed is gone and never runs its function")
    void aDestroyedThreadNeverRuns() {
        Kthread thread = create(MPSAFE | IDLE, "never");
        int tid = thread.state().tid();
        thread.destroy();
        Bounded.until("it is gone", () -> !Proc.exists(tid));
        Bounded.until("the kernel forgot it", () -> test.get().lwps().isEmpty());
        assertThat(runs.get()).isZero();
        Refusal.of(Errno.ESRCH, thread::start).contains("never");
        Refusal.of(Errno.ESRCH, thread::destroy).contains("never");
    }

    @Test
    @Rule({"NKT-21", "U15"})
    @DisplayName("NKT-21: a destroyed MUSTJOIN thread needs no join, and a join of it is ESRCH")
    void aDestroyedThreadNeedsNoJoin() {
        Kthread thread = create(MPSAFE | IDLE | MUSTJOIN, "gone");
        int tid = thread.state().tid();
        thread.destroy();
        Bounded.until("it is gone", () -> !Proc.exists(tid));
        Refusal.of(Errno.ESRCH, thread::join).contains("gone");
    }

    @Test
    @Rule({"NKT-19", "G17"})
    @DisplayName("NKT-19: destroy of a thread that was started, or not made idle, is EBUSY and it runs on")
    void destroyAfterStartIsBusy() {
        CountDownLatch end = new CountDownLatch(1);
        Kthread.Function<Object> func = arg -> {
            Bounded.arrive(end);
            runs.incrementAndGet();
            throw Kthread.exit(0);
        };
        Kernel kernel = test.get();
        Kthread started = Kthread.create(kernel, -1, MPSAFE | IDLE | MUSTJOIN, null, func, null, "started");
        started.start();
        Kthread running = Kthread.create(kernel, -1, MPSAFE | MUSTJOIN, null, func, null, "running");
        Refusal.of(Errno.EBUSY, started::destroy).contains("started");
        Refusal.of(Errno.EBUSY, running::destroy).contains("running");
        end.countDown();
        started.join();
        running.join();
        assertThat(runs.get()).isEqualTo(2);
    }

    @Test
    @Rule("NKT-19")
    @DisplayName("NKT-19: destroy of a thread that was started and has ended is EBUSY, as its documentation says")
    void destroyAfterTheEndIsBusy() {
        Kthread thread = create(MPSAFE | IDLE | MUSTJOIN, "ended");
        thread.start();
        thread.join();
        Refusal.of(Errno.EBUSY, thread::destroy).contains("ended");
    }

    @Test
    @Rule({"NKT-19", "U15"})
    @DisplayName("starting twice, or what was not made idle, is EBUSY")
    void startingTwiceIsBusy() {
        CountDownLatch end = new CountDownLatch(1);
        Kthread.Function<Object> func = arg -> {
            runs.incrementAndGet();
            Bounded.arrive(end);
            throw Kthread.exit(0);
        };
        Kthread idle = Kthread.create(test.get(), -1, MPSAFE | IDLE | MUSTJOIN, null, func, null, "idle");
        idle.start();
        Refusal.of(Errno.EBUSY, idle::start).contains("idle");
        Kthread plain = Kthread.create(test.get(), -1, MPSAFE | MUSTJOIN, null, func, null, "plain");
        Refusal.of(Errno.EBUSY, plain::start).contains("plain");
        end.countDown();
        idle.join();
        plain.join();
        assertThat(runs.get()).isEqualTo(2);
    }

    @Test
    @Rule({"NKT-16", "U15", "G16"})
    @DisplayName("NKT-14: joining a thread that another is about to start waits for the start and for the exit")
    void joiningAnIdleThreadWaits() {
        Kthread thread = create(MPSAFE | IDLE | MUSTJOIN, "unstarted");
        Thread joiner = new Thread(thread::join, "joiner");
        joiner.setDaemon(true);
        joiner.start();
        Bounded.until("it waits", () -> joiner.getState() == Thread.State.WAITING);
        assertThat(runs.get()).isZero();
        thread.start();
        Bounded.until("the join returned", () -> !joiner.isAlive());
        assertThat(runs.get()).isEqualTo(1);
        assertThat(Proc.exists(thread.state().tid())).isFalse();
    }

    @Test
    @Rule({"NKT-16", "U15"})
    @DisplayName(
            "NKT-16: a join that waits for the start of a thread that is destroyed instead is ESRCH and does not hang")
    void joiningAThreadThatIsDestroyed() {
        Kthread thread = create(MPSAFE | IDLE | MUSTJOIN, "doomed");
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        Thread joiner = new Thread(() -> thrown.set(catchThrowable(thread::join)), "joiner");
        joiner.setDaemon(true);
        joiner.start();
        Bounded.until("it waits", () -> joiner.getState() == Thread.State.WAITING);
        thread.destroy();
        Bounded.until("the join returned", () -> !joiner.isAlive());
        Refusal.of(Errno.ESRCH, () -> {
                    throw thrown.get();
                })
                .contains("doomed");
        assertThat(runs.get()).isZero();
    }

    @Test
    @Rule({"NKT-19", "NKT-20", "G17"})
    @DisplayName("G17: when start and destroy race one wins, and the function runs exactly if start did")
    void startAndDestroyRace() {
        int rounds = Scale.of(500, 20_000);
        for (int round = 0; round < rounds; round++) {
            runs.set(0);
            Kthread thread = create(MPSAFE | IDLE | MUSTJOIN, "race");
            CyclicBarrier go = new CyclicBarrier(2);
            FutureTask<Throwable> start = Bounded.start("starter", () -> {
                Bounded.meet(go);
                return catchThrowable(thread::start);
            });
            FutureTask<Throwable> destroy = Bounded.start("destroyer", () -> {
                Bounded.meet(go);
                return catchThrowable(thread::destroy);
            });
            Throwable startError = Bounded.join(start);
            Throwable destroyError = Bounded.join(destroy);
            assertThat(startError == null).isNotEqualTo(destroyError == null);
            if (startError == null) {
                assertThat(((ErrnoException) destroyError).errno()).isIn(Errno.EBUSY, Errno.ESRCH);
                thread.join();
                assertThat(runs.get()).isEqualTo(1);
            } else {
                assertThat(((ErrnoException) startError).errno()).isEqualTo(Errno.ESRCH);
                assertThat(runs.get()).isZero();
            }
        }
    }

    @Test
    @Rule({"NKT-19", "G24"})
    @DisplayName("an idle thread that nobody started is ended and reported when the kernel is closed")
    void anIdleThreadIsReportedAtClose() {
        List<String> console = test.expectConsole();
        Kernel kernel = test.with(settings -> {});
        Kthread.create(kernel, -1, MPSAFE | IDLE, null, arg -> runs.incrementAndGet(), null, "dozing");
        kernel.close();
        Bounded.until("it is gone", () -> kernel.lwps().isEmpty());
        assertThat(console).singleElement().asString().contains("dozing", "never started");
        assertThat(runs.get()).isZero();
    }
}
