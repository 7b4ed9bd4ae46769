// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.percpu.cpu.Cpu;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WorkerState;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.thread.CpuThread;
import org.percpu.thread.ThreadState;

/**
 * A thread on each CPU adds tasks to three queues: one with one thread, one with a thread for each CPU, and one under the kernel
 * lock. Each has tasks of its own on each queue, tasks that all of them add, and tasks that all of them add to any queue; the last
 * are never deleted, for nobody knows where they are.
 *
 * <p>The accounts are exact because nobody shares them: each adder counts in arrays of its own what became of its calls, task by task,
 * and a task counts its runs.
 */
final class Soak {
    private static final int OWN_TASKS = 16;
    private static final int SHARED_TASKS = 8;
    private static final int WANDERERS = 8;
    /** One delete after so many adds. A prime, so that it comes to every task. */
    private static final int DEL_EVERY = 7;

    private static final int LOOK_EVERY = 1024;
    private static final long LOOK_MILLIS = 100;
    private static final Duration DRAIN = Duration.ofMinutes(1);

    /** A task on one queue, or on any. */
    private static final class Entry {
        final int queue;
        final boolean wanders;
        final AtomicLong runs = new AtomicLong();
        final Task task = Task.initializer(AtomicLong::incrementAndGet, runs);

        Entry(int queue, boolean wanders) {
            this.queue = queue;
            this.wanders = wanders;
        }
    }

    /**
     * What one thread did.
     *
     * @param name of the thread
     * @param tid of the thread
     * @param cpu its CPU
     * @param adds calls of task_add
     * @param coalesced those that found the task queued
     * @param deleted calls of task_del that took a task off
     */
    record Producer(String name, int tid, int cpu, long adds, long coalesced, long deleted) {}

    /**
     * What one queue did.
     *
     * @param name of the queue
     * @param threads how many
     * @param run callbacks, by the queue's own count
     */
    record Queue(String name, int threads, long run) {}

    /**
     * The accounts.
     *
     * @param producers one for each CPU
     * @param queues all of them
     * @param runs by the tasks' own count
     * @param dropped tasks that the queues had not run a minute after the last add
     * @param complaints tasks whose accounts do not balance, threads that were not where they were asked to be
     * @param elapsedNanos from the first add to the end of the last run
     */
    record Outcome(
            List<Producer> producers,
            List<Queue> queues,
            long runs,
            long dropped,
            List<String> complaints,
            long elapsedNanos) {
        long adds() {
            return producers.stream().mapToLong(Producer::adds).sum();
        }

        long coalesced() {
            return producers.stream().mapToLong(Producer::coalesced).sum();
        }

        long deleted() {
            return producers.stream().mapToLong(Producer::deleted).sum();
        }

        boolean exact() {
            return dropped == 0
                    && runs + coalesced() + deleted() == adds()
                    && queues.stream().mapToLong(Queue::run).sum() == runs;
        }

        double addsPerSecond() {
            return adds() * 1e9 / Math.max(elapsedNanos, 1);
        }
    }

    /** Adds and deletes; everything in it is written by its thread alone, and read when that has ended. */
    private final class Adder implements Runnable {
        private final List<Entry> mine;
        private final long[] queued;
        private final long[] deleted;
        private final int[] indices;
        private final long share;
        private long adds;
        private long coalesced;
        private volatile long addsSeen;

        Adder(int cpu, long share) {
            this.share = share;
            this.mine = new ArrayList<>();
            List<Integer> at = new ArrayList<>();
            for (int i = 0; i < entries.size(); i++) {
                int owner = owners.get(i);
                if (owner < 0 || owner == cpu) {
                    mine.add(entries.get(i));
                    at.add(i);
                }
            }
            this.indices = at.stream().mapToInt(Integer::intValue).toArray();
            this.queued = new long[mine.size()];
            this.deleted = new long[mine.size()];
        }

        @Override
        public void run() {
            try {
                int entry = 0;
                int untilDel = DEL_EVERY;
                while (adds < share && !(adds % LOOK_EVERY == 0 && stop)) {
                    add(entry);
                    if (--untilDel == 0) {
                        untilDel = DEL_EVERY;
                        del(entry);
                    }
                    entry = entry + 1 == mine.size() ? 0 : entry + 1;
                    if (adds % LOOK_EVERY == 0) {
                        addsSeen = adds;
                    }
                }
            } catch (RuntimeException | Error e) {
                failures.add(Thread.currentThread().getName() + " threw " + e);
            }
            addsSeen = adds;
        }

        private void add(int index) {
            Entry entry = mine.get(index);
            int queue = entry.wanders ? (int) (adds % queues.size()) : entry.queue;
            adds++;
            if (queues.get(queue).add(entry.task)) {
                queued[index]++;
            } else {
                coalesced++;
            }
        }

        private void del(int index) {
            Entry entry = mine.get(index);
            if (!entry.wanders && queues.get(entry.queue).del(entry.task)) {
                deleted[index]++;
            }
        }

