// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.thread.KernelThread;
import org.percpu.thread.PinPolicy;
import org.percpu.thread.RealtimePolicy;

/** What to ask of a {@link Kernel}, made by {@link Kernel#builder}. Not safe for use by several threads at once. */
public final class KernelBuilder {
    private static final int MOST_HZ = 1_000_000;

    final String name;

    @Nullable
    CpuSet cpus;

    PinPolicy pinPolicy = PinPolicy.REQUIRE;
    RealtimePolicy realtimePolicy = RealtimePolicy.PREFER;
    WaitStrategy waitStrategy = WaitStrategy.PARK;
    FaultHandler faultHandler = (queue, item, thrown) ->
            Kernel.Log.LOG.log(System.Logger.Level.ERROR, queue + ": callback of " + item + " threw", thrown);
    Consumer<String> console = line -> Kernel.Log.LOG.log(System.Logger.Level.WARNING, line);
    boolean strict;
    boolean timing;
    int hz = 1000;
    boolean cold;
    boolean interruptsAtDeadline = true;
    Duration watchPeriod = Duration.ofSeconds(1);
    Duration stallAfter = Duration.ofSeconds(10);
    boolean followCpus;
    boolean sharedWorkers;
    final List<CpuListener> cpuListeners = new ArrayList<>();

    KernelBuilder(String name) {
        this.name = Argument.requireNonNull(name, "kernel", "name");
    }

    /**
     * Places the kernel on some CPUs. Any {@linkplain CpuTopology#usable() usable} CPU will do, also one that
     * {@code taskset} or {@code isolcpus=} has taken out of the mask that the process was started with:
     * {@code cpus(topology.select("isolated"))}.
     *
     * @param set one or more usable CPUs; without this call it is the {@linkplain CpuTopology#allowed() default
     *     set}
     * @return this builder
     */
    public KernelBuilder cpus(CpuSet set) {
        this.cpus = Argument.requireNonNull(set, "kernel " + name, "set");
        return this;
    }

    List<Cpu> chosen(CpuTopology topology) {
        if (cpus == null) {
            return topology.allowedCpus();
        }
        CpuSet now = cpus.and(topology.usable());
        return topology.resolve(followCpus && !now.isEmpty() ? now : cpus);
    }

    /**
     * Whether the kernel takes in CPUs that come later: CPUs that are brought online, or added to the cpuset. It
     * takes in CPUs that the process may use by default. If CPUs were {@linkplain #cpus chosen}, it takes in only
     * chosen CPUs, and one of them is enough at the start. Unless they are chosen, two sorts of CPUs stay out: CPUs
     * that were usable already and not in the default set, and isolated CPUs, unless the default set has isolated
     * CPUs. Linux adds both sorts to the mask of the process when its cpuset is rewritten.
     *
     * <p>The pin watch finds a CPU that has come. The CPU goes to the end of {@link Kernel#cpus()} and gets the
     * next {@link Cpu#index()}; existing numbers do not change. Each queue with a worker for each CPU makes a
     * worker for the new CPU. Then the {@linkplain #cpuListener listeners} are called. Until then, works that are
     * enqueued on the new CPU without naming a CPU go to the queue's first CPU. A CPU that goes away stays in the
     * table, as in any kernel: its workers lose their pins, their works still run, and the workers are pinned again
     * when the CPU is back.
     *
     * @param on false unless set
     * @return this builder
     */
    public KernelBuilder followCpus(boolean on) {
        this.followCpus = on;
        return this;
    }

    /**
     * Whether queues share threads: all queues with {@link org.percpu.netbsd.Workqueue#WQ_PERCPU} and the same
     * priority have one thread on each CPU together, and not one each. A hundred queues on 128 CPUs are then 128
     * threads and not 12 800. The thread is called {@code pool}, its priority, {@code /} and the index of its CPU. It
     * is made with the first queue and ends with the last one. Each queue keeps its own order, its own waits, its own
     * end and its own {@linkplain WorkerState states}. Other queues have threads of their own, as ever.
     *
     * <p>A program can tell the difference in these ways:
     *
     * <ul>
     *   <li>A callback delays the works of all queues that share its thread, whether it runs for long, sleeps, or waits
     *       for the kernel lock. The thread runs what has gathered on one queue, then what has gathered on the next
     *       one. While a work waits for the callback of another queue, {@link WorkerState#waitsFor()} names it.
     *   <li>A callback that waits for a work which its own thread would have to run is refused with EDEADLK
     *       ({@code waitFor}, {@code drainAndDestroy}). {@code destroy} of another queue works in a callback: nothing
     *       is left there to run. The library cannot see other ways to wait. A callback that waits for a latch that
     *       another work of its CPU opens waits for ever, and so do the callbacks of two CPUs of which each waits for a
     *       work of the other CPU.
     *   <li>A queue ends without waiting for callbacks of other queues, unless it has works left behind them. Its
     *       thread goes on as long as other queues have it.
     *   <li>{@code ThreadLocal}s of callbacks, their thread's name and their {@linkplain KernelThread thread} are common
     *       to the queues.
     * </ul>
     *
     * @param on false unless set
     * @return this builder
     */
    public KernelBuilder sharedWorkers(boolean on) {
        this.sharedWorkers = on;
        return this;
    }

    /**
     * Adds a listener that is called when a kernel that {@linkplain #followCpus follows its CPUs} has taken one in.
     *
     * @param listener called by the pin watch; what it throws goes to the {@linkplain #faultHandler fault handler}
     * @return this builder
     */
    public KernelBuilder cpuListener(CpuListener listener) {
        cpuListeners.add(Argument.requireNonNull(listener, "kernel " + name, "listener"));
        return this;
    }

