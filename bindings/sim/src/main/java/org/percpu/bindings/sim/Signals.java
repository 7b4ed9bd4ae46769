// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import java.util.ArrayDeque;
import java.util.Collection;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;

/**
 * Pending signals of threads and of the process, and the timers that send them. A signal that its target does not block
 * reaches a handler that does nothing: it only ends the target's futex wait with EINTR. A signal without a handler
 * would end a real process; here the sender gets an exception that says so.
 */
final class Signals {
    static final int MAX = 64;

    private static final int SI_QUEUE = -1;
    private static final int SI_TKILL = -6;
    private static final int SI_TIMER = -2;
    private static final int FIRST_REALTIME = 32;

    record Pending(int signal, long value, int code) {}

    private static final class Timer {
        final SimThread target;
        final int signal;
        final long value;
        long due = Long.MAX_VALUE;
        long interval;

        Timer(SimThread target, int signal, long value) {
            this.target = target;
            this.signal = signal;
            this.value = value;
        }
    }

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Condition armed = lock.newCondition();
    private final SimClock clock;
    private final Futexes futexes;
    private final ArrayDeque<Pending> ofProcess = new ArrayDeque<>(); // guarded by lock
    private final Map<Long, Timer> timers = new HashMap<>(); // guarded by lock
    private long timersMade; // guarded by lock
    private @Nullable Thread clockThread; // guarded by lock
    private long handled; // guarded by lock

    Signals(SimClock clock, Futexes futexes) {
        this.clock = clock;
        this.futexes = futexes;
    }

    private static long bit(int signal) {
        return 1L << (signal - 1);
    }

    private static boolean isSignal(int signal) {
        return signal >= 1 && signal <= MAX;
    }

    /** Gives a signal a handler that does nothing. */
    void handle(int signal) {
        lock.lock();
        try {
            handled |= bit(signal);
        } finally {
            lock.unlock();
        }
    }

    /** The signals that a thread blocks, as the kernel's set. */
    long blocked(SimThread thread) {
        lock.lock();
        try {
            return thread.blocked;
        } finally {
            lock.unlock();
        }
    }

    /** Signals with a handler, as the kernel's set. */
    long handled() {
        lock.lock();
        try {
            return handled;
        } finally {
            lock.unlock();
        }
    }

    int mask(SimThread thread, int how, long @Nullable [] set, long @Nullable [] old) {
        lock.lock();
        try {
            long before = thread.blocked;
            if (set != null) {
                switch (how) {
                    case LinuxCalls.SIG_BLOCK -> thread.blocked |= set[0];
                    case LinuxCalls.SIG_UNBLOCK -> thread.blocked &= ~set[0];
                    case LinuxCalls.SIG_SETMASK -> thread.blocked = set[0];
                    default -> {
                        return -Errno.EINVAL.number();
                    }
                }
                flush(thread);
            }
            if (old != null) {
                old[0] = before;
            }
            return 0;
        } finally {
            lock.unlock();
        }
    }

    /** Hands over what the thread has just unblocked. */
    private void flush(SimThread thread) {
        thread.pending.removeIf(p -> (thread.blocked & bit(p.signal())) == 0);
        ofProcess.removeIf(p -> (thread.blocked & bit(p.signal())) == 0);
    }

    int pending(SimThread thread, long[] set) {
        lock.lock();
        try {
            long bits = 0;
            for (Pending p : thread.pending) {
                bits |= bit(p.signal());
            }
            for (Pending p : ofProcess) {
                bits |= bit(p.signal());
            }
            set[0] = bits & thread.blocked;
            return 0;
        } finally {
            lock.unlock();
        }
    }

    int kill(SimThread target, int signal) {
        return signal == 0 ? 0 : send(target, signal, 0, SI_TKILL);
    }

    int queue(SimThread target, int signal, long value) {
        return send(target, signal, value, SI_QUEUE);
    }

    private int send(SimThread target, int signal, long value, int code) {
        if (!isSignal(signal)) {
            return -Errno.EINVAL.number();
        }
        lock.lock();
        try {
            if ((target.blocked & bit(signal)) != 0) {
                add(target.pending, new Pending(signal, value, code));
                changed.signalAll();
                return 0;
            }
            requireHandler(signal);
        } finally {
            lock.unlock();
        }
        futexes.interrupt(target);
        return 0;
    }

    private void requireHandler(int signal) {
        if ((handled & bit(signal)) == 0) {
            throw new IllegalStateException("signal " + signal
                    + " would end the process: it has no handler, and its target" + " does not block it");
        }
    }

