// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.kernel.Condvar;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.Sleepq;
import org.percpu.lwp.Lwp;
import org.percpu.netbsd.Kthread;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.KernelThread;
import org.percpu.thread.Pri;

/** Condvar and Sleepq: who is woken, what an interrupt does, what misuse does not break. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SleepTest {
    private static final int MPSAFE_JOIN = Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_MUSTJOIN;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private final ReentrantLock mutex = new ReentrantLock();
    private final List<Integer> woken = new CopyOnWriteArrayList<>();

    /** Puts threads to sleep one behind the other. */
    private List<FutureTask<Boolean>> sleepers(Condvar condvar, int count) {
        List<FutureTask<Boolean>> sleepers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int number = i;
            CountDownLatch locked = new CountDownLatch(1);
            sleepers.add(Bounded.startCode("sleeper", () -> {
                mutex.lock();
                try {
                    locked.countDown();
                    condvar.await(mutex);
                    woken.add(number);
                } finally {
                    mutex.unlock();
                }
            }));
            Bounded.arrive(locked);
            // It holds the mutex until it is on the queue.
            Bounded.pass(mutex);
        }
        return sleepers;
    }

    @Test
    @DisplayName("cv_signal wakes one thread, the longest waiting first; with nobody waiting it does nothing")
    void signalWakesInOrder() {
        Condvar condvar = new Condvar(test.get(), "cv");
        condvar.signal();
        assertThat(condvar.hasWaiters()).isFalse();
        List<FutureTask<Boolean>> sleepers = sleepers(condvar, 3);
        for (int i = 0; i < 3; i++) {
            assertThat(condvar.hasWaiters()).isTrue();
            condvar.signal();
            Bounded.join(sleepers.get(i));
        }
        assertThat(woken).containsExactly(0, 1, 2);
        assertThat(condvar.hasWaiters()).isFalse();
    }

    @Test
    @DisplayName("cv_broadcast wakes all threads")
    void broadcastWakesAll() {
        Condvar condvar = new Condvar(test.get(), "cv");
        List<FutureTask<Boolean>> sleepers = sleepers(condvar, 5);
        condvar.broadcast();
        sleepers.forEach(Bounded::join);
        assertThat(woken).containsExactlyInAnyOrder(0, 1, 2, 3, 4);
    }

    @Test
    @DisplayName("cv_timedwait returns false when nobody signals, not before its time, with the interlock held")
    void timedWaitTimesOut() {
        Condvar condvar = new Condvar(test.get(), "cv");
        mutex.lock();
        try {
            long start = System.nanoTime();
            assertThat(condvar.await(mutex, 20, TimeUnit.MILLISECONDS)).isFalse();
            assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(TimeUnit.MILLISECONDS.toNanos(20));
            assertThat(mutex.isHeldByCurrentThread()).isTrue();
            assertThatThrownBy(() -> condvar.await(mutex, 0, TimeUnit.SECONDS))
                    .isInstanceOf(IllegalArgumentException.class);
        } finally {
            mutex.unlock();
        }
        assertThat(condvar.hasWaiters()).isFalse();
    }

    @Test
    @DisplayName("an interrupt does not end a wait, and is still there after it")
    void anInterruptDoesNotEndAWait() {
        Condvar condvar = new Condvar(test.get(), "cv");
        boolean[] condition = new boolean[1];
        CountDownLatch inside = new CountDownLatch(1);
        FutureTask<Boolean> sleeper = Bounded.start("sleeper", () -> {
            mutex.lock();
            try {
                Thread.currentThread().interrupt();
                inside.countDown();
                condvar.await(mutex);
                return condition[0] && Thread.interrupted();
            } finally {
                mutex.unlock();
            }
        });
        Bounded.arrive(inside);
        mutex.lock();
        try {
            condition[0] = true;
            condvar.signal();
        } finally {
            mutex.unlock();
        }
        assertThat(Bounded.join(sleeper)).isTrue();
    }

    @Test
    @DisplayName("waiting without the interlock, or with it held twice, is an IllegalMonitorStateException and no wait")
    void theInterlockMustBeHeldOnce() {
        Condvar condvar = new Condvar(test.get(), "cv");
        assertThatThrownBy(() -> condvar.await(mutex))
                .isInstanceOf(IllegalMonitorStateException.class)
                .hasMessageContaining("cv");
        mutex.lock();
        try {
            assertThat(mutex.tryLock()).isTrue();
            assertThatThrownBy(() -> condvar.await(mutex)).isInstanceOf(IllegalMonitorStateException.class);
            assertThat(mutex.getHoldCount()).isEqualTo(2);
            mutex.unlock();
        } finally {
            mutex.unlock();
        }
        assertThat(condvar.hasWaiters()).isFalse();
    }

    @Test
    @DisplayName("an interlock of another kind that cannot be released is its own error, and no wait")
    void aForeignInterlockThatCannotBeReleased() {
        Condvar cv = new Condvar(test.get(), "foreign");
        Lock notHeld = new ReentrantReadWriteLock().writeLock();
        assertThatThrownBy(() -> cv.await(notHeld)).isInstanceOf(IllegalMonitorStateException.class);
        assertThat(cv.hasWaiters()).isFalse();
        assertThat(notHeld.tryLock()).as("the lock is free").isTrue();
    }

    @Test
    @Rule("N6")
    @DisplayName("wakeup wakes all sleepers of its object and no other; wakeup_one wakes one")
    void wakeupNamesItsObject() {
        Kernel kernel = test.get();
        Object one = new Object();
        Object two = new Object();
        FutureTask<Integer> a = asleep(one, "one");
        FutureTask<Integer> b = asleep(one, "one");
        FutureTask<Integer> c = asleep(two, "two");
        FutureTask<Integer> d = asleep(two, "two");
        kernel.sleepq().wakeup(new Object());
        kernel.sleepq().wakeup(one);
        assertThat(Bounded.join(a)).isZero();
        assertThat(Bounded.join(b)).isZero();
        assertThat(c.isDone()).isFalse();
        assertThat(d.isDone()).isFalse();
        kernel.sleepq().wakeupOne(two);
        Bounded.until("one woke", () -> c.isDone() || d.isDone());
        assertThat(c.isDone() && d.isDone()).isFalse();
        kernel.sleepq().wakeupOne(two);
        Bounded.join(c);
        Bounded.join(d);
    }

    /** A thread that has reached its sleep: the kernel lock is its interlock. */
    private FutureTask<Integer> asleep(Object ident, String wmesg) {
        Kernel kernel = test.get();
        CountDownLatch locked = new CountDownLatch(1);
        FutureTask<Integer> sleeper = Bounded.start("sleeper", () -> {
            kernel.lock().lock();
            try {
                locked.countDown();
                return kernel.sleepq().tsleep(ident, wmesg, 0);
            } finally {
                kernel.lock().unlock();
            }
        });
        Bounded.arrive(locked);
        kernel.lock().lock();
        kernel.lock().unlock();
        return sleeper;
    }

    @Test
    @DisplayName("objects are told apart by identity: equal lists are two sleep queues")
    void objectsAreToldApartByIdentity() {
        List<String> one = new ArrayList<>(List.of("ident"));
        List<String> other = new ArrayList<>(List.of("ident"));
        FutureTask<Integer> sleeper = asleep(one, "ident");
        test.get().sleepq().wakeup(other);
        assertThat(sleeper.isDone()).isFalse();
        test.get().sleepq().wakeup(one);
        assertThat(Bounded.join(sleeper)).isZero();
    }

    @Test
    @DisplayName("a negative time is an IllegalArgumentException, and the mutex is still held")
    void aNegativeTimeIsRefused() {
        mutex.lock();
        try {
            assertThatThrownBy(() -> test.get().sleepq().mtsleep(this, "negative", -1, mutex, true))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(mutex.isHeldByCurrentThread()).isTrue();
        } finally {
            mutex.unlock();
        }
    }

    @Test
    @DisplayName(
            "mtsleep without the mutex is an IllegalMonitorStateException and takes no wake-up from a real sleeper")
    void mtsleepWithoutTheMutexLeavesNoGhost() {
        Object ident = new Object();
        assertThatThrownBy(() -> test.get().sleepq().mtsleep(ident, "ghost", 0, mutex, true))
                .isInstanceOf(IllegalMonitorStateException.class);
        FutureTask<Integer> sleeper = asleep(ident, "real");
        test.get().sleepq().wakeupOne(ident);
        assertThat(Bounded.join(sleeper, 5)).isZero();
    }

    @Test
    @DisplayName("mtsleep with the mutex held twice is refused instead of sleeping with it")
    void mtsleepWithTheMutexHeldTwiceIsRefused() {
        mutex.lock();
        try {
            assertThat(mutex.tryLock()).isTrue();
            assertThatThrownBy(() -> test.get().sleepq().mtsleep(this, "twice", 1_000_000, mutex, true))
                    .isInstanceOf(IllegalMonitorStateException.class);
            assertThat(mutex.getHoldCount()).isEqualTo(2);
        } finally {
            while (mutex.isHeldByCurrentThread()) {
                mutex.unlock();
            }
        }
    }

    @Test
    @Rule("KL-3")
    @DisplayName("a sleeping kernel thread shows what it sleeps on, a running one nothing")
    void theWaitMessageIsVisible() {
        Kernel kernel = test.get();
        Object ident = new Object();
        List<String> whileRunning = new CopyOnWriteArrayList<>();
        Kthread thread = Kthread.create(
                kernel,
                Pri.PRI_NONE,
                MPSAFE_JOIN,
                null,
                arg -> {
                    whileRunning.add(String.valueOf(Lwp.current().wmesg()));
                    int result = kernel.sleepq().tsleep(ident, "biowait", 0);
                    whileRunning.add(Lwp.current().wmesg() + " " + result);
                    throw Kthread.exit(0);
                },
                null,
                "sleeper");
        KernelThread lwp = kernel.lwps().get(0);
        Bounded.until("it sleeps", () -> "biowait".equals(lwp.wmesg()));
        Bounded.until("it is woken", () -> {
            kernel.sleepq().wakeup(ident);
            return whileRunning.size() == 2;
        });
        thread.join();
        assertThat(whileRunning).containsExactly("null", "null 0");
    }

    @Test
    @DisplayName(
            "a wake-up that races with the end of a timed sleep is either the result or for the next sleeper, never lost")
    void wakeupsAreNotLostToTimeouts() {
        Kernel kernel = test.get();
        int rounds = 2_000;
        int[] posted = new int[1]; // both guarded by mutex
        int[] taken = new int[1];
        Kthread consumer = Kthread.create(
                kernel,
                Pri.PRI_NONE,
                MPSAFE_JOIN | Kthread.KTHREAD_TS,
                null,
                arg -> {
                    mutex.lock();
                    try {
                        while (taken[0] < rounds) {
                            while (posted[0] == taken[0]) {
                                int result = kernel.sleepq().mtsleep(posted, "race", 20_000, mutex, true);
                                assertThat(result).isIn(0, Sleepq.EWOULDBLOCK);
                            }
                            taken[0] = posted[0];
                        }
                    } finally {
                        mutex.unlock();
                    }
                    throw Kthread.exit(0);
                },
                null,
                "consumer");
        for (int i = 0; i < rounds; i++) {
            mutex.lock();
            try {
                posted[0]++;
                kernel.sleepq().wakeupOne(posted);
            } finally {
                mutex.unlock();
            }
        }
        consumer.join();
        assertThat(taken[0]).isEqualTo(rounds);
    }
}
