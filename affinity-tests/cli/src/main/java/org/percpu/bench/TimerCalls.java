// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import io.netty.util.HashedWheelTimer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.agrona.DeadlineTimerWheel;
import org.percpu.cpu.CpuSet;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.netbsd.Callout;
import org.percpu.thread.Affinity;

/** What a timer costs that is armed and cancelled before its time, as nearly all timers of a server are. */
final class TimerCalls {
    /** Arming for an hour from now and cancelling, with few and many others pending, ns. */
    static final String FEW = "timer.10";

    static final String MANY = "timer.1000000";
    /** The same for a moment that the caller knows, with few pending: without a look at the clock, ns. */
    static final String ABSOLUTE = "timer.absolute";
    /** Bytes allocated for arming and cancelling, by all threads together. */
    static final String BYTES = "timer.bytes";

    private static final int FEW_PENDING = 10;
    private static final int MANY_PENDING = 1_000_000;
    private static final int TIMERS = 1_000;
    private static final int CHUNKS = 21;
    private static final int CALLS = 50_000;
    private static final int WARM_UPS = 8;
    private static final long HOUR = TimeUnit.HOURS.toNanos(1);
    private static final long FIRST_PENDING = TimeUnit.SECONDS.toNanos(1000);
    private static final int TICK_NANOS = 1 << 20;
    private static final int WHEEL = 4096;

    private final Measures.Places places;
    private final int calls;
    private final int many;

    /** Somebody's timers. */
    private interface Timers extends AutoCloseable {
        /** Arms a timer that stays. */
        void pend(long after);

        /** Arms the timer of an index for an hour from now, and cancels it. */
        void armAndCancel(int index);

        /** The same for a moment of System.nanoTime, where that can be said. */
        default void armAndCancelAt(int index, long moment) {
            armAndCancel(index);
        }

        @Override
        void close();
    }

    TimerCalls(Measures.Places places, boolean quick) {
        this.places = places;
        this.calls = quick ? CALLS / 10 : CALLS;
        this.many = quick ? MANY_PENDING / 10 : MANY_PENDING;
    }

    Map<String, Double> measure(String id) {
        Affinity.set(CpuSet.of(places.producer()));
        Map<String, Double> found = new LinkedHashMap<>();
        boolean hasAbsolute = id.equals(Lineup.OURS_TIMER) || id.startsWith(Lineup.TIMER_AGRONA);
        try (Timers timers = make(id)) {
            pend(timers, FEW_PENDING);
            for (int i = 0; i < WARM_UPS; i++) {
                double unused = chunks(timers, false);
            }
            double before = Measures.allocated();
            found.put(FEW, chunks(timers, false));
            if (before >= 0) {
                double bytes = (Measures.allocated() - before) / ((double) CHUNKS * calls);
                found.put(BYTES, bytes);
            }
            if (hasAbsolute) {
                double unused = chunks(timers, true);
                found.put(ABSOLUTE, chunks(timers, true));
            }
            pend(timers, many);
            System.gc();
            double unused = chunks(timers, false);
            found.put(MANY, chunks(timers, false));
        }
        return found;
    }

    private static void pend(Timers timers, int count) {
        for (int i = 0; i < count; i++) {
            timers.pend(FIRST_PENDING + i * (long) TICK_NANOS);
        }
    }

    private double chunks(Timers timers, boolean absolute) {
        double[] chunks = new double[CHUNKS];
        long moment = System.nanoTime() + HOUR;
        for (int chunk = 0; chunk < CHUNKS; chunk++) {
            long begin = System.nanoTime();
            if (absolute) {
                for (int i = 0; i < calls; i++) {
                    timers.armAndCancelAt(i % TIMERS, moment + i);
                }
            } else {
                for (int i = 0; i < calls; i++) {
                    timers.armAndCancel(i % TIMERS);
                }
            }
            chunks[chunk] = (double) (System.nanoTime() - begin) / calls;
        }
        Arrays.sort(chunks);
        return chunks[CHUNKS / 2];
    }

