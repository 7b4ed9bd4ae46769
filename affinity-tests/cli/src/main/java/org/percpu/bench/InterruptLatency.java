// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongConsumer;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.NativeWork;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.thread.CpuThread;

/**
 * From a signal to a work: a pinned thread sends a signal to the interrupt thread of a CPU, the line's handler in C posts a work, and the
 * work's first statement looks at the clock. {@code native/reference/interrupt.c} is the same with nothing but pthreads; it gets the CPUs
 * and the policies that the threads here were granted, and the two run in turn.
 */
public final class InterruptLatency {
    /** Above this a latency is cut, ns. */
    private static final long MAX = TimeUnit.SECONDS.toNanos(60);

    private static final int DIGITS = 3;
    private static final int WARMING = 10_000;
    private static final long WARMING_SECONDS = 2;
    private static final long SECOND = 1_000_000_000L;
    private static final long LOST_SECONDS = 10;

    /**
     * How much.
     *
     * @param rounds how often each of the two runs
     * @param samples signals in a round
     * @param periodMicros microseconds between two signals
     * @param pri of the queue, see workqueue_create
     */
    public record Plan(int rounds, int samples, long periodMicros, int pri) {}

    /**
     * Where.
     *
     * @param sender CPU of the thread that sends the signals
     * @param interrupted CPU of the thread that gets them
     * @param worker CPU of the work
     */
    public record Places(int sender, int interrupted, int worker) {}

    /**
     * What was measured at one place.
     *
     * @param places which CPUs
     * @param interruptPolicy granted to the interrupt thread
     * @param workerPolicy granted to the worker
     * @param java nanoseconds, one histogram for each round
     * @param c the same of the C program; empty without it
     */
    public record Result(
            Places places, String interruptPolicy, String workerPolicy, List<Histogram> java, List<Histogram> c) {
        /**
         * Ours divided by theirs.
         *
         * @param percentile 0 to 100
         * @return over the rounds; null without the C program
         */
        public Results.@Nullable Figure ratio(double percentile) {
            if (c.isEmpty()) {
                return null;
            }
            double[] quotients = new double[c.size()];
            for (int i = 0; i < quotients.length; i++) {
                quotients[i] = (double) java.get(i).getValueAtPercentile(percentile)
                        / c.get(i).getValueAtPercentile(percentile);
            }
            return Results.Figure.of(Arrays.stream(quotients));
        }
    }

    /** What the kernel says of a thread. */
    private record Policy(int policy, int priority) {
        static Policy of(LinuxCalls linux, int tid) {
            return new Policy(
                    linux.sched_getscheduler(tid) & ~LinuxCalls.SCHED_RESET_ON_FORK, linux.sched_getparam(tid));
        }

        @Override
        public String toString() {
            return switch (policy) {
                case LinuxCalls.SCHED_FIFO -> "SCHED_FIFO " + priority;
                case LinuxCalls.SCHED_RR -> "SCHED_RR " + priority;
                default -> "SCHED_OTHER";
            };
        }
    }

    /** The work, and the values it found. */
    private static final class Arrival extends Work implements LongConsumer {
        private final Histogram[] histograms;
        private volatile @Nullable NativeWork handle;
        private volatile long count;
        private volatile int round = -1;
        private volatile int tid;
        private long ranAt;

        Arrival(int rounds) {
            histograms = new Histogram[rounds];
            for (int i = 0; i < rounds; i++) {
                histograms[i] = new Histogram(MAX, DIGITS);
            }
        }

        void run(long now) {
            ranAt = now;
            if (tid == 0) {
                tid = Backend.linux().gettid();
            }
            int drained = Objects.requireNonNull(handle).drain(this);
            assert drained >= 0;
        }

        @Override
        @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
        public void accept(long sentAt) {
            if (round >= 0) {
                histograms[round].recordValue(Math.min(ranAt - sentAt, MAX));
            }
            count++;
        }
    }

    private final LinuxCalls linux = Backend.linux();
    private final Plan plan;
    private final CReference reference;

