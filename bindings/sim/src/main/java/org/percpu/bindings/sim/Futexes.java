// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;

/**
 * futex(2) on locks. Sleepers of a word stand in the order in which they came, and wake in it. A sleeper looks at the
 * word under the lock that wakers take, so a wake-up between the look and the sleep is not lost.
 */
final class Futexes {
    private static final long LATE_NANOS = 50_000;

    /** One sleeper. Fields are guarded by the bucket's lock. */
    static final class Waiter {
        final Bucket bucket;
        final long address;
        final Condition condition;
        boolean woken;
        boolean interrupted;

        Waiter(Bucket bucket, long address) {
            this.bucket = bucket;
            this.address = address;
            this.condition = bucket.lock.newCondition();
        }
    }

    static final class Bucket {
        final ReentrantLock lock = new ReentrantLock();
        final ArrayDeque<Waiter> waiters = new ArrayDeque<>();
    }

    /** A bucket for each word: if words shared some by their addresses, two runs of a schedule would differ. */
    private final Map<Long, Bucket> buckets = new HashMap<>(); // guarded by lock

    private final WordLock lock = new WordLock();

    private final Memory memory;
    private final SimClock clock;

    Futexes(Memory memory, SimClock clock) {
        this.memory = memory;
        this.clock = clock;
    }

    private Bucket bucket(long address) {
        lock.lock();
        try {
            return buckets.computeIfAbsent(address, unused -> new Bucket());
        } finally {
            lock.unlock();
        }
    }

    int await(SimThread thread, long address, int expected, long deadline, Faults faults) {
        Memory.Word word = memory.word(address);
        if (word == null) {
            return -Errno.EFAULT.number();
        }
        Bucket bucket = bucket(address);
        bucket.lock.lock();
        try {
            if (word.get() != expected) {
                return -Errno.EAGAIN.number();
            }
            if (faults.strikes(Faults.Kind.SPURIOUS)) {
                return 0;
            }
            if (faults.strikes(Faults.Kind.EINTR)) {
                return -Errno.EINTR.number();
            }
            return sleep(thread, new Waiter(bucket, address), deadline, faults);
        } finally {
            bucket.lock.unlock();
        }
    }

    private int sleep(SimThread thread, Waiter waiter, long deadline, Faults faults) {
        Bucket bucket = waiter.bucket;
        bucket.waiters.add(waiter);
        thread.waiter = waiter;
        try {
            while (!waiter.woken && !waiter.interrupted && !clock.isOver(deadline)) {
                clock.await(bucket.lock, waiter.condition, deadline);
            }
        } finally {
            thread.waiter = null;
            bucket.waiters.remove(waiter);
        }
        if (waiter.woken) {
            if (faults.strikes(Faults.Kind.LATE)) {
                lingerUnlocked(bucket.lock, 1 + faults.choose(Faults.Kind.LATE, 3));
            }
            return 0;
        }
        return -(waiter.interrupted ? Errno.EINTR : Errno.ETIMEDOUT).number();
    }

    private static void lingerUnlocked(ReentrantLock lock, int steps) {
        lock.unlock();
        try {
            LockSupport.parkNanos(steps * LATE_NANOS);
        } finally {
            lock.lock();
        }
    }

    int wake(long address, int count) {
        if (memory.word(address) == null) {
            return -Errno.EFAULT.number();
        }
        Bucket bucket = bucket(address);
        bucket.lock.lock();
        try {
            int woken = 0;
            Iterator<Waiter> waiters = bucket.waiters.iterator();
            while (woken < count && waiters.hasNext()) {
                Waiter waiter = waiters.next();
                if (waiter.address == address && !waiter.woken) {
                    waiter.woken = true;
                    waiters.remove();
                    waiter.condition.signal();
                    woken++;
                }
            }
            return woken;
        } finally {
            bucket.lock.unlock();
        }
    }

    /** A signal reached the thread: a wait that it is in ends with EINTR. */
    void interrupt(SimThread thread) {
        @Nullable Waiter waiter = thread.waiter;
        if (waiter == null) {
            return;
        }
        waiter.bucket.lock.lock();
        try {
            waiter.interrupted = true;
            waiter.condition.signal();
        } finally {
            waiter.bucket.lock.unlock();
        }
    }
}
