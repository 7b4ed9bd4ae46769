// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.tests.support.Bounded;

/** One sleep and what ends it. */
@SuppressWarnings("LockNotBeforeTry") // who fails here fails the test
final class Scene {
    final Kernel kernel;
    final Object ident = new Object();
    final Semaphore gate = new Semaphore(0);
    Runnable handler = gate::release;
    Runnable sleep = () -> {};
    Ipl ipl = Ipl.VM;

    /** Whether the thread has come to its sleep. */
    Predicate<Thread> asleep = thread -> LockSupport.getBlocker(thread) != null;

    Scene(Kernel kernel) {
        this.kernel = kernel;
    }

    /** What the sleep waits for is done by another thread, when the gate opens. */
    void passGate() {
        Bounded.acquire(gate, 1);
    }

    /** Another thread holds a lock until the gate opens. */
    void holding(Runnable lock, Runnable unlock) {
        CountDownLatch held = new CountDownLatch(1);
        FutureTask<Boolean> holder = Bounded.startCode("holder", () -> {
            lock.run();
            try {
                held.countDown();
                passGate();
            } finally {
                unlock.run();
            }
        });
        Bounded.arrive(held);
        Runnable waits = sleep;
        sleep = () -> {
            waits.run();
            Bounded.join(holder);
        };
    }

    void locking(Lock lock) {
        sleep = () -> {
            lock.lock();
            lock.unlock();
        };
        holding(lock::lock, lock::unlock);
    }
}
