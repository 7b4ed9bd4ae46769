// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.percpu.dispatch.Dispatcher;
import org.percpu.dispatch.Dispatchers;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.kernel.Condvar;
import org.percpu.kernel.Kernel;

/**
 * A thread sleeps with an interlock, another one wakes it, and one of the two meets an error. The sleeper comes back with the interlock as
 * before; a waker that was refused wakes at its next try; and a wake-up for one thread does not go to one that has left.
 */
final class Sleeping extends OnKernel {
    /** Something to sleep on. */
    interface Bed {
        void sleep(Lock interlock);

        void wakeOne();
    }

    /** What they sleep on. */
    enum On {
        CONDVAR,
        CONDVAR_MUTEX,
        SLEEPQ,
        SLEEPQ_MUTEX;

        Bed in(Kernel kernel) {
            if (this == CONDVAR || this == CONDVAR_MUTEX) {
                Condvar condvar = new Condvar(kernel, "bed");
                return new Bed() {
                    @Override
                    public void sleep(Lock interlock) {
                        condvar.await(interlock);
                    }

                    @Override
                    public void wakeOne() {
                        condvar.signal();
                    }
                };
            }
            Object ident = new Object();
            return new Bed() {
                @Override
                public void sleep(Lock interlock) {
                    int result = kernel.sleepq().mtsleep(ident, "bed", 0, interlock, true);
                    assert result == 0;
                }

                @Override
                public void wakeOne() {
                    kernel.sleepq().wakeupOne(ident);
                }
            };
        }

        Lock interlock() {
            return this == CONDVAR || this == SLEEPQ ? new ReentrantLock() : Mutex.netbsd("interlock", Ipl.VM);
        }
    }

    private final On on;
    private final boolean wakerIsVictim;

    Sleeping(On on, boolean wakerIsVictim) {
        this.on = on;
        this.wakerIsVictim = wakerIsVictim;
    }

    @Override
    void open(Fixture made) {}

    @Override
    public @Nullable String round(Injector.Kind kind, int n) {
        Bed bed = on.in(fixture().kernel);
        Lock interlock = on.interlock();
        Armed armed;
        if (wakerIsVictim) {
            Sleeper sleeper = new Sleeper(bed, interlock);
            armed = Armed.run(kind, n, bed::wakeOne);
            if (armed.thrown() != null) {
                Fixture.must(bed::wakeOne);
            }
            sleeper.isWoken();
        } else {
            AtomicBoolean holds = new AtomicBoolean();
            Armed.Call call = new Armed.Call(null, kind, n, () -> sleeps(bed, interlock, holds, kind, n));
            Fixture.await("it holds the interlock", holds::get);
            // It is on the queue, or refused, before it releases the interlock.
            Fixture.must(() -> holding(interlock, bed::wakeOne));
            armed = call.outcome();
        }
        // Nobody sleeps now: one wake-up is enough for the next one.
        Sleeper next = new Sleeper(bed, interlock);
        Fixture.must(bed::wakeOne);
        next.isWoken();
        return armed.site();
    }

    private static void sleeps(Bed bed, Lock interlock, AtomicBoolean holds, Injector.Kind kind, int n) {
        String early = Injector.disarm();
        assert early == null;
        interlock.lock();
        holds.set(true);
        Injector.arm(kind, n);
        try {
            bed.sleep(interlock);
        } finally {
            String hit = Injector.disarm();
            boolean held = isHeld(interlock);
            if (held) {
                interlock.unlock();
            }
            Dispatcher spl = Dispatchers.currentIfUsed();
            Fixture.require(held, "it came back without the interlock, after an error at " + hit);
            Fixture.require(spl == null || spl.level().rank() == 0, "level");
        }
    }

    private static void holding(Lock interlock, Runnable code) {
        interlock.lock();
        try {
            code.run();
        } finally {
            interlock.unlock();
        }
    }

    private static boolean isHeld(Lock interlock) {
        return interlock instanceof Mutex mutex
                ? mutex.isHeldByCurrentThread()
                : ((ReentrantLock) interlock).isHeldByCurrentThread();
    }

    /** A thread that sleeps, and meets no error. */
    private static final class Sleeper {
        private final AtomicBoolean holds = new AtomicBoolean();
        private final Thread thread;

        Sleeper(Bed bed, Lock interlock) {
            thread = new Thread(() -> holding(interlock, () -> {
                holds.set(true);
                bed.sleep(interlock);
            }));
            thread.setDaemon(true);
            thread.start();
            Fixture.await("it holds the interlock", holds::get);
            // It is on the queue before it releases the interlock.
            Fixture.must(() -> holding(interlock, () -> {}));
        }

        void isWoken() {
            Fixture.join(thread);
        }
    }
}
