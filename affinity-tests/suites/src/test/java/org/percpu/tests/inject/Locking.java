// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.ipl.Spl;
import org.percpu.kernel.KernelLock;

/**
 * A thread takes two locks, for which it must wait, and releases them, and meets an error. What it holds then it can release; its level is
 * what it was; and other threads get the locks.
 */
final class Locking extends OnKernel {
    /** A lock of either kind. */
    interface Lock {
        void lock();

        void unlock();

        boolean isHeld();

        /** Takes it once more, at once, without a wait, and within a time, as far as that is possible. */
        default void lockAgain() throws InterruptedException {}
    }

    private record OfMutex(Mutex mutex) implements Lock {
        @Override
        public void lock() {
            mutex.lock();
        }

        @Override
        public void unlock() {
            mutex.unlock();
        }

        @Override
        public boolean isHeld() {
            return mutex.isHeldByCurrentThread();
        }

        @Override
        public void lockAgain() throws InterruptedException {
            if (mutex.tryLock()) {
                mutex.unlock();
            }
            if (mutex.tryLock(1, TimeUnit.SECONDS)) {
                mutex.unlock();
            }
        }
    }

    private record OfKernel(KernelLock kernelLock) implements Lock {
        @Override
        public void lock() {
            kernelLock.lock();
        }

        @Override
        public void unlock() {
            kernelLock.unlock();
        }

        @Override
        public boolean isHeld() {
            return kernelLock.isHeld();
        }
    }

    /** Which locks. */
    enum Locks {
        ADAPTIVE,
        NETBSD,
        OPENBSD,
        KERNEL;

        List<Lock> of(Fixture fixture) {
            return switch (this) {
                case ADAPTIVE ->
                    List.of(new OfMutex(Mutex.netbsd("outer", Ipl.NONE)), new OfMutex(Mutex.netbsd("inner", Ipl.NONE)));
                case NETBSD ->
                    List.of(new OfMutex(Mutex.netbsd("outer", Ipl.VM)), new OfMutex(Mutex.netbsd("inner", Ipl.SCHED)));
                case OPENBSD ->
                    List.of(
                            new OfMutex(Mutex.openbsd("outer", Ipl.VM, null)),
                            new OfMutex(Mutex.openbsd("inner", Ipl.SCHED, null)));
                case KERNEL -> List.of(new OfKernel(fixture.kernel.lock()), new OfKernel(fixture.kernel.lock()));
            };
        }
    }

    private final Locks locks;

    Locking(Locks locks) {
        this.locks = locks;
    }

    @Override
    void open(Fixture made) {}

    @Override
    public @Nullable String round(Injector.Kind kind, int n) {
        List<Lock> pair = locks.of(fixture());
        Lock outer = pair.get(0);
        Lock inner = pair.get(1);
        CountDownLatch held = new CountDownLatch(1);
        CountDownLatch gate = new CountDownLatch(1);
        Thread holder = new Thread(() -> {
            outer.lock();
            held.countDown();
            Fixture.await("the other waits", () -> gate.getCount() == 0);
            outer.unlock();
        });
        holder.setDaemon(true);
        holder.start();
        Fixture.await("the lock is held", () -> held.getCount() == 0);
        Armed.Call call = new Armed.Call(null, kind, n, () -> victim(outer, inner));
        call.waits();
        gate.countDown();
        Armed armed = call.outcome();
        Fixture.join(holder);
        for (Lock lock : pair) {
            Fixture.must(() -> {
                lock.lock();
                lock.unlock();
                Fixture.require(Spl.current().level() == Ipl.NONE, "level");
            });
        }
        return armed.site();
    }

    private static void victim(Lock outer, Lock inner) throws Exception {
        try {
            outer.lock();
            inner.lock();
            inner.unlock();
            inner.lockAgain();
            outer.unlock();
            outer.lockAgain();
        } finally {
            String hit = Injector.disarm();
            release(inner);
            release(outer);
            Spl spl = Spl.current();
            Fixture.require(spl.level() == Ipl.NONE, "level " + spl.level() + " after an error at " + hit);
        }
    }

    private static void release(Lock lock) {
        while (lock.isHeld()) {
            lock.unlock();
        }
    }
}