    /**
     * Finds the C program, or builds it.
     *
     * @param plan how much
     * @throws IOException if no process can be started
     * @throws InterruptedException if the caller is interrupted
     */
    public InterruptLatency(Plan plan) throws IOException, InterruptedException {
        this.plan = plan;
        this.reference = CReference.find("interrupt");
    }

    /**
     * Why there is no C program.
     *
     * @return empty if there is one
     */
    public String leftOut() {
        return reference.problem();
    }

    /**
     * Where it is run.
     *
     * @return one line for each thing that matters
     */
    public static List<String> machine() {
        Places first = places().get(0);
        return Machine.lines("signals from CPU " + first.sender() + " to CPU " + first.interrupted());
    }

    /**
     * The places that this machine has: the worker on the interrupted CPU, and on another one. The sender has a CPU of its own if there
     * are three.
     *
     * @return one or two
     */
    public static List<Places> places() {
        int[] cpus = CpuTopology.system().allowed().stream().toArray();
        int interrupted = cpus[cpus.length - 1];
        int sender = cpus[0];
        List<Places> places = new ArrayList<>(List.of(new Places(sender, interrupted, interrupted)));
        if (cpus.length > 1) {
            places.add(new Places(sender, interrupted, cpus[cpus.length - 2]));
        }
        return places;
    }

    /**
     * Measures one place.
     *
     * @param places which
     * @return all rounds
     * @throws IOException if the C program cannot be started, or fails
     * @throws InterruptedException if the caller is interrupted
     * @throws UnsupportedOperationException without libpercpu
     */
    public Result measure(Places places) throws IOException, InterruptedException {
        CpuSet cpus = CpuSet.of(places.sender(), places.interrupted(), places.worker());
        Arrival arrival = new Arrival(plan.rounds());
        List<Histogram> c = new ArrayList<>();
        try (Kernel kernel = Kernel.builder("latency")
                .cpus(cpus)
                .waitStrategy(WaitStrategy.PARK)
                .build()) {
            Workqueue<Arrival> queue = Workqueue.create(
                    kernel,
                    "latency",
                    (work, none) -> work.run(System.nanoTime()),
                    null,
                    plan.pri(),
                    Ipl.VM,
                    Workqueue.WQ_PERCPU | Workqueue.WQ_MPSAFE);
            NativeWork handle = queue.nativeWork(arrival, cpu(kernel, places.worker()));
            arrival.handle = handle;
            Receiver receiver = kernel.interrupts(cpu(kernel, places.interrupted()));
            InterruptLine line = InterruptLine.establish(receiver, "latency", Ipl.VM, handle);
            int signal = line.signal();
            Receiving interrupted = Receiving.of(receiver);
            // Warm, and then the worker's policy is known.
            send(kernel, places, () -> warm(interrupted.thread(), signal, arrival));
            Policy worker = Policy.of(linux, arrival.tid);
            for (int round = 0; round < plan.rounds(); round++) {
                arrival.round = round;
                send(
                        kernel,
                        places,
                        () -> sendAll(
                                interrupted.thread(), signal, arrival, plan.samples(), plan.periodMicros() * 1_000));
                arrival.round = -1;
                if (reference.program() != null) {
                    c.add(inC(places, interrupted.policy(), worker));
                }
            }
            line.close();
            handle.close();
            queue.drainAndDestroy();
            return new Result(
                    places,
                    interrupted.policy().toString(),
                    worker.toString(),
                    List.of(arrival.histograms),
                    List.copyOf(c));
        }
    }

    private static Cpu cpu(Kernel kernel, int id) {
        for (Cpu cpu : kernel.cpus()) {
            if (cpu.id() == id) {
                return cpu;
            }
        }
        throw new IllegalStateException("kernel " + kernel.name() + " has no CPU " + id);
    }

