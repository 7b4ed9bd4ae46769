// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.ipl.Spl;
import org.percpu.ipl.SplMode;
import org.percpu.kernel.Condvar;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.Sleepq;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.LoggedRecords;
import org.percpu.tests.support.TestKernel;

/** What interrupts of a thread that sleeps, or waits for a lock, do and do not do to it. */
@SuppressWarnings("LockNotBeforeTry") // who fails here fails the test
@Timeout(120)
class AsleepTest {
    private static final long SLEEP_NANOS = 50_000_000;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private final Object ident = new Object();
    private final AtomicInteger ran = new AtomicInteger();

    /** A thread that sleeps on the ident, with a line whose handler runs this. */
    private final class Tsleeper extends Sleeper implements AutoCloseable {
        final InterruptLine line;

        Tsleeper(InterruptLine.Handler handler) {
            super(() -> () ->
                    assertThat(test.get().sleepq().tsleep(ident, "biowait", 0)).isZero());
            line = InterruptLine.establish(receiver, "bio", Ipl.VM, handler);
            Bounded.until("it sleeps", this::isAsleep);
        }

        @Override
        public void close() {
            line.close();
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("interrupts that wake nobody do not end a sleep before its time, nor make it longer")
    void interruptsLeaveTheTimeAlone(SplMode mode) {
        Levels.on(mode, spl -> {
            Kernel kernel = test.get();
            InterruptLine line =
                    InterruptLine.establish(Receiver.current(), "tick", Ipl.VM, value -> ran.incrementAndGet());
            CountDownLatch over = new CountDownLatch(1);
            FutureTask<Boolean> storm = Bounded.startCode("storm", () -> {
                while (!over.await(200, TimeUnit.MICROSECONDS)) {
                    line.trigger();
                }
            });
            long shortest = Long.MAX_VALUE;
            for (int i = 0; i < 3; i++) {
                long start = System.nanoTime();
                assertThat(kernel.sleepq().tsleep(ident, "biowait", SLEEP_NANOS))
                        .isEqualTo(Sleepq.EWOULDBLOCK);
                long slept = System.nanoTime() - start;
                assertThat(slept).isGreaterThanOrEqualTo(SLEEP_NANOS);
                shortest = Math.min(shortest, slept);
            }
            int whileAsleep = ran.get();
            over.countDown();
            Bounded.join(storm);
            assertThat(whileAsleep).isGreaterThan(10);
            assertThat(shortest).isLessThan(2 * SLEEP_NANOS);
            line.close();
        });
    }

    @Test
    @DisplayName("wakeup_one in a handler wakes one thread, the one that sleeps longest, and leaves the other asleep")
    void wakeupOneWakesOne() {
        Tsleeper first = new Tsleeper(value -> ran.incrementAndGet());
        Tsleeper second = new Tsleeper(value -> {
            if (value == 1) {
                test.get().sleepq().wakeupOne(ident);
            }
            ran.incrementAndGet();
        });
        assertThat(second.line.trigger(1)).isTrue();
        Bounded.join(first.end);
        Bounded.until("the handler has returned", () -> ran.get() == 1);
        assertThat(second.line.trigger(2)).isTrue();
        Bounded.until("it is still there", () -> ran.get() == 2);
        Bounded.until("it sleeps again", second::isAsleep);
        assertThat(second.line.trigger(1)).isTrue();
        Bounded.join(second.end);
        first.close();
        second.close();
    }

    @Test
    @DisplayName("a handler that throws is told to the fault handler, and the sleep goes on")
    void handlerThatThrowsDoesNotEndTheSleep() {
        List<Throwable> faults = new CopyOnWriteArrayList<>();
        try (Tsleeper sleeper = new Tsleeper(value -> {
            if (value == 0) {
                throw new IllegalStateException("expected");
            }
            test.get().sleepq().wakeup(ident);
        })) {
            sleeper.receiver.onFault((line, thrown) -> faults.add(thrown));
            assertThat(sleeper.line.trigger(0)).isTrue();
            Bounded.until("it was told", () -> faults.size() == 1);
            Bounded.until("it sleeps again", sleeper::isAsleep);
            assertThat(faults.get(0)).hasMessage("expected");
            assertThat(sleeper.line.trigger(1)).isTrue();
            Bounded.join(sleeper.end);
        }
    }

    @Test
    @DisplayName("Thread.interrupt does not end the sleep of a thread with a level, and is kept for it")
    void threadInterruptIsKept() {
        List<Boolean> seen = new CopyOnWriteArrayList<>();
        Sleeper sleeper = new Sleeper(() -> () -> {
            Thread.currentThread().interrupt();
            assertThat(test.get().sleepq().tsleep(ident, "biowait", 0)).isZero();
            seen.add(Thread.interrupted());
            assertThat(test.get().sleepq().tsleep(ident, "biowait", 0)).isZero();
            seen.add(Thread.interrupted());
        });
        InterruptLine line = InterruptLine.establish(sleeper.receiver, "bio", Ipl.VM, value -> {
            seen.add(Thread.currentThread().isInterrupted());
            test.get().sleepq().wakeup(ident);
        });
        Bounded.until("it sleeps", sleeper::isAsleep);
        assertThat(line.trigger()).isTrue();
        Bounded.until("it was woken", () -> seen.size() == 2);
        Bounded.until("it sleeps again", sleeper::isAsleep);
        sleeper.thread.interrupt();
        assertThat(line.trigger()).isTrue();
        Bounded.join(sleeper.end);
        assertThat(seen).containsExactly(false, true, false, true);
        line.close();
    }

    @Test
    @DisplayName(
            "Thread.interrupt ends a wait for a mutex that is interruptible, and nothing but its own time ends one with a time")
    void interruptibleWaitsEnd() {
        Mutex mutex = Mutex.netbsd("bio", Ipl.NONE);
        List<String> ends = new CopyOnWriteArrayList<>();
        mutex.lock();
        try {
            Sleeper sleeper = new Sleeper(() -> () -> {
                try {
                    mutex.lockInterruptibly();
                } catch (InterruptedException e) {
                    ends.add("interrupted " + Thread.currentThread().isInterrupted());
                }
                long start = System.nanoTime();
                boolean got = mutex.tryLock(SLEEP_NANOS, TimeUnit.NANOSECONDS);
                ends.add(got + " after its time: " + (System.nanoTime() - start >= SLEEP_NANOS));
            });
            Bounded.until("it waits", sleeper::isAsleep);
            sleeper.thread.interrupt();
            Bounded.join(sleeper.end);
        } finally {
            mutex.unlock();
        }
        assertThat(ends).containsExactly("interrupted false", "false after its time: true");
        assertThat(mutex.tryLock()).isTrue();
        mutex.unlock();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("who waits for a spin mutex runs the interrupts above its level, and those below when it is released")
    void theLevelHoldsWhileAMutexIsAwaited(SplMode mode) {
        Mutex mutex = Mutex.netbsd("bio", Ipl.VM);
        List<String> order = new CopyOnWriteArrayList<>();
        mutex.lock();
        Sleeper sleeper;
        InterruptLine vm;
        InterruptLine audio;
        try {
            sleeper = new Sleeper(() -> {
                Spl.current().setMode(mode);
                return () -> {
                    mutex.lock();
                    order.add("locked at " + Spl.current().level());
                    mutex.unlock();
                    order.add("unlocked at " + Spl.current().level());
                };
            });
            vm = Levels.recording(sleeper.receiver, Ipl.VM, order);
            audio = Levels.recording(sleeper.receiver, Ipl.AUDIO, order);
            Bounded.until("it waits", sleeper::isAsleep);
            assertThat(vm.trigger(1)).isTrue();
            assertThat(audio.trigger(2)).isTrue();
            Bounded.until("the higher one has run", () -> !order.isEmpty());
        } finally {
            mutex.unlock();
        }
        Bounded.join(sleeper.end);
        assertThat(order).containsExactly("AUDIO=2@AUDIO", "locked at VM", "VM=1@VM", "unlocked at NONE");
        vm.close();
        audio.close();
    }

    @Test
    @DisplayName("a thread at a raised level and a handler still must not sleep (EPERM)")
    void raisedThreadsAndHandlersMustNotSleep() {
        List<Throwable> refusals = new ArrayList<>();
        Levels.on(SplMode.EAGER, spl -> {
            Sleepq sleepq = test.get().sleepq();
            int none = spl.splsoftclock();
            assertThatThrownBy(() -> sleepq.tsleep(ident, "biowait", 0))
                    .isInstanceOf(ErrnoException.class)
                    .hasMessageContaining("EPERM");
            spl.splx(none);
            InterruptLine line = InterruptLine.establish(Receiver.current(), "bio", Ipl.VM, value -> {
                try {
                    refusals.add(new AssertionError("slept: " + sleepq.tsleep(ident, "biowait", 1)));
                } catch (ErrnoException e) {
                    refusals.add(e);
                }
            });
            assertThat(line.trigger()).isTrue();
            assertThat(sleepq.tsleep(ident, "biowait", 1_000_000)).isEqualTo(Sleepq.EWOULDBLOCK);
            line.close();
        });
        assertThat(refusals).singleElement().isInstanceOf(ErrnoException.class);
    }

    @Test
    @DisplayName(
            "a handler may take the lock that its thread waits for, in its thread's place, and the thread gets it behind")
    void handlersTakeTheLockThatTheirThreadWaitsFor() {
        Kernel kernel = test.get();
        Mutex mutex = Mutex.netbsd("bio", Ipl.SOFTCLOCK);
        for (boolean big : new boolean[] {true, false}) {
            List<String> order = new CopyOnWriteArrayList<>();
            Runnable lock = big ? kernel.lock()::lock : mutex::lock;
            Runnable unlock = big ? kernel.lock()::unlock : mutex::unlock;
            Semaphore inHandler = new Semaphore(0);
            lock.run();
            Sleeper sleeper;
            Sleeper other;
            InterruptLine line;
            try {
                sleeper = new Sleeper(() -> () -> {
                    lock.run();
                    order.add("thread");
                    unlock.run();
                });
                line = InterruptLine.establish(sleeper.receiver, "bio", Ipl.SOFTCLOCK, value -> {
                    inHandler.release();
                    lock.run();
                    order.add("handler");
                    unlock.run();
                });
                Bounded.until("it waits", sleeper::isAsleep);
                other = new Sleeper(() -> () -> {
                    lock.run();
                    order.add("other");
                    unlock.run();
                });
                Bounded.until("the other one waits", other::isAsleep);
                assertThat(line.trigger()).isTrue();
                Bounded.acquire(inHandler, 1);
                Bounded.until("the handler waits", sleeper::isAsleep);
            } finally {
                unlock.run();
            }
            Bounded.join(sleeper.end);
            Bounded.join(other.end);
            assertThat(order).containsExactlyInAnyOrder("handler", "thread", "other");
            if (big) {
                assertThat(order).as("the kernel lock is fair").containsExactly("handler", "thread", "other");
            }
            line.close();
        }
    }

    @Test
    @DisplayName("a thread that is interrupted all the time keeps its place before the kernel lock")
    void interruptsCostNoPlace() {
        Kernel kernel = test.get();
        List<Integer> order = new CopyOnWriteArrayList<>();
        List<Sleeper> sleepers = new ArrayList<>();
        List<InterruptLine> lines = new ArrayList<>();
        kernel.lock().lock();
        try {
            for (int i = 0; i < 4; i++) {
                int number = i;
                Sleeper sleeper = new Sleeper(() -> () -> {
                    kernel.lock().lock();
                    order.add(number);
                    kernel.lock().unlock();
                });
                sleepers.add(sleeper);
                lines.add(InterruptLine.establish(sleeper.receiver, "bio", Ipl.VM, value -> ran.incrementAndGet()));
                Bounded.until("it waits", sleeper::isAsleep);
            }
            for (int round = 1; round <= 10; round++) {
                lines.forEach(line -> assertThat(line.trigger()).isTrue());
                int all = round * lines.size();
                Bounded.until("all were interrupted", () -> ran.get() == all);
            }
        } finally {
            kernel.lock().unlock();
        }
        sleepers.forEach(sleeper -> Bounded.join(sleeper.end));
        assertThat(order).containsExactly(0, 1, 2, 3);
        lines.forEach(InterruptLine::close);
    }

    @Test
    @DisplayName(
            "handlers that signal a condition and sleepers that wait for it with a mutex, all interrupted: none is lost")
    void noWakeUpIsLost() {
        Kernel kernel = test.get();
        Mutex mutex = Mutex.netbsd("bio", Ipl.VM);
        Condvar done = new Condvar(kernel, "biowait");
        int rounds = 2_000;
        int[] posted = new int[1]; // guarded by mutex
        Sleeper sleeper = new Sleeper(() -> () -> {
            for (int taken = 0; taken < rounds; taken++) {
                kernel.lock().lock();
                mutex.lock();
                while (posted[0] == taken) {
                    done.await(mutex);
                }
                assertThat(mutex.isHeldByCurrentThread()).isTrue();
                mutex.unlock();
                kernel.lock().unlock();
                ran.set(taken + 1);
            }
        });
        InterruptLine line = InterruptLine.establish(sleeper.receiver, "bio", Ipl.VM, value -> {
            mutex.lock();
            posted[0]++;
            done.signal();
            mutex.unlock();
        });
        FutureTask<Boolean> contender = Bounded.startCode("contender", () -> {
            while (!sleeper.end.isDone()) {
                kernel.lock().lock();
                mutex.lock();
                mutex.unlock();
                kernel.lock().unlock();
            }
        });
        for (int i = 0; i < rounds; i++) {
            int before = i;
            assertThat(line.trigger(i)).isTrue();
            Bounded.until("it was woken", () -> ran.get() > before);
        }
        Bounded.join(sleeper.end);
        Bounded.join(contender);
        line.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, Workqueue.WQ_MPSAFE})
    @DisplayName("a callback sleeps until a handler on its worker wakes it, and the worker goes on")
    void callbacksSleepUntilTheirWorkersHandlerWakesThem(int flags) {
        Kernel kernel = test.get();
        CompletableFuture<InterruptLine> made = new CompletableFuture<>();
        List<Integer> holds = new CopyOnWriteArrayList<>();
        Workqueue<Work> queue = test.workqueue("bio", flags, (work, arg) -> {
            InterruptLine line = InterruptLine.establish(Receiver.current(), "bio", Ipl.VM, value -> {
                holds.add(kernel.lock().holds());
                kernel.sleepq().wakeup(ident);
            });
            assertThat(made.complete(line)).isTrue();
            assertThat(kernel.sleepq().tsleep(ident, "biowait", 0)).isZero();
            line.close();
            ran.incrementAndGet();
        });
        Work work = new Work();
        queue.enqueue(work, null);
        InterruptLine line = made.orTimeout(Bounded.SECONDS, TimeUnit.SECONDS).join();
        Bounded.until("it sleeps", () -> kernel.lwps().stream().anyMatch(lwp -> "biowait".equals(lwp.wmesg())));
        assertThat(line.trigger()).isTrue();
        queue.waitFor(work);
        assertThat(holds).as("of the kernel lock, which the sleep drops").containsExactly(0);
        assertThat(ran.get()).isEqualTo(1);
        queue.destroy();
    }

    @Test
    @DisplayName(
            "close() counts the values and the request that no handler has seen as lost, and says so once in the log")
    void closeTellsOfWhatItDrops() {
        Levels.on(SplMode.EAGER, spl -> {
            try (LoggedRecords log = new LoggedRecords(Receiver.class)) {
                InterruptLine line =
                        InterruptLine.establish(Receiver.current(), "rx", Ipl.VM, value -> ran.incrementAndGet());
                int none = spl.splvm();
                for (int i = 0; i < 5; i++) {
                    assertThat(line.trigger(i)).isTrue();
                }
                assertThat(line.trigger()).isTrue();
                assertThat(line.state().lost()).isZero();
                line.close();
                line.close();
                spl.splx(none);
                assertThat(ran.get()).isZero();
                assertThat(line.state().lost()).isEqualTo(6);
                assertThat(log.list()).singleElement().satisfies(record -> assertThat(record.getMessage())
                        .contains("interrupt rx at VM")
                        .endsWith("lost: 6"));
                InterruptLine seen =
                        InterruptLine.establish(Receiver.current(), "seen", Ipl.VM, value -> ran.incrementAndGet());
                assertThat(seen.trigger(1)).isTrue();
                assertThat(spl.poll()).isEqualTo(1);
                seen.close();
                assertThat(seen.state().lost()).isZero();
                assertThat(log.list()).hasSize(1);
            }
        });
    }

    @Test
    @DisplayName("a handler that closes its own line drops what is behind its value, and that counts as lost")
    void closeInTheHandlerCountsTheRest() {
        Levels.on(SplMode.EAGER, spl -> {
            try (LoggedRecords log = new LoggedRecords(Receiver.class)) {
                InterruptLine[] line = new InterruptLine[1];
                line[0] = InterruptLine.establish(Receiver.current(), "rx", Ipl.VM, value -> line[0].close());
                for (int i = 0; i < 3; i++) {
                    assertThat(line[0].trigger(i)).isTrue();
                }
                assertThat(spl.poll()).isEqualTo(1);
                assertThat(line[0].state().handled()).isEqualTo(1);
                assertThat(line[0].state().lost()).isEqualTo(2);
                assertThat(log.list()).hasSize(1);
            }
        });
    }
}