    private Timers make(String id) {
        return switch (id) {
            case Lineup.OURS_TIMER -> new Ours(places);
            case Lineup.TIMER_NETTY -> new Netty();
            case Lineup.TIMER_AGRONA -> new Agrona();
            case Lineup.TIMER_AGRONA_LOCKED -> new AgronaLocked();
            case Lineup.TIMER_STPE -> new Pool();
            default -> throw new IllegalArgumentException("no timers " + id);
        };
    }

    private static final class Ours implements Timers {
        private static final int HOUR_TICKS = 3_600_000;

        private final Kernel kernel;
        private final Callout[] callouts = new Callout[TIMERS];

        Ours(Measures.Places places) {
            kernel = WorkqueueContender.kernel(WaitStrategy.PARK, CpuSet.of(places.producer(), places.worker()));
            Arrays.setAll(callouts, i -> {
                Callout callout = new Callout(kernel, Callout.CALLOUT_MPSAFE);
                callout.setfunc(none -> {}, null);
                return callout;
            });
        }

        @Override
        public void pend(long after) {
            Callout callout = new Callout(kernel, Callout.CALLOUT_MPSAFE);
            callout.setfunc(none -> {}, null);
            callout.scheduleAt(System.nanoTime() + after);
        }

        @Override
        public void armAndCancel(int index) {
            Callout callout = callouts[index];
            callout.schedule(HOUR_TICKS);
            boolean unused = callout.stop();
        }

        @Override
        public void armAndCancelAt(int index, long moment) {
            Callout callout = callouts[index];
            callout.scheduleAt(moment);
            boolean unused = callout.stop();
        }

        @Override
        public void close() {
            var unused = kernel.shutdown(java.time.Duration.ZERO);
        }
    }

    private static final class Netty implements Timers {
        private final HashedWheelTimer timer = new HashedWheelTimer();

        @Override
        public void pend(long after) {
            var unused = timer.newTimeout(timeout -> {}, after, TimeUnit.NANOSECONDS);
        }

        @Override
        public void armAndCancel(int index) {
            boolean unused =
                    timer.newTimeout(timeout -> {}, HOUR, TimeUnit.NANOSECONDS).cancel();
        }

        @Override
        public void close() {
            var unused = timer.stop();
        }
    }

    private static class Agrona implements Timers {
        private final DeadlineTimerWheel wheel =
                new DeadlineTimerWheel(TimeUnit.NANOSECONDS, System.nanoTime(), TICK_NANOS, WHEEL);

        @Override
        public void pend(long after) {
            long unused = wheel.scheduleTimer(System.nanoTime() + after);
        }

        @Override
        public void armAndCancel(int index) {
            armAndCancelAt(index, System.nanoTime() + HOUR);
        }

        @Override
        public void armAndCancelAt(int index, long moment) {
            boolean unused = wheel.cancelTimer(wheel.scheduleTimer(moment));
        }

        long arm(long moment) {
            return wheel.scheduleTimer(moment);
        }

        boolean cancel(long timer) {
            return wheel.cancelTimer(timer);
        }

        @Override
        public void close() {
            wheel.clear();
        }
    }

    private static final class AgronaLocked extends Agrona {
        private final ReentrantLock lock = new ReentrantLock();

        @Override
        public void armAndCancelAt(int index, long moment) {
            long timer;
            lock.lock();
            try {
                timer = arm(moment);
            } finally {
                lock.unlock();
            }
            lock.lock();
            try {
                boolean unused = cancel(timer);
            } finally {
                lock.unlock();
            }
        }
    }

    private static final class Pool implements Timers {
        private final ScheduledThreadPoolExecutor pool = new ScheduledThreadPoolExecutor(1);

        Pool() {
            pool.setRemoveOnCancelPolicy(true);
        }

        @Override
        public void pend(long after) {
            var unused = pool.schedule(() -> {}, after, TimeUnit.NANOSECONDS);
        }

        @Override
        public void armAndCancel(int index) {
            boolean unused = pool.schedule(() -> {}, HOUR, TimeUnit.NANOSECONDS).cancel(false);
        }

        @Override
        public void close() {
            var unused = pool.shutdownNow();
        }
    }
}