    /** The interrupt thread, as the sender must know it. */
    private record Receiving(long thread, Policy policy) {
        static Receiving of(Receiver receiver) {
            CompletableFuture<Receiving> found = new CompletableFuture<>();
            LinuxCalls linux = Backend.linux();
            try (InterruptLine question = InterruptLine.establish(
                    receiver,
                    "who",
                    Ipl.SOFTCLOCK,
                    none -> found.complete(new Receiving(linux.pthread_self(), Policy.of(linux, linux.gettid()))))) {
                if (!question.trigger()) {
                    throw new IllegalStateException(question + " is pending already");
                }
                return found.orTimeout(LOST_SECONDS, TimeUnit.SECONDS).join();
            }
        }
    }

    private static void send(Kernel kernel, Places places, Runnable sending) {
        CompletableFuture<@Nullable Void> done = new CompletableFuture<>();
        CpuThread sender = CpuThread.builder("sender")
                .cpu(cpu(kernel, places.sender()))
                .start(() -> {
                    try {
                        sending.run();
                        done.complete(null);
                    } catch (Throwable t) {
                        done.completeExceptionally(t);
                    }
                });
        try {
            done.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof LinuxException cause) {
                throw cause;
            }
            throw new IllegalStateException(sender.name() + " failed: " + e.getCause(), e);
        }
    }

    /** When it was sent. Other processes of the user may have used up the queue of signals for a moment. */
    private long send(long thread, int signal, long gap) {
        long start = System.nanoTime();
        while (true) {
            long sent = System.nanoTime();
            int result = linux.pthread_sigqueue(thread, signal, sent);
            if (result == 0) {
                return sent;
            }
            if (result != -Errno.EAGAIN.number() || sent - start > LOST_SECONDS * SECOND) {
                throw new LinuxException(
                        "pthread_sigqueue",
                        -result,
                        linux.strerror(-result),
                        "EAGAIN: other processes of this user fill the queue of signals (RLIMIT_SIGPENDING, ulimit -i)");
            }
            LockSupport.parkNanos(gap);
        }
    }

    private void sendAll(long thread, int signal, Arrival arrival, int count, long gap) {
        for (int i = 0; i < count; i++) {
            sendOne(thread, signal, arrival, gap);
        }
    }

    /** Until the compiler has seen enough, but not for ever on a busy machine. */
    private void warm(long thread, int signal, Arrival arrival) {
        long start = System.nanoTime();
        for (int i = 0; i < WARMING && System.nanoTime() - start < WARMING_SECONDS * SECOND; i++) {
            sendOne(thread, signal, arrival, 1_000);
        }
    }

    /** And waits until its work has run. The sender sleeps, as it may be in the worker's way. */
    private void sendOne(long thread, int signal, Arrival arrival, long gap) {
        long before = arrival.count;
        long sent = send(thread, signal, gap);
        do {
            LockSupport.parkNanos(gap);
        } while (arrival.count == before && System.nanoTime() - sent < LOST_SECONDS * SECOND);
        if (arrival.count == before) {
            throw new IllegalStateException("a signal was lost, or its work has not run for " + LOST_SECONDS + " s");
        }
    }

    private Histogram inC(Places places, Policy interrupted, Policy worker) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(String.valueOf(reference.program())));
        for (long number : new long[] {
            places.sender(),
            places.interrupted(),
            interrupted.policy(),
            interrupted.priority(),
            places.worker(),
            worker.policy(),
            worker.priority(),
            plan.samples(),
            plan.periodMicros()
        }) {
            command.add(Long.toString(number));
        }
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String said;
        try (InputStream output = process.getInputStream()) {
            said = new String(output.readAllBytes(), StandardCharsets.UTF_8);
        }
        int status = process.waitFor();
        if (status != 0) {
            throw new IOException("native/reference/interrupt ended with status " + status + ": " + said.strip());
        }
        Histogram histogram = new Histogram(MAX, DIGITS);
        for (Object nanos : (List<?>) JSON.std.mapFrom(said).getOrDefault("latency", List.of())) {
            histogram.recordValue(Math.min(((Number) nanos).longValue(), MAX));
        }
        return histogram;
    }
}