    /**
     * What to do when a thread cannot be pinned.
     *
     * @param policy {@link PinPolicy#REQUIRE} unless set
     * @return this builder
     */
    public KernelBuilder pinPolicy(PinPolicy policy) {
        this.pinPolicy = Argument.requireNonNull(policy, "kernel " + name, "policy");
        return this;
    }

    /**
     * What to do when a real-time priority is denied.
     *
     * @param policy {@link RealtimePolicy#PREFER} unless set
     * @return this builder
     */
    public KernelBuilder realtimePolicy(RealtimePolicy policy) {
        this.realtimePolicy = Argument.requireNonNull(policy, "kernel " + name, "policy");
        return this;
    }

    /**
     * What workers do while there is no work.
     *
     * @param strategy {@link WaitStrategy#PARK} unless set
     * @return this builder
     */
    public KernelBuilder waitStrategy(WaitStrategy strategy) {
        this.waitStrategy = Argument.requireNonNull(strategy, "kernel " + name, "strategy");
        return this;
    }

    /**
     * The handler that is called for callbacks that throw.
     *
     * @param handler logs at ERROR unless set
     * @return this builder
     */
    public KernelBuilder faultHandler(FaultHandler handler) {
        this.faultHandler = Argument.requireNonNull(handler, "kernel " + name, "handler");
        return this;
    }

    /**
     * Where the kernel prints.
     *
     * @param output takes a line at a time, from any thread; logs at WARNING unless set
     * @return this builder
     */
    public KernelBuilder console(Consumer<String> output) {
        this.console = Argument.requireNonNull(output, "kernel " + name, "output");
        return this;
    }

    /**
     * Whether to report errors on the console that the page forbids and the library can correct, such as a kernel
     * thread whose function returns, or a queue that {@link Kernel#close} has to destroy.
     *
     * @param on false unless set
     * @return this builder
     */
    public KernelBuilder strict(boolean on) {
        this.strict = on;
        return this;
    }

    /**
     * Whether workers measure how long each callback runs, for {@link WorkerState#longestRunNanos()}. Costs two
     * clock readings a callback.
     *
     * @param on false unless set
     * @return this builder
     */
    public KernelBuilder timing(boolean on) {
        this.timing = on;
        return this;
    }

    /**
     * How many ticks a second has. A tick is only a unit of time: no thread wakes up for each tick, and timers are not
     * rounded to ticks.
     *
     * @param ticks 1 to 1 000 000; 1000 unless set
     * @return this builder
     * @throws ErrnoException EINVAL if it is out of this range
     */
    public KernelBuilder hz(int ticks) {
        if (ticks < 1 || ticks > MOST_HZ) {
            throw new ErrnoException(
                    Errno.EINVAL, "kernel " + name + " with hz = " + ticks + ": give it 1 to " + MOST_HZ);
        }
        this.hz = ticks;
        return this;
    }

    /**
     * Whether the kernel is to boot first.
     *
     * @param on true to build a cold kernel, which runs no threads before {@link Kernel#warm()}; false unless set
     * @return this builder
     */
    public KernelBuilder cold(boolean on) {
        this.cold = on;
        return this;
    }

    /**
     * Whether callbacks that still run when the time of a {@link Kernel#shutdown} is over are interrupted.
     *
     * @param on true unless set
     * @return this builder
     */
    public KernelBuilder interruptAtDeadline(boolean on) {
        this.interruptsAtDeadline = on;
        return this;
    }

    /**
     * How often the kernel checks that its threads are still pinned as asked.
     *
     * @param period 1 s unless set; zero for never
     * @return this builder
     * @throws ErrnoException EINVAL if the time is null or negative
     */
    public KernelBuilder pinWatch(Duration period) {
        this.watchPeriod = Argument.requireTime(period, "pinWatch of kernel " + name, "period");
        return this;
    }

    /**
     * How long something may make no progress before the kernel reports it: a worker is in one callback; a queue has
     * items and none of its workers begins one; a thread holds the kernel lock while others wait for it; threads of the
     * kernel wait for one another in a circle. The kernel prints a line with the stack on its console, writes the event
     * org.percpu.Stall, and calls {@link FaultHandler#stalled}, and does so again at twice the time, four times the time,
     * and so on. It changes nothing.
     *
     * <p>The watch looks eight times in this span, so that it reports a stall after at most one and a quarter of it. A
     * time in which the watch itself does not run, as when the process is stopped by SIGSTOP, does not count.
     *
     * @param limit 10 s unless set; zero for never
     * @return this builder
     * @throws ErrnoException EINVAL if the time is null or negative
     */
    public KernelBuilder stallAfter(Duration limit) {
        this.stallAfter = Argument.requireTime(limit, "stallAfter of kernel " + name, "limit");
        return this;
    }

    /**
     * Makes the kernel. No thread is started before the first one is asked for, except for the watch of a kernel
     * that follows its CPUs.
     *
     * @return the kernel
     * @throws IllegalArgumentException if a CPU is unknown, offline or not usable; the message names it and the
     *     remedy; if it is to follow its CPUs without a pin watch
     * @throws UnsupportedOperationException if the library does not run on this system
     */
    public Kernel build() {
        if (followCpus && watchPeriod.isZero()) {
            throw new IllegalArgumentException("kernel " + name
                    + " is to follow its CPUs without a pin watch, which is what finds them: give pinWatch a period, or leave"
                    + " followCpus out");
        }
        Kernel kernel = new Kernel(this);
        if (followCpus) {
            kernel.watch().start();
        }
        return kernel;
    }
}
