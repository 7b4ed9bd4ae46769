// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import java.util.List;
import java.util.Objects;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinPool.ForkJoinWorkerThreadFactory;
import java.util.concurrent.ForkJoinWorkerThread;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.concurrent.Seats.Seat;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.cpu.Placement;
import org.percpu.thread.CpuThread;
import org.percpu.thread.PinPolicy;
import org.percpu.thread.RealtimePolicy;
import org.percpu.thread.Sched;
import org.percpu.thread.ThreadState;

/**
 * A thread factory that puts each thread on a CPU of its own, for the pools and frameworks that take a
 * {@link ThreadFactory}.
 *
 * <pre>{@code
 * ThreadFactory io = PinnedThreadFactory.builder("io-%d").select("2-5").build();
 * ExecutorService pool = new ThreadPoolExecutor(4, 4, 0, SECONDS, new LinkedBlockingQueue<>(), io);
 * }</pre>
 *
 * <p>The first thread gets the first CPU of the list, the second thread the second one, and so on. When a thread ends,
 * its CPU is free for the next one. A pool that replaces a worker, because a task has thrown, so puts the new worker on
 * the CPU of the old one. {@link WhenFull} says what happens when every CPU has a thread.
 *
 * <p><b>Proof.</b> A new thread sets its CPU, its scheduling and its name in the kernel, and reads the CPU back from the
 * kernel, before the first statement of its task. {@code newThread} has a thread of its own try the CPU and the policy
 * first, unless neither is required. So a refusal is an exception of {@code newThread}, which a pool passes on to the
 * caller of {@code execute}. A CPU that goes away between that and the thread's start is an exception of
 * {@link Thread#start}; where a pool of the JDK starts the thread in another way, it goes to the thread's uncaught
 * exception handler. The task does not run then. {@link #states} shows what the kernel says of each thread now.
 *
 * <p>What a thread does not inherit: the CPUs, the policy and the nice value of the thread that makes it, nor its
 * inheritable thread locals. So it does not matter which thread a pool is first used on. A thread that is given no CPU
 * runs on all CPUs that the process was started with; {@link #unpinned} is a factory of such threads, for use on pinned
 * threads.
 *
 * <p>Factories are safe for use by any number of threads, virtual ones too.
 *
 * @see java.util.concurrent.ThreadPoolExecutor
 */
public final class PinnedThreadFactory implements ThreadFactory {
    /** What a factory does when it is asked for a thread and every CPU of its list has one. */
    public enum WhenFull {
        /** {@code newThread} throws a {@link RejectedExecutionException}. The default. */
        ERROR,
        /** The thread shares the CPU that has the fewest threads; of equal ones the first in the list. */
        WRAP_ROUND,
        /** The thread is not pinned: it may run on every CPU that the process was started with. */
        UNPINNED
    }

    private final ThreadNames names;
    private final Seats seats;
    private final Sched sched;
    private final PinPolicy pinPolicy;
    private final RealtimePolicy realtimePolicy;
    private final boolean daemon;
    private final Thread.@Nullable UncaughtExceptionHandler handler;
    private final boolean neverRefused;

    private PinnedThreadFactory(Builder builder, List<Cpu> cpus) {
        this.names = new ThreadNames(builder.pattern);
        this.seats = new Seats(builder.pattern, cpus, builder.whenFull);
        this.sched = builder.sched;
        this.pinPolicy = builder.pinPolicy;
        this.realtimePolicy = builder.realtimePolicy;
        this.daemon = builder.daemon;
        this.handler = builder.handler;
        this.neverRefused = pinPolicy != PinPolicy.REQUIRE && realtimePolicy != RealtimePolicy.REQUIRE;
    }

    /**
     * Describes a factory.
     *
     * @param namePattern the name of the threads. {@code %d} in it stands for the number of the thread, from 0,
     *     {@code %c} for the kernel's number of its CPU ({@code any} for a thread without one), {@code %%} for a percent
     *     sign
     * @return a builder with all CPUs that the process was started with, in ascending order, {@link WhenFull#ERROR},
     *     SCHED_OTHER at nice 0, {@link PinPolicy#REQUIRE}, {@link RealtimePolicy#PREFER}; threads are no daemons
     * @throws IllegalArgumentException if the pattern is empty, or has another letter behind a percent sign
     */
    public static Builder builder(String namePattern) {
        return new Builder(namePattern);
    }

    /**
     * A factory whose threads may run on every CPU that the process was started with, also when a pinned thread makes
     * them, and at the policy and nice value of an ordinary thread. A thread that is started in another way inherits
     * CPUs and nice value of its maker.
     *
     * @param namePattern as in {@link #builder}
     * @return a factory that never runs out of places; its threads are no daemons
     * @throws IllegalArgumentException as {@link #builder}
     */
    public static PinnedThreadFactory unpinned(String namePattern) {
        return builder(namePattern).unpinned().build();
    }

