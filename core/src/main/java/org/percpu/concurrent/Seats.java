// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.StackRoom;
import org.percpu.concurrent.PinnedThreadFactory.WhenFull;
import org.percpu.cpu.Cpu;
import org.percpu.linux.Uninterrupted;
import org.percpu.thread.CpuThread;

/**
 * The CPUs of a factory and which of its threads has which. A thread has its seat from the moment when it is made until
 * it ends. A thread that is never started gives its seat back when the collector finds it.
 */
final class Seats {
    /**
     * A pool replaces a worker that a task has ended by an exception, and the ending worker itself makes the next one.
     * So the next one has to wait until its maker has gone. That takes microseconds unless the machine is overloaded.
     */
    private static final long SUCCESSION_SECONDS = 5;

    /** A place of one thread. Guarded by the lock unless said otherwise. */
    static final class Seat extends WeakReference<Thread> {
        private final @Nullable Seat before;
        private int position;
        private boolean left;

        /** Written by the thread itself; read by any. */
        volatile @Nullable CpuThread thread;

        private Seat(Thread holder, ReferenceQueue<Thread> gone, int position, @Nullable Seat before) {
            super(holder, gone);
            this.position = position;
            this.before = before;
        }

        /** Whether the thread must wait for its maker's end before it can take its place. */
        boolean follows() {
            return before != null;
        }
    }

    /** What a seat is taken for: a thread that has its seat knows it. */
    interface Holder {
        Seat seat();

        PinnedThreadFactory factory();
    }

    private static final int NOWHERE = -1;

    private final String factory;
    private final List<Cpu> cpus;
    private final WhenFull whenFull;
    private final ReferenceQueue<Thread> gone = new ReferenceQueue<>();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition freed = lock.newCondition();

    // Guarded by the lock.
    private final int[] taken;
    private final Set<Seat> seats = new LinkedHashSet<>();

    /** With no CPUs, threads are not pinned. */
    Seats(String factory, List<Cpu> cpus, WhenFull whenFull) {
        this.factory = factory;
        this.cpus = cpus;
        this.whenFull = whenFull;
        this.taken = new int[cpus.size()];
    }

    int size() {
        return cpus.size();
    }

    WhenFull whenFull() {
        return whenFull;
    }

    /**
     * Finds a place for a thread that is being made.
     *
     * @param holder the thread
     * @param maker the seat of the thread that makes it, if this factory has made that one too
     * @return null if all CPUs have a thread and that is an error
     */
    @Nullable
    Seat take(Thread holder, @Nullable Seat maker) {
        lock();
        try {
            for (Object lost = gone.poll(); lost != null; lost = gone.poll()) {
                give((Seat) lost);
            }
            int position = free();
            Seat before = null;
            if (position == NOWHERE && !cpus.isEmpty()) {
                if (whenFull == WhenFull.WRAP_ROUND) {
                    position = leastTaken(maker);
                } else if (maker != null && !maker.left && maker.position != NOWHERE && taken[maker.position] == 1) {
                    position = maker.position;
                    before = maker;
                } else if (whenFull == WhenFull.ERROR) {
                    return null;
                }
            }
            Seat seat = new Seat(holder, gone, position, before);
            seats.add(seat);
            if (position != NOWHERE) {
                taken[position]++;
            }
            return seat;
        } finally {
            lock.unlock();
        }
    }

    private int free() {
        for (int i = 0; i < taken.length; i++) {
            if (taken[i] == 0) {
                return i;
            }
        }
        return NOWHERE;
    }

    /** The maker may be about to end, so it does not count. */
    private int leastTaken(@Nullable Seat maker) {
        int best = NOWHERE;
        int least = Integer.MAX_VALUE;
        for (int i = 0; i < taken.length; i++) {
            int load = taken[i] - (maker != null && !maker.left && maker.position == i ? 1 : 0);
            if (load < least) {
                best = i;
                least = load;
            }
        }
        return best;
    }

    /** The CPU of a seat, or null if its thread is not pinned. */
    @Nullable
    Cpu cpu(Seat seat) {
        lock();
        try {
            return seat.position == NOWHERE ? null : cpus.get(seat.position);
        } finally {
            lock.unlock();
        }
    }

    /** The thread of the seat, before it takes its place: waits for the end of the thread that it replaces. */
    void awaitTurn(Seat seat) {
        Seat before = seat.before;
        if (before == null) {
            return;
        }
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SUCCESSION_SECONDS);
        Uninterrupted.until(() -> {
            lock.lockInterruptibly();
            try {
                long left = end - System.nanoTime();
                while (!before.left && left > 0) {
                    left = freed.awaitNanos(left);
                }
                if (!before.left) {
                    outstayed(seat, before);
                }
                return true;
            } finally {
                lock.unlock();
            }
        });
    }

    private void outstayed(Seat seat, Seat before) {
        if (whenFull == WhenFull.ERROR) {
            throw new RejectedExecutionException(full("; " + before.get()
                    + " made this thread and still runs, so that they would share a CPU: let another thread make it"));
        }
        taken[seat.position]--;
        seat.position = NOWHERE;
    }

    /** Why there is no seat, with the remedy. */
    String full(String more) {
        return this + " has a thread on each of its CPUs" + more
                + "; make no more than " + cpus.size()
                + " threads, name more CPUs, or build the factory with whenFull(WRAP_ROUND) or whenFull(UNPINNED)";
    }

    private void lock() {
        // A lock that meets the end of a stack may stay locked, for ever and for all.
        StackRoom.require();
        lock.lock();
    }

    /** Gives a seat back; a second call does nothing. */
    void leave(Seat seat) {
        lock();
        try {
            give(seat);
        } finally {
            lock.unlock();
        }
    }

    private void give(Seat seat) {
        if (!seat.left) {
            seat.left = true;
            seats.remove(seat);
            if (seat.position != NOWHERE) {
                taken[seat.position]--;
            }
            freed.signalAll();
        }
    }

    /** A thread whose start has failed may be started once more, but its seat may belong to another. */
    boolean hasLeft(Seat seat) {
        lock();
        try {
            return seat.left;
        } finally {
            lock.unlock();
        }
    }

    /** The threads that are in place, in the order in which they were made. */
    List<CpuThread> threads() {
        lock();
        try {
            List<CpuThread> threads = new ArrayList<>();
            for (Seat seat : seats) {
                CpuThread thread = seat.thread;
                if (thread != null) {
                    threads.add(thread);
                }
            }
            return threads;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public String toString() {
        return "thread factory \"" + factory + "\" on " + (cpus.isEmpty() ? "any CPU" : cpus);
    }
}