        long deletedInAll() {
            long sum = 0;
            for (long one : deleted) {
                sum += one;
            }
            return sum;
        }
    }

    private final Kernel kernel;
    private final List<Taskq> queues;
    private final List<Entry> entries = new ArrayList<>();
    /** For each entry the index of the CPU that alone uses it, or -1. */
    private final List<Integer> owners = new ArrayList<>();

    private final List<String> failures = Collections.synchronizedList(new ArrayList<>());
    private volatile boolean stop;

    Soak(Kernel kernel) {
        this.kernel = kernel;
        int cpus = kernel.cpus().size();
        this.queues = List.of(
                Taskq.create(kernel, "soak-one", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE),
                Taskq.create(kernel, "soak-many", Math.max(2, cpus), Ipl.NONE, Taskq.TASKQ_MPSAFE),
                Taskq.create(kernel, "soak-locked", 1, Ipl.NONE, 0));
        for (int queue = 0; queue < queues.size(); queue++) {
            for (int cpu = 0; cpu < cpus; cpu++) {
                entries(OWN_TASKS, queue, false, cpu);
            }
            entries(SHARED_TASKS, queue, false, -1);
        }
        entries(WANDERERS, 0, true, -1);
    }

    private void entries(int count, int queue, boolean wanders, int owner) {
        for (int i = 0; i < count; i++) {
            entries.add(new Entry(queue, wanders));
            owners.add(owner);
        }
    }

    /**
     * Adds until one limit is reached, lets the queues drain, and counts.
     *
     * @param adds how many at most
     * @param nanos how long at most
     * @param progress is told milliseconds if the time is limited, else adds
     */
    Outcome run(long adds, long nanos, Progress progress) throws InterruptedException {
        List<Cpu> cpus = kernel.cpus();
        List<Adder> adders = new ArrayList<>();
        List<CpuThread> threads = new ArrayList<>();
        List<ThreadState> states = new ArrayList<>();
        for (int i = 0; i < cpus.size(); i++) {
            long share = adds / cpus.size() + (i < adds % cpus.size() ? 1 : 0);
            adders.add(new Adder(i, share));
        }
        long start = System.nanoTime();
        for (int i = 0; i < cpus.size(); i++) {
            CpuThread thread = CpuThread.builder("soak/" + cpus.get(i).id())
                    .cpu(cpus.get(i))
                    .start(adders.get(i));
            threads.add(thread);
            states.add(thread.state());
        }
        for (int i = 0; i < threads.size(); i++) {
            while (threads.get(i).thread().isAlive()) {
                threads.get(i).thread().join(LOOK_MILLIS);
                long elapsed = System.nanoTime() - start;
                stop = stop || elapsed >= nanos;
                progress.at(
                        nanos == Long.MAX_VALUE
                                ? adders.stream()
                                        .mapToLong(adder -> adder.addsSeen)
                                        .sum()
                                : Math.min(
                                        TimeUnit.NANOSECONDS.toMillis(elapsed), TimeUnit.NANOSECONDS.toMillis(nanos)));
            }
        }
        List<Task> dropped = new ArrayList<>();
        List<Queue> drained = new ArrayList<>();
        for (Taskq queue : queues) {
            dropped.addAll(queue.drainAndDestroy(DRAIN));
            List<WorkerState> workers = queue.workers();
            drained.add(new Queue(
                    queue.name(),
                    workers.size(),
                    workers.stream().mapToLong(WorkerState::executed).sum()));
        }
        long elapsed = System.nanoTime() - start;

        List<Producer> producers = new ArrayList<>();
        for (int i = 0; i < cpus.size(); i++) {
            Adder adder = adders.get(i);
            ThreadState state = states.get(i);
            if (!state.pinned()) {
                failures.add(state.name() + " was asked to run on CPU " + state.asked() + " and the kernel had it on "
                        + state.allowed());
            }
            producers.add(new Producer(
                    state.name(), state.tid(), cpus.get(i).id(), adder.adds, adder.coalesced, adder.deletedInAll()));
        }
        long runs = 0;
        for (int i = 0; i < entries.size(); i++) {
            runs += entries.get(i).runs.get();
            balance(i, adders);
        }
        return new Outcome(producers, drained, runs, dropped.size(), List.copyOf(failures), elapsed);
    }

    /** Sums can be right by two errors that cancel; so each task must balance by itself. */
    private void balance(int index, List<Adder> adders) {
        long queued = 0;
        long deleted = 0;
        for (Adder adder : adders) {
            for (int i = 0; i < adder.indices.length; i++) {
                if (adder.indices[i] == index) {
                    queued += adder.queued[i];
                    deleted += adder.deleted[i];
                }
            }
        }
        long runs = entries.get(index).runs.get();
        if (runs + deleted != queued) {
            failures.add(
                    "task " + index + " was queued " + queued + "x, deleted " + deleted + "x and ran " + runs + "x");
        }
    }
}
