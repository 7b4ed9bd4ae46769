// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.Cpu;
import org.percpu.lwp.BigLock;
import org.percpu.thread.KernelThread;
import org.percpu.thread.ThreadState;

/** A kernel as JMX shows it. */
final class KernelBean implements KernelMXBean {
    private static final long[] NO_TIMES = {0, 0, 0};

    /** What the bean shows. */
    interface Source {
        String name();

        boolean timing();

        List<Cpu> cpus();

        List<KernelQueue> queues();

        List<KernelThread> lwps();

        List<ClockState> clocks();

        long stalls();
    }

    private record OneThread(
            String getName,
            int getTid,
            int getCpu,
            String getAsked,
            String getPolicy,
            boolean isBound,
            boolean isPinned,
            long getPinsLost,
            String getStat,
            @Nullable String getWaitsFor)
            implements ThreadInfo {}

    private record OneWorker(
            WorkerCounters counters, @Nullable WorkerState state, ThreadInfo getThread) implements Worker {
        @Override
        public String getQueue() {
            return counters.queue();
        }

        @Override
        public long getDepth() {
            return counters.depth();
        }

        @Override
        public long getEnqueued() {
            return counters.enqueued();
        }

        @Override
        public long getExecuted() {
            return counters.executed();
        }

        @Override
        public long getCoalesced() {
            return counters.coalesced();
        }

        @Override
        public long getDeleted() {
            return counters.deleted();
        }

        @Override
        public long getThrew() {
            return counters.threw();
        }

        @Override
        public @Nullable String getItem() {
            return state == null ? null : state.running();
        }

        @Override
        public long getItemNanos() {
            return state == null ? 0 : state.runningNanos();
        }

        @Override
        public long[] getWaiting() {
            return times(counters.waiting());
        }

        @Override
        public long[] getRunning() {
            return times(counters.running());
        }

        private static long[] times(@Nullable TimeHistogram histogram) {
            return histogram == null
                    ? NO_TIMES.clone()
                    : new long[] {histogram.percentileNanos(50), histogram.percentileNanos(99), histogram.maxNanos()};
        }
    }

    private record OneClock(ClockState state) implements Clock {
        @Override
        public int getCpu() {
            return state.cpu().id();
        }

        @Override
        public int getPending() {
            return state.pending();
        }

        @Override
        public long getNextNanos() {
            Duration next = state.next();
            return next == null ? -1 : next.toNanos();
        }

        @Override
        public long getFired() {
            return state.fired();
        }

        @Override
        public long getLate() {
            return state.late();
        }

        @Override
        public long getWorstLateNanos() {
            return state.worstLate().toNanos();
        }
    }

    private final Source source;
    private final BigLock lock;

    KernelBean(Source source, BigLock lock) {
        this.source = source;
        this.lock = lock;
    }

    @Override
    public String getName() {
        return source.name();
    }

    @Override
    public int[] getCpus() {
        return source.cpus().stream().mapToInt(Cpu::id).toArray();
    }

    @Override
    public boolean isTiming() {
        return source.timing();
    }

    @Override
    public @Nullable String getLockHolder() {
        Thread holder = lock.holder();
        return holder == null ? null : holder.getName();
    }

    @Override
    public long getStalls() {
        return source.stalls();
    }

    @Override
    public List<Worker> getWorkers() {
        List<Worker> workers = new ArrayList<>();
        for (KernelQueue queue : source.queues()) {
            Map<String, WorkerState> states = new HashMap<>();
            for (WorkerState state : queue.workers()) {
                states.put(key(state.queue(), state.thread().tid()), state);
            }
            for (WorkerCounters counters : queue.counters()) {
                KernelThread thread = counters.thread();
                if (thread != null) {
                    WorkerState state = states.get(key(counters.queue(), thread.tid()));
                    String waitsFor = state == null ? thread.waitsFor() : state.waitsFor();
                    workers.add(new OneWorker(counters, state, info(thread, waitsFor)));
                }
            }
        }
        return workers;
    }

    private static String key(String queue, int tid) {
        return tid + " " + queue;
    }

    private static ThreadInfo info(KernelThread thread, @Nullable String waitsFor) {
        ThreadState state = thread.state();
        return new OneThread(
                state.name(),
                state.tid(),
                state.lastCpu(),
                state.asked().toString(),
                state.sched().toString(),
                state.bound(),
                state.pinned(),
                state.pinsLost(),
                thread.stat(),
                waitsFor);
    }

    @Override
    public List<ThreadInfo> getThreads() {
        List<ThreadInfo> threads = new ArrayList<>();
        for (KernelThread thread : source.lwps()) {
            threads.add(info(thread, thread.waitsFor()));
        }
        return threads;
    }

    @Override
    public List<Clock> getClocks() {
        List<Clock> clocks = new ArrayList<>();
        for (ClockState state : source.clocks()) {
            clocks.add(new OneClock(state));
        }
        return clocks;
    }

    @Override
    public String dump() {
        return KernelDump.of(this, source.lwps(), lock);
    }
}