    /**
     * Makes a thread for a task. The thread has its CPU from now on, and keeps it until it ends, or until the collector
     * finds that it was never started.
     *
     * @param task what the thread runs
     * @return the thread, not started
     * @throws RejectedExecutionException if every CPU has a thread and the factory was built with
     *     {@link WhenFull#ERROR}
     * @throws LinuxException if a thread cannot be pinned there, or the real-time policy is required and denied
     * @throws NullPointerException if the task is null
     */
    @Override
    public Thread newThread(Runnable task) {
        PinnedThread thread = new PinnedThread(this, Objects.requireNonNull(task, "task is null"));
        tryPlace(thread, thread.seat());
        thread.setDaemon(daemon);
        if (handler != null) {
            thread.setUncaughtExceptionHandler(handler);
        }
        return thread;
    }

    /**
     * The JDK's pools start their threads past {@link Thread#start}, and lose the task of a thread that fails, or
     * replace the thread without end. So a refusal has to come before the pool has the thread.
     */
    private void tryPlace(Thread thread, Seat seat) {
        if (neverRefused) {
            return;
        }
        boolean possible = false;
        try {
            CpuThread tried = describe(thread.getName(), seats.cpu(seat)).start(() -> {});
            possible = tried.tid() > 0;
        } finally {
            if (!possible) {
                seats.leave(seat);
            }
        }
    }

    /**
     * The same factory for the workers of a {@link ForkJoinPool}. They are daemons, as all its workers are.
     *
     * <p>With {@link WhenFull#ERROR} a pool of a larger parallelism than the factory has CPUs is refused by a
     * {@link RejectedExecutionException} at the first task. The threads that a pool makes beyond its parallelism while
     * others block are then not made, and what they would run waits. A pool that got no worker keeps the task, and asks
     * for a worker again only when its queue was empty; that of Java 17 does not terminate any more, as it counts the worker.
     *
     * @return a factory that shares the CPUs, and their threads, with this one
     */
    public ForkJoinWorkerThreadFactory forkJoin() {
        return this::newWorker;
    }

    private @Nullable ForkJoinWorkerThread newWorker(ForkJoinPool pool) {
        int cpus = seats.size();
        boolean limited = seats.whenFull() == WhenFull.ERROR && cpus > 0;
        if (limited && pool.getParallelism() > cpus) {
            throw new RejectedExecutionException("a ForkJoinPool of parallelism " + pool.getParallelism() + " wants "
                    + "more workers than " + seats + " has CPUs: make it with parallelism " + cpus
                    + ", or build the factory with whenFull(WRAP_ROUND) or whenFull(UNPINNED)");
        }
        PinnedWorker worker;
        try {
            worker = new PinnedWorker(this, pool);
        } catch (RejectedExecutionException e) {
            // The pool counts the worker that it asks for. Without any other worker its tasks would never run.
            if (pool.getPoolSize() <= 1) {
                throw e;
            }
            return null;
        }
        tryPlace(worker, worker.seat());
        if (handler != null) {
            worker.setUncaughtExceptionHandler(handler);
        }
        return worker;
    }

    /**
     * What the kernel says of the threads that live: their CPUs, scheduling and numbers.
     *
     * @return one state for each thread that is in place, in the order in which the threads were made
     */
    public List<ThreadState> states() {
        return seats.threads().stream().map(CpuThread::state).toList();
    }

    /**
     * Looks whether the threads still have their CPUs, and pins those again that have lost them, as
     * {@link CpuThread#repin()} does. No other thread looks after the threads of a factory.
     *
     * @return true if all are pinned as asked now
     */
    public boolean repin() {
        boolean all = true;
        for (CpuThread thread : seats.threads()) {
            all &= thread.repin();
        }
        return all;
    }

    /** The name pattern and the CPUs. */
    @Override
    public String toString() {
        return seats.toString();
    }

    /** The maker's seat counts as one that may become free. */
    Seat seat(Thread holder) {
        Thread maker = Thread.currentThread();
        Seat makers = maker instanceof Seats.Holder sitting && sitting.factory() == this ? sitting.seat() : null;
        Seat seat = seats.take(holder, makers);
        if (seat == null) {
            throw new RejectedExecutionException(seats.full(""));
        }
        return seat;
    }

    String name(Seat seat) {
        return names.next(seats.cpu(seat));
    }

    private CpuThread.Builder describe(String name, @Nullable Cpu cpu) {
        CpuThread.Builder thread =
                CpuThread.builder(name).sched(sched).pinPolicy(pinPolicy).realtimePolicy(realtimePolicy);
        return cpu == null ? thread : thread.cpu(cpu);
    }

    /** The new thread: takes its place. */
    CpuThread enter(Seat seat, String name) {
        seats.awaitTurn(seat);
        if (seats.hasLeft(seat)) {
            throw new IllegalStateException(
                    "thread " + name + " gave up its CPU when its start failed: make another thread");
        }
        CpuThread place = describe(name, seats.cpu(seat)).adopt();
        seat.thread = place;
        return place;
    }

    /** The thread: is about to end. */
    void leave(Seat seat, @Nullable CpuThread place) {
        try {
            if (place != null) {
                place.ends();
            }
        } finally {
            seats.leave(seat);
        }
    }

    Seats seats() {
        return seats;
    }