    /** Real-time signals queue; the others are pending once. */
    private static void add(ArrayDeque<Pending> pending, Pending signal) {
        if (signal.signal() >= FIRST_REALTIME || pending.stream().noneMatch(p -> p.signal() == signal.signal())) {
            pending.add(signal);
        }
    }

    /** Sends to the process: any thread that does not block the signal takes it. */
    int queueToProcess(Collection<SimThread> threads, int signal, long value) {
        if (!isSignal(signal)) {
            return -Errno.EINVAL.number();
        }
        SimThread taker = null;
        lock.lock();
        try {
            for (SimThread thread : threads) {
                if ((thread.blocked & bit(signal)) == 0) {
                    taker = thread;
                    break;
                }
            }
            if (taker == null) {
                add(ofProcess, new Pending(signal, value, SI_QUEUE));
                changed.signalAll();
                return 0;
            }
            requireHandler(signal);
        } finally {
            lock.unlock();
        }
        futexes.interrupt(taker);
        return 0;
    }

    int await(SimThread thread, long set, long @Nullable [] valueAndCode, long timeoutNanos) {
        long deadline = clock.deadline(timeoutNanos);
        lock.lock();
        try {
            while (true) {
                Pending taken = take(thread.pending, set);
                if (taken == null) {
                    taken = take(ofProcess, set);
                }
                if (taken != null) {
                    if (valueAndCode != null) {
                        valueAndCode[0] = taken.value();
                        valueAndCode[1] = taken.code();
                    }
                    return taken.signal();
                }
                if (clock.isOver(deadline)) {
                    return -Errno.EAGAIN.number();
                }
                clock.await(lock, changed, deadline);
            }
        } finally {
            lock.unlock();
        }
    }

    /** The lowest number first, and within a number the oldest, as the kernel does. */
    private static @Nullable Pending take(ArrayDeque<Pending> pending, long set) {
        Pending best = null;
        for (Pending p : pending) {
            if ((set & bit(p.signal())) != 0 && (best == null || p.signal() < best.signal())) {
                best = p;
            }
        }
        if (best != null) {
            pending.remove(best);
        }
        return best;
    }

    // ---- timers

    long createTimer(SimThread target, int signal, long value) {
        if (!isSignal(signal)) {
            return -Errno.EINVAL.number();
        }
        lock.lock();
        try {
            timers.put(++timersMade, new Timer(target, signal, value));
            return timersMade;
        } finally {
            lock.unlock();
        }
    }

    int setTimer(long id, long firstNanos, long intervalNanos) {
        lock.lock();
        try {
            Timer timer = timers.get(id);
            if (timer == null || firstNanos < 0 || intervalNanos < 0) {
                return -Errno.EINVAL.number();
            }
            timer.due = firstNanos == 0 ? Long.MAX_VALUE : clock.deadline(firstNanos);
            timer.interval = intervalNanos;
            if (!clock.isVirtual() && clockThread == null) {
                Thread thread = new Thread(this::runTimers, "sim-clock");
                thread.setDaemon(true);
                thread.start();
                clockThread = thread;
            }
            armed.signal();
            return 0;
        } finally {
            lock.unlock();
        }
    }

    int deleteTimer(long id) {
        lock.lock();
        try {
            return timers.remove(id) == null ? -Errno.EINVAL.number() : 0;
        } finally {
            lock.unlock();
        }
    }

    private void runTimers() {
        while (true) {
            fireUntil(clock.now());
            lock.lock();
            try {
                long next = nextDue();
                if (!clock.isOver(next)) {
                    clock.await(lock, armed, next);
                }
            } finally {
                lock.unlock();
            }
        }
    }

    private long nextDue() {
        long next = Long.MAX_VALUE;
        for (Timer timer : timers.values()) {
            next = Math.min(next, timer.due);
        }
        return next;
    }

    /**
     * Fires what is due at a moment or before, in order of time. Under virtual time the clock stands at each expiry
     * meanwhile.
     */
    void fireUntil(long end) {
        while (true) {
            Timer due = null;
            lock.lock();
            try {
                Iterator<Timer> all = timers.values().iterator();
                while (all.hasNext()) {
                    Timer timer = all.next();
                    if (!timer.target.isAlive()) {
                        all.remove();
                    } else if (timer.due <= end && (due == null || timer.due < due.due)) {
                        due = timer;
                    }
                }
                if (due == null) {
                    return;
                }
                if (clock.isVirtual()) {
                    clock.moveTo(due.due);
                }
                due.due = due.interval == 0 ? Long.MAX_VALUE : due.due + due.interval;
            } finally {
                lock.unlock();
            }
            send(due.target, due.signal, due.value, SI_TIMER);
        }
    }
}
