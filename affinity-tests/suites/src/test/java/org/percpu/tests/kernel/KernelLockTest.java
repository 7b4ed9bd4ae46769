// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.kernel.Condvar;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelLock;
import org.percpu.lwp.BigLock;
import org.percpu.lwp.KernelCore;
import org.percpu.netbsd.Kthread;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

/** The big lock: recursive, and dropped in full round every sleep. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class KernelLockTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    private void lock(int times) {
        for (int i = 0; i < times; i++) {
            test.get().lock().lock();
        }
    }

    private void unlock(int times) {
        for (int i = 0; i < times; i++) {
            test.get().lock().unlock();
        }
    }

    @Test
    @Rule("KL-1")
    @DisplayName("KL-1: the lock is recursive and counts its holds; it is free after as many releases")
    void theLockIsRecursive() {
        Kernel kernel = test.get();
        assertThat(kernel.lock().holds()).isZero();
        assertThat(kernel.lock().isHeld()).isFalse();
        lock(3);
        assertThat(kernel.lock().holds()).isEqualTo(3);
        assertThat(kernel.lock().isHeld()).isTrue();
        FutureTask<Integer> other = Bounded.start("other", () -> {
            lock(1);
            int holds = kernel.lock().holds();
            unlock(1);
            return holds;
        });
        unlock(2);
        assertThat(other.isDone()).isFalse();
        assertThat(kernel.lock().isHeld()).isTrue();
        unlock(1);
        assertThat(Bounded.join(other)).isEqualTo(1);
    }

    @Test
    @DisplayName("an offer hands the lock to the thread that waits for it, each time, and has the same holds again")
    void anOfferHandsTheLockOver() {
        KernelLock lock = test.get().lock();
        BigLock awaited = KernelCore.of(test.get()).lock();
        lock(2);
        for (int i = 0; i < 50; i++) {
            AtomicInteger had = new AtomicInteger();
            FutureTask<Boolean> other = Bounded.startCode("other", () -> {
                lock(1);
                had.incrementAndGet();
                unlock(1);
            });
            Bounded.until("it waits for the lock", awaited::isAwaited);
            lock.offer();
            assertThat(had.get()).isEqualTo(1);
            assertThat(lock.holds()).isEqualTo(2);
            Bounded.join(other);
        }
        unlock(2);
        assertThat(lock.isHeld()).isFalse();
    }

    @Test
    @Rule("KL-1")
    @DisplayName("KL-1: two kernels have two locks")
    void twoKernelsShareNothing() {
        Kernel one = test.with(settings -> {});
        Kernel two = test.with(settings -> {});
        one.lock().lock();
        Bounded.run("other", () -> {
            two.lock().lock();
            two.lock().unlock();
        });
        one.lock().unlock();
    }

    @Test
    @DisplayName("the lock says who has it")
    void theLockNamesItsOwner() {
        KernelLock lock = test.get().lock();
        assertThat(lock.toString()).startsWith("KernelLock").contains("Unlocked");
        lock(1);
        assertThat(lock.toString()).contains(Thread.currentThread().getName());
        unlock(1);
    }

    @Test
    @Rule("U24")
    @DisplayName("U24: releasing more holds than one has is an IllegalMonitorStateException that names the thread")
    void releasingTooOftenIsAnError() {
        Kernel kernel = test.get();
        assertThatThrownBy(() -> kernel.lock().unlock())
                .isInstanceOf(IllegalMonitorStateException.class)
                .hasMessageContaining(Thread.currentThread().getName());
        lock(1);
        Throwable elsewhere =
                Bounded.call("other", () -> catchThrowable(() -> kernel.lock().unlock()));
        assertThat(elsewhere).isInstanceOf(IllegalMonitorStateException.class);
        // The refused release released nothing.
        assertThat(kernel.lock().holds()).isEqualTo(1);
        unlock(1);
        assertThat(kernel.lock().isHeld()).isFalse();
    }

    @Test
    @Rule({"KL-3", "KL-5", "G14"})
    @DisplayName("KL-3: three holds are dropped while a condition variable waits; three are back when it wakes")
    void threeHoldsAreDroppedInASleep() {
        Kernel kernel = test.get();
        ReentrantLock interlock = new ReentrantLock();
        Condvar condvar = new Condvar(kernel, "g14");
        int[] shared = new int[1]; // guarded by the kernel lock
        CountDownLatch waiting = new CountDownLatch(1);
        List<Integer> seen = new ArrayList<>();
        FutureTask<Boolean> sleeper = Bounded.startCode("sleeper", () -> {
            lock(3);
            interlock.lock();
            try {
                waiting.countDown();
                while (shared[0] == 0) {
                    condvar.await(interlock);
                }
                seen.add(kernel.lock().holds());
                seen.add(interlock.getHoldCount());
                seen.add(shared[0]);
            } finally {
                interlock.unlock();
                unlock(3);
            }
        });
        Bounded.arrive(waiting);
        Bounded.run("another", () -> {
            lock(1);
            interlock.lock();
            try {
                shared[0] = 7;
                condvar.signal();
            } finally {
                interlock.unlock();
            }
            unlock(1);
        });
        Bounded.join(sleeper);
        assertThat(seen).containsExactly(3, 1, 7);
    }

    @Test
    @Rule({"KL-3", "KL-6", "G14"})
    @DisplayName("KL-3, KL-6: a woken thread takes the kernel lock first and the interlock second")
    void theKernelLockComesBackBeforeTheInterlock() {
        Kernel kernel = test.get();
        ReentrantLock interlock = new ReentrantLock();
        Condvar condvar = new Condvar(kernel, "order");
        CountDownLatch waiting = new CountDownLatch(1);
        FutureTask<Boolean> sleeper = Bounded.startCode("sleeper", () -> {
            lock(1);
            interlock.lock();
            try {
                waiting.countDown();
                condvar.await(interlock);
            } finally {
                interlock.unlock();
                unlock(1);
            }
        });
        Bounded.arrive(waiting);
        Bounded.until("it waits", condvar::hasWaiters);
        lock(1);
        try {
            condvar.signal();
            // Whoever held the interlock while it waits for the kernel lock would make this a deadlock.
            for (int i = 0; i < 100; i++) {
                Bounded.pass(interlock);
            }
            assertThat(sleeper.isDone()).isFalse();
        } finally {
            unlock(1);
        }
        Bounded.join(sleeper);
    }

    @Test
    @Rule("KL-3")
    @DisplayName("KL-3: sleeping() drops every hold round any blocking call and restores it, also when the call throws")
    void anyBlockingCallCanBeWrapped() {
        Kernel kernel = test.get();
        lock(3);
        String result = kernel.sleeping(
                "wrapped",
                () -> Bounded.call("other", () -> {
                    lock(1);
                    unlock(1);
                    return "had it";
                }));
        assertThat(result).isEqualTo("had it");
        assertThat(kernel.lock().holds()).isEqualTo(3);
        assertThatThrownBy(() -> kernel.sleeping("wrapped", () -> {
                    assertThat(kernel.lock().holds()).isZero();
                    throw new IOException("expected");
                }))
                .isInstanceOf(IOException.class);
        assertThat(kernel.lock().holds()).isEqualTo(3);
        unlock(3);
    }

    @Test
    @Rule("KL-4")
    @DisplayName("KL-4: waiting for another mutex does not drop the kernel lock")
    void waitingForAMutexKeepsTheLock() {
        Kernel kernel = test.get();
        ReentrantLock mutex = new ReentrantLock();
        CountDownLatch holds = new CountDownLatch(1);
        FutureTask<Boolean> holder = new FutureTask<>(
                () -> {
                    lock(1);
                    holds.countDown();
                    Bounded.pass(mutex);
                    unlock(1);
                },
                true);
        Thread thread = new Thread(holder, "holder");
        thread.setDaemon(true);
        FutureTask<Boolean> other;
        mutex.lock();
        try {
            thread.start();
            Bounded.arrive(holds);
            other = Bounded.startCode("other", () -> {
                lock(1);
                unlock(1);
            });
            Bounded.until("it waits for the mutex", mutex::hasQueuedThreads);
            assertThat(other.isDone()).isFalse();
        } finally {
            mutex.unlock();
        }
        Bounded.join(holder);
        Bounded.join(other);
        assertThat(kernel.lock().isHeld()).isFalse();
    }

    @Test
    @Rule({"KL-2", "KL-5"})
    @DisplayName("KL-5: between sleeps a non-MPSAFE thread is atomic against all others of the kernel")
    void betweenSleepsThreadsAreAtomic() {
        Kernel kernel = test.get();
        int[] value = new int[1];
        AtomicInteger torn = new AtomicInteger();
        List<Kthread> threads = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
            threads.add(Kthread.create(
                    kernel,
                    Pri.PRI_NONE,
                    Kthread.KTHREAD_MUSTJOIN | Kthread.KTHREAD_TS,
                    null,
                    arg -> {
                        for (int i = 0; i < 200; i++) {
                            int before = value[0];
                            Thread.onSpinWait();
                            value[0] = before + 1;
                            if (value[0] != before + 1) {
                                torn.incrementAndGet();
                            }
                            kernel.sleepq().tsleep(value, "atomic", 1_000);
                        }
                        throw Kthread.exit(0);
                    },
                    null,
                    "atomic%d",
                    t));
        }
        threads.forEach(Kthread::join);
        assertThat(value[0]).isEqualTo(800);
        assertThat(torn.get()).isZero();
    }
}
