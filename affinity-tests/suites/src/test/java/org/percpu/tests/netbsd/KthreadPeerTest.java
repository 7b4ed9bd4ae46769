// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.netbsd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.kernel.Condvar;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.Sleepq;
import org.percpu.netbsd.Kthread;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

/** Scenarios that the tests of neighbouring systems run, on kthread(9). */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class KthreadPeerTest {
    private static final int MPSAFE = Kthread.KTHREAD_MPSAFE;
    private static final int MUSTJOIN = Kthread.KTHREAD_MUSTJOIN;
    private static final long TICK = 10_000_000;
    private static final int THREADS = 10;
    private static final int LAPS = 100;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private Kthread create(int flags, String name, Kthread.Function<Object> func) {
        return Kthread.create(test.get(), Pri.PRI_NONE, flags, null, func, null, name);
    }

    @Test
    @Rule({"N4", "NKT-14"})
    @DisplayName("N4: a thread sleeps a tick, sets a flag and exits; the flag is set when join returns")
    void threadJoin() {
        AtomicBoolean flag = new AtomicBoolean();
        Kthread thread = create(MUSTJOIN | MPSAFE, "thrjoin", arg -> {
            assertThat(test.get().sleepq().tsleep(new Object(), "tick", TICK)).isEqualTo(Sleepq.EWOULDBLOCK);
            flag.set(true);
            throw Kthread.exit(0);
        });
        thread.join();
        assertThat(flag).isTrue();
    }

    @Test
    @Rule({"N5", "S12", "NKT-9"})
    @DisplayName("N5, S12: a thread that nobody joins sets a flag under a mutex, signals and exits")
    void kthread() {
        ReentrantLock mutex = new ReentrantLock();
        Condvar condvar = new Condvar(test.get(), "n5");
        boolean[] flag = new boolean[1];
        create(MPSAFE, "kthread", arg -> {
            mutex.lock();
            try {
                flag[0] = true;
                condvar.signal();
            } finally {
                mutex.unlock();
            }
            throw Kthread.exit(0);
        });
        mutex.lock();
        try {
            while (!flag[0]) {
                condvar.await(mutex);
            }
        } finally {
            mutex.unlock();
        }
        Bounded.until("nothing is left", () -> test.get().lwps().isEmpty());
    }

    @Test
    @Rule({"N6", "KL-3", "KL-5"})
    @DisplayName("N6: ten non-MPSAFE threads hand a token round by tsleep, the kernel lock being the only interlock")
    void tsleepRing() {
        Kernel kernel = test.get();
        int[] token = new int[1]; // guarded by the kernel lock
        AtomicInteger wrongHolds = new AtomicInteger();
        List<Kthread> threads = new ArrayList<>();
        for (int t = 0; t < THREADS; t++) {
            int mine = t;
            threads.add(create(MUSTJOIN, "ring" + t, arg -> {
                for (int lap = 0; lap < LAPS; lap++) {
                    while (token[0] % THREADS != mine) {
                        int result = kernel.sleepq().tsleep(token, "ring", 0);
                        if (result != 0 || kernel.lock().holds() != 1) {
                            wrongHolds.incrementAndGet();
                        }
                    }
                    token[0]++;
                    kernel.sleepq().wakeup(token);
                }
                throw Kthread.exit(0);
            }));
        }
        threads.forEach(Kthread::join);
        assertThat(token[0]).isEqualTo(THREADS * LAPS);
        assertThat(wrongHolds.get()).isZero();
    }

    @ParameterizedTest(name = "relock {0}")
    @ValueSource(booleans = {true, false})
    @Rule({"N6", "KL-3"})
    @DisplayName("N6: ten MPSAFE threads hand a token round by mtsleep and a mutex, with and without relock")
    @SuppressWarnings("LockNotBeforeTry") // without relock mtsleep comes back without the mutex
    void mtsleepRing(boolean relock) {
        Kernel kernel = test.get();
        ReentrantLock mutex = new ReentrantLock();
        int[] token = new int[1]; // guarded by mutex
        AtomicInteger wrongHolds = new AtomicInteger();
        List<Kthread> threads = new ArrayList<>();
        for (int t = 0; t < THREADS; t++) {
            int mine = t;
            threads.add(create(MUSTJOIN | MPSAFE, "mring" + t, arg -> {
                for (int lap = 0; lap < LAPS; lap++) {
                    mutex.lock();
                    try {
                        while (token[0] % THREADS != mine) {
                            int result = kernel.sleepq().mtsleep(token, "mring", 0, mutex, relock);
                            if (result != 0 || mutex.isHeldByCurrentThread() != relock) {
                                wrongHolds.incrementAndGet();
                            }
                            if (!relock) {
                                mutex.lock();
                            }
                        }
                        token[0]++;
                    } finally {
                        mutex.unlock();
                    }
                    kernel.sleepq().wakeup(token);
                }
                throw Kthread.exit(0);
            }));
        }
        threads.forEach(Kthread::join);
        assertThat(token[0]).isEqualTo(THREADS * LAPS);
        assertThat(wrongHolds.get()).isZero();
    }

    @Test
    @Rule({"N6", "KL-3"})
    @DisplayName(
            "N6: a sleep that nobody ends returns EWOULDBLOCK, not before its time, with the kernel lock as it was")
    void aSleepTimesOut() {
        Kernel kernel = test.get();
        int[] seen = new int[2];
        long[] slept = new long[1];
        Kthread thread = create(MUSTJOIN, "timeout", arg -> {
            long start = System.nanoTime();
            seen[0] = kernel.sleepq().tsleep(new Object(), "timeout", TICK);
            slept[0] = System.nanoTime() - start;
            seen[1] = kernel.lock().holds();
            throw Kthread.exit(0);
        });
        thread.join();
        assertThat(seen[0]).isEqualTo(Sleepq.EWOULDBLOCK);
        assertThat(seen[1]).isEqualTo(1);
        assertThat(slept[0]).isGreaterThanOrEqualTo(TICK);
    }

    @Test
    @Rule({"N7", "NKT-14"})
    @DisplayName("N7: a thread that waits for a busy resource goes on when its owner frees it")
    void busyResource() {
        Kernel kernel = test.get();
        ReentrantLock mutex = new ReentrantLock();
        boolean[] busy = {true}; // guarded by mutex
        CountDownLatch waiting = new CountDownLatch(1);
        Kthread thread = create(MUSTJOIN | MPSAFE, "busypage", arg -> {
            mutex.lock();
            try {
                while (busy[0]) {
                    waiting.countDown();
                    int result = kernel.sleepq().mtsleep(busy, "busy", 0, mutex, true);
                    assertThat(result).isZero();
                }
            } finally {
                mutex.unlock();
            }
            throw Kthread.exit(0);
        });
        Bounded.arrive(waiting);
        mutex.lock();
        try {
            busy[0] = false;
            kernel.sleepq().wakeup(busy);
        } finally {
            mutex.unlock();
        }
        thread.join();
    }

    @Test
    @Rule({"S14", "NKT-9"})
    @DisplayName("S14: thread locals of a kernel thread are its own and run out with it")
    void threadLocalsAreTheThreadsOwn() {
        ThreadLocal<int[]> local = ThreadLocal.withInitial(() -> new int[1]);
        AtomicInteger sum = new AtomicInteger();
        List<Kthread> threads = new ArrayList<>();
        for (int t = 1; t <= 8; t++) {
            int value = t;
            threads.add(create(MUSTJOIN | MPSAFE, "tsd" + t, arg -> {
                try {
                    for (int i = 0; i < value; i++) {
                        local.get()[0]++;
                    }
                } finally {
                    // What a destructor is in C.
                    sum.addAndGet(local.get()[0]);
                }
                throw Kthread.exit(0);
            }));
        }
        threads.forEach(Kthread::join);
        assertThat(sum.get()).isEqualTo(36);
    }
}