    /** What threads a factory makes. Not safe for use by several threads at once. */
    public static final class Builder {
        private final String pattern;
        private final CpuChoice choice;
        private WhenFull whenFull = WhenFull.ERROR;
        private Sched sched = Sched.DEFAULT;
        private PinPolicy pinPolicy = PinPolicy.REQUIRE;
        private RealtimePolicy realtimePolicy = RealtimePolicy.PREFER;
        private boolean daemon;
        private Thread.@Nullable UncaughtExceptionHandler handler;

        private Builder(String namePattern) {
            this.pattern =
                    new ThreadNames(Argument.requireNonNull(namePattern, "a thread factory", "namePattern")).toString();
            this.choice = new CpuChoice("thread factory \"" + pattern + '"');
        }

        /**
         * Names the CPUs one by one: the first thread gets the first CPU.
         *
         * @param cpus one or more usable CPUs, none of them twice
         * @return this builder
         * @throws IllegalArgumentException if the list is empty or has a CPU twice
         */
        public Builder cpus(List<Cpu> cpus) {
            choice.list(Argument.requireNonNull(cpus, "a thread factory", "cpus"));
            return this;
        }

        /**
         * Names the CPUs as a set: the first thread gets the CPU with the lowest number, unless a
         * {@linkplain #placement placement} orders them.
         *
         * @param cpus one or more usable CPUs
         * @return this builder
         * @throws IllegalArgumentException if the set is empty
         */
        public Builder cpus(CpuSet cpus) {
            choice.set(Argument.requireNonNull(cpus, "a thread factory", "cpus"));
            return this;
        }

        /**
         * Names the CPUs by number or by what they are, as {@link CpuTopology#select} reads them: {@code "isolated"}
         * for the isolated ones only, {@code "default,!isolated"} for those that are not, {@code "node:1"}. The first
         * thread gets the CPU with the lowest number, unless a {@linkplain #placement placement} orders them.
         *
         * @param cpus the list, read by {@link #build}
         * @return this builder
         */
        public Builder select(String cpus) {
            choice.select(Argument.requireNonNull(cpus, "a thread factory", "cpus"));
            return this;
        }

        /**
         * Orders the CPUs: one for each core, spread over packages, nodes and caches, or packed. Without a set or a
         * selection these are the CPUs that the process was started with.
         *
         * @param order how to choose
         * @return this builder
         */
        public Builder placement(Placement order) {
            choice.place(Argument.requireNonNull(order, "a thread factory", "order"));
            return this;
        }

        /**
         * Uses the first CPUs only, in the order of the list or the placement.
         *
         * @param count how many, 1 or more
         * @return this builder
         * @throws IllegalArgumentException if the number is below 1
         */
        public Builder limit(int count) {
            choice.limit(count);
            return this;
        }

        /**
         * Pins no thread: see {@link PinnedThreadFactory#unpinned}.
         *
         * @return this builder
         */
        public Builder unpinned() {
            choice.nowhere();
            return this;
        }

        /**
         * What to do when every CPU has a thread.
         *
         * @param policy {@link WhenFull#ERROR} unless set
         * @return this builder
         */
        public Builder whenFull(WhenFull policy) {
            this.whenFull = Argument.requireNonNull(policy, "a thread factory", "policy");
            return this;
        }

        /**
         * The policy and priority of the threads.
         *
         * @param setting what to ask for
         * @return this builder
         */
        public Builder sched(Sched setting) {
            this.sched = Argument.requireNonNull(setting, "a thread factory", "setting");
            return this;
        }

        /**
         * What to do when a thread cannot be pinned.
         *
         * @param policy {@link PinPolicy#REQUIRE} unless set
         * @return this builder
         */
        public Builder pinPolicy(PinPolicy policy) {
            this.pinPolicy = Argument.requireNonNull(policy, "a thread factory", "policy");
            return this;
        }

        /**
         * What to do when a real-time policy is denied.
         *
         * @param policy {@link RealtimePolicy#PREFER} unless set
         * @return this builder
         */
        public Builder realtimePolicy(RealtimePolicy policy) {
            this.realtimePolicy = Argument.requireNonNull(policy, "a thread factory", "policy");
            return this;
        }

        /**
         * Whether the threads let the JVM end while they live.
         *
         * @param on false unless set, as in {@link java.util.concurrent.Executors#defaultThreadFactory}
         * @return this builder
         */
        public Builder daemon(boolean on) {
            this.daemon = on;
            return this;
        }

        /**
         * Who is told of exceptions that leave a thread's task.
         *
         * @param told the handler of each thread; the JVM's default unless set
         * @return this builder
         */
        public Builder uncaughtExceptionHandler(Thread.UncaughtExceptionHandler told) {
            this.handler = Argument.requireNonNull(told, "a thread factory", "told");
            return this;
        }

        /**
         * Makes the factory. It starts no thread.
         *
         * @return the factory
         * @throws IllegalArgumentException if a CPU is not present, offline, or not usable by this process, or the
         *     selection names none; the message names the CPU, the reason and the remedy
         * @throws LinuxException if Linux does not say which CPUs the process may use
         */
        public PinnedThreadFactory build() {
            return new PinnedThreadFactory(this, choice.chosen());
        }
    }
}
