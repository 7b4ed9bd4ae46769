// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuTopology;
import org.percpu.dispatch.Dispatchers;
import org.percpu.dispatch.LevelRules;
import org.percpu.events.Events;
import org.percpu.events.Trace;
import org.percpu.intr.Receiver;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.Listing;
import org.percpu.lwp.Lwp;
import org.percpu.lwp.Reports;
import org.percpu.thread.Affinity;
import org.percpu.thread.CpuThread;
import org.percpu.thread.KernelThread;
import org.percpu.thread.PinPolicy;
import org.percpu.thread.PoolThreads;
import org.percpu.thread.RealtimePolicy;
import org.percpu.thread.Sched;

/**
 * One kernel: one big lock, one table of CPUs, one registry of threads and queues, one set of policies.
 *
 * <p>{@link #system()} is enough for most programs. Tests and embedders make their own with {@link #builder} and close
 * it. Two kernels share nothing.
 *
 * <p>The table of CPUs is fixed when the kernel is made (U21). A CPU that comes later is unknown to the kernel, unless
 * the kernel {@linkplain KernelBuilder#followCpus follows its CPUs}. A CPU that is taken offline, or out of the cpuset,
 * stays in the table. Its workers stay alive, Linux unpins them, and their works run elsewhere. The watch reports the
 * loss once, and pins the workers again when the CPU is back. While the CPU is away, nothing new is made for it: a
 * queue with a worker for each CPU, or the first soft interrupt of a level, is refused. With
 * {@link PinPolicy#BEST_EFFORT} it is not refused, and its thread runs unpinned until the CPU is back. Threads that are
 * bound to no CPU run on the CPUs of the table that are there.
 *
 * <p>All methods may be called from any thread.
 */
public final class Kernel implements AutoCloseable {
    /** In a class of its own, because a start without a message need not look for a logger. */
    static final class Log {
        static final System.Logger LOG = System.getLogger(Kernel.class.getName());

        private Log() {}
    }

    static {
        KernelCore.openBy(kernel -> ((Kernel) kernel).core);
    }

    private static final long REFRESH_NANOS = 1_000_000_000;

    private static volatile @Nullable Kernel system;

    // Only the follower replaces it.
    private volatile CpuTopology topology;
    private volatile CpuTable table;

    private final @Nullable CpuFollower follower;
    private final PinPolicy pinPolicy;
    private final RealtimePolicy realtimePolicy;
    private final WaitStrategy waitStrategy;
    private final boolean timing;
    private final int hz;
    private final boolean sharedWorkers;
    private final boolean interruptsAtDeadline;
    private final PinWatch watch;
    private final StallWatch stallWatch;
    private final Management management;

    private final KernelCore core;
    private final KernelLock lock;
    private final Sleepq sleepq;
    private final InterruptThreads interruptThreads;
    private volatile @Nullable Duration drainAtExit;
    /** A shutdown has come to its end; guarded by this. */
    boolean reported;

    Kernel(KernelBuilder builder) {
        // Initialised now: in a call at the end of a stack the error would ruin these classes for good.
        Lwp unusedCaller = Lwp.current();
        boolean unused = Dispatchers.isUsed();
        String unusedReason = LevelRules.whyNotSleep(null);
        this.topology = CpuTopology.refresh();
        this.table = new CpuTable(builder.chosen(topology));
        this.pinPolicy = builder.pinPolicy;
        this.realtimePolicy = builder.realtimePolicy;
        this.waitStrategy = builder.waitStrategy;
        this.timing = builder.timing;
        if (timing) {
            Trace.keepTimes();
        }
        Events.refresh();
        this.hz = builder.hz;
        this.sharedWorkers = builder.sharedWorkers;
        this.interruptsAtDeadline = builder.interruptsAtDeadline;
        Reports reports =
                new Reports(builder.name, builder.console, builder.faultHandler::callbackThrew, builder.strict);
        this.core = new KernelCore(builder.name, reports, builder.cold, new Owner());
        this.lock = new KernelLock(core.lock());
        this.sleepq = new Sleepq(core);
        this.interruptThreads = new InterruptThreads(core, this::thread);
        this.stallWatch = new StallWatch(core, this::queues, builder.stallAfter, builder.faultHandler);
        this.management = new Management(new KernelBean(new Shown(), core.lock()));
        this.watch =
                new PinWatch(builder.name, () -> thread("pinwatch", null, Sched.DEFAULT), looks(builder.watchPeriod));
        this.follower = builder.followCpus ? new CpuFollower(this, builder.cpus, builder.cpuListeners) : null;
    }

    /** What JMX shows of this kernel. */
    private final class Shown implements KernelBean.Source {
        @Override
        public String name() {
            return core.name();
        }

        @Override
        public boolean timing() {
            return timing;
        }

        @Override
        public List<Cpu> cpus() {
            return table.cpus;
        }

        @Override
        public List<KernelQueue> queues() {
            return Kernel.this.queues();
        }

        @Override
        public List<KernelThread> lwps() {
            return Kernel.this.lwps();
        }

        @Override
        public List<ClockState> clocks() {
            return Kernel.this.clocks();
        }

        @Override
        public long stalls() {
            return stallWatch.reported();
        }
    }

    /** What this kernel does when its threads and queues come. */
    private final class Owner implements KernelCore.Owner {
        @Override
        public void beforeThread() {
            watch.start();
        }

        @Override
        public void beforeListing() {
            AtExit.add(Kernel.this);
        }

        @Override
        public void listed(Listing queue) {
            if (follower != null) {
                follower.listed(queue);
            }
        }
    }

    /**
     * The kernel that this process shares. It is made with the defaults of {@link #builder} at the first call, and
     * again at the first call after it was closed.
     *
     * <p>Its threads are daemons, as all kernel threads are: they do not keep the JVM alive. The JVM ends when the last
     * other thread returns, by {@code System.exit} or by a signal. Then a shutdown hook runs what is queued on this
     * kernel for at most 5 seconds, or as long as {@link #drainAtExit} or {@code -Dpercpu.drainAtExit=SECONDS} says. It
     * prints on standard error what it could not run.
     *
     * <p>{@linkplain #close Close} the kernel before you unload this library, for example when a web application is
     * redeployed.
     *
     * @return the same object until it is closed
     * @throws UnsupportedOperationException if the library does not run on this system
     * @throws IllegalArgumentException if {@code percpu.drainAtExit} is no number of seconds
     */
    public static Kernel system() {
        Kernel kernel = system;
        if (kernel == null || kernel.isClosed()) {
            synchronized (Kernel.class) {
                kernel = system;
                if (kernel == null || kernel.isClosed()) {
                    kernel = builder("system").build();
                    kernel.drainAtExit(AtExit.bound());
                    system = kernel;
                }
            }
        }
        return kernel;
    }

    /**
     * Describes a kernel.
     *
     * @param name for messages
     * @return a builder with all CPUs of the mask that the process was started with, {@link PinPolicy#REQUIRE},
     *     {@link RealtimePolicy#PREFER}, {@link WaitStrategy#PARK}, faults and console output going to the
     *     {@link System.Logger} of this class, not strict
     */
    public static KernelBuilder builder(String name) {
        return new KernelBuilder(name);
    }

    /**
     * The name given to the builder.
     *
     * @return {@code system} for {@link #system()}
     */
    public String name() {
        return core.name();
    }

    /**
     * The machine as it was when the kernel was made, or when the kernel last took in a CPU.
     *
     * @return the topology; {@link #cpus()} were read with this topology or an earlier one
     */
    public CpuTopology topology() {
        return topology;
    }

    /**
     * The table of CPUs of this kernel.
     *
     * @return never empty, in ascending order of CPU numbers, never changing. A kernel that
     *     {@linkplain KernelBuilder#followCpus follows its CPUs} returns a snapshot; CPUs that came later stand at its
     *     end, in the order in which they came
     */
    public List<Cpu> cpus() {
        return table.cpus;
    }

    /**
     * The position of a CPU in {@link #cpus()}.
     *
     * @param cpu any CPU
     * @return its position, or -1 if this kernel does not have it
     */
    public int tableIndex(Cpu cpu) {
        return table.index(Argument.requireNonNull(cpu, "tableIndex", "cpu").id());
    }

    /**
     * The CPU the calling thread is on (curcpu). It is sampled: the thread may have moved when the call returns.
     *
     * @return a CPU of the table; the first one if the caller is on a CPU that this kernel does not have
     */
    public Cpu curcpu() {
        return table.cpus.get(curcpuTableIndex());
    }

    /**
     * The position of {@link #curcpu()} in {@link #cpus()}.
     *
     * @return 0 to size - 1
     */
    public int curcpuTableIndex() {
        return Math.max(table.index(Affinity.currentCpu()), 0);
    }

    /**
     * The big lock.
     *
     * @return this kernel's
     */
    public KernelLock lock() {
        return lock;
    }

    /**
     * tsleep(9) and wakeup(9) of this kernel.
     *
     * @return the sleep queues
     */
    public Sleepq sleepq() {
        return sleepq;
    }

    /**
     * The policy for threads that cannot be pinned.
     *
     * @return the policy for all threads of this kernel
     */
    public PinPolicy pinPolicy() {
        return pinPolicy;
    }

    /**
     * The policy for a real-time priority that is denied.
     *
     * @return the policy for all threads of this kernel
     */
    public RealtimePolicy realtimePolicy() {
        return realtimePolicy;
    }

    /**
     * What the workers of this kernel's queues do while there is no work.
     *
     * @return the strategy of every queue of this kernel; make another kernel for queues that are to wait in another
     *     way
     */
    public WaitStrategy waitStrategy() {
        return waitStrategy;
    }

    /**
     * Whether queues of this kernel that have a worker on each CPU share the threads of these workers.
     *
     * @return as given to the builder
     */
    public boolean sharedWorkers() {
        return sharedWorkers;
    }

    /**
     * Whether workers measure how long each callback runs.
     *
     * @return as given to the builder
     */
    public boolean timing() {
        return timing;
    }

    /**
     * How many ticks a second has. Functions of the pages that wait for a time count it in ticks.
     *
     * @return as given to the builder
     */
    public int hz() {
        return hz;
    }

    /**
     * How many stalls the kernel has reported, each counted once, see {@link KernelBuilder#stallAfter}.
     *
     * @return never less than at an earlier call
     */
    public long stalls() {
        return stallWatch.reported();
    }

    /**
     * The clocks of this kernel's CPUs, which run its timers. They are made with the first timer.
     *
     * @return one for each CPU, or none
     */
    public List<ClockState> clocks() {
        return core.clocks().stream().map(ClockState.class::cast).toList();
    }

    /**
     * A thread builder with this kernel's policies.
     *
     * @param threadName full name
     * @param cpu the CPU to pin the thread to, or null for any CPU of this kernel that is there
     * @param sched what to ask for
     * @return a builder
     * @throws IllegalArgumentException if the name is empty
     */
    public CpuThread.Builder thread(String threadName, @Nullable Cpu cpu, Sched sched) {
        Argument.requireNonNull(threadName, "a thread", "threadName");
        Argument.requireNonNull(sched, "a thread", "sched");
        CpuThread.Builder thread =
                CpuThread.builder(threadName).sched(sched).pinPolicy(pinPolicy).realtimePolicy(realtimePolicy);
        return cpu != null ? thread.cpu(cpu) : thread.anyOf(() -> table.ids);
    }

    /**
     * Blocks with every hold of this kernel's lock dropped, and takes the same number again before it returns (KL-3).
     * Use it for I/O and other waits that are not the library's own. The library's own waits pass through this method
     * already.
     *
     * @param wmesg what the thread's state shows meanwhile
     * @param body what blocks; it must not need the kernel lock to be held
     * @param <T> result
     * @param <X> what it may throw
     * @return what the body returns
     * @throws X what the body throws
     * @throws ErrnoException EPERM if the caller must not sleep
     */
    public <T extends @Nullable Object, X extends Throwable> T sleeping(String wmesg, Sleeper<T, X> body) throws X {
        Argument.requireNonNull(wmesg, "sleep", "wmesg");
        Argument.requireNonNull(body, "sleep", "body");
        return core.sleeping(wmesg, body::sleep);
    }

    /**
     * The interrupt thread of a CPU: pinned there, real-time (FIFO), doing nothing but run the handlers of the
     * {@link org.percpu.intr.InterruptLine}s that are established on it. Made at the first call; it ends with the
     * kernel.
     *
     * @param cpu a CPU of this kernel
     * @return that thread, as a receiver of lines; always the same object for a CPU
     * @throws ErrnoException EINVAL if the CPU is unknown, EAGAIN if the kernel is cold or there are no more threads,
     *     ESHUTDOWN if the kernel is closed
     * @throws org.percpu.bindings.spi.LinuxException if the thread cannot be pinned or scheduled as the kernel's
     *     policies require
     * @throws UnsupportedOperationException as {@link Receiver#current()}
     */
    public Receiver interrupts(Cpu cpu) {
        Argument.requireNonNull(cpu, "interrupts of kernel " + name(), "cpu");
        if (tableIndex(cpu) < 0) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    "interrupts of " + cpu + ", which kernel " + name() + " does not have: it has " + table.cpus);
        }
        return interruptThreads.of(cpu);
    }

    /**
     * Prints a line as the kernel's printf does. It never throws, because workers call it.
     *
     * @param line without a line end
     */
    public void console(String line) {
        core.reports().console(line);
    }

    /**
     * The threads alive, workers of queues included.
     *
     * @return a copy, ordered by thread id
     */
    public List<KernelThread> lwps() {
        return new ArrayList<>(core.registry().lwps());
    }

    /**
     * The queues created and not destroyed.
     *
     * @return a copy, ordered by name
     */
    public List<KernelQueue> queues() {
        List<KernelQueue> queues = new ArrayList<>();
        core.registry().queues().forEach(queue -> queues.add((KernelQueue) queue.face()));
        return queues;
    }

    /**
     * Whether the kernel is shut down or being shut down.
     *
     * @return true from the moment of {@link #shutdown} or {@link #close}
     */
    public boolean isClosed() {
        return core.registry().isClosed();
    }

    KernelCore core() {
        return core;
    }

    boolean interruptsAtDeadline() {
        return interruptsAtDeadline;
    }

    InterruptThreads interruptThreads() {
        return interruptThreads;
    }

    PinWatch watch() {
        return watch;
    }

    Management management() {
        return management;
    }

    CpuTable table() {
        return table;
    }

    void takeIn(CpuTopology now, List<Cpu> added) {
        topology = now;
        table = table.with(added);
    }

    private List<PinWatch.Look> looks(Duration pinPeriod) {
        List<PinWatch.Look> looks = new ArrayList<>();
        long pins = TimeUnit.NANOSECONDS.convert(pinPeriod);
        if (pins > 0) {
            looks.add(new PinWatch.Look(pins, this::watchPins));
        }
        long stalls = stallWatch.periodNanos();
        if (stalls > 0) {
            looks.add(new PinWatch.Look(stalls, stallWatch::look));
        }
        if (!looks.isEmpty()) {
            looks.add(new PinWatch.Look(REFRESH_NANOS, Events::refresh));
            looks.add(new PinWatch.Look(REFRESH_NANOS, management::look));
        }
        return looks;
    }

    private void watchPins() {
        for (Lwp lwp : core.registry().lwps()) {
            lwp.thread().repin();
        }
        PoolThreads.free();
        if (follower != null) {
            follower.look();
        }
    }

    /**
     * Whether the kernel is cold, that is, still boots. Threads made in a cold kernel start when it becomes warm.
     *
     * @return true until {@link #warm()}, for a kernel that was built cold
     */
    public boolean isCold() {
        return core.boot().isCold();
    }

    /**
     * Runs something as soon as threads can run: now, in the caller's context, or when the kernel becomes warm (OKT-9
     * to OKT-11).
     *
     * @param callback what to run
     */
    public void whenWarm(Runnable callback) {
        core.boot().whenWarm(Argument.requireNonNull(callback, "whenWarm of kernel " + name(), "callback"));
    }

    /**
     * Makes a cold kernel warm: the threads that were made in it begin to run, and the calling thread runs the
     * deferred callbacks in order. The kernel counts as warm while these callbacks run. So if a callback defers
     * another one, that one runs at once, ahead of the callbacks that still wait (OKT-12). If a callback throws, the
     * fault handler is told, and the next callback runs.
     *
     * @throws ErrnoException EINVAL if the kernel is warm
     */
    public void warm() {
        core.boot().warm();
    }

    /**
     * Shuts the kernel down: runs what is queued, ends its queues and their threads, releases threads that wait to be
     * joined, and destroys idle threads. Afterwards nothing can be created in the kernel.
     *
     * <p>The time is one limit over all queues. All queues refuse works from outside from the beginning, and the
     * shutdown waits for them together. When the time is over, works that have not started are dropped. Callbacks that
     * run are interrupted, unless {@link KernelBuilder#interruptAtDeadline} says otherwise. The callbacks then get 0.1
     * s, for all of them together, to return. A thread that still runs after that is reported with its stack. Such
     * threads are daemons and end after their callback. Threads that run their own functions are not interrupted and
     * are reported likewise.
     *
     * <p>The call returns when Linux no longer has the threads of this kernel, except for the threads that it reports.
     * Several threads may call it at once; each caller waits as long. A caller that holds the kernel lock drops the
     * lock meanwhile, and returns when it has the lock again.
     *
     * @param drainAtMost how long to go on running works, over all queues; zero drops everything that has not started.
     *     In a cold kernel every value does so
     * @return what the owners had left behind, the works that were dropped, and the threads that still run
     * @throws ErrnoException EDEADLK in a callback of one of its queues, EPERM if the caller must not sleep, EINVAL if
     *     the time is null or negative; the kernel is then as it was
     */
    public ShutdownReport shutdown(Duration drainAtMost) {
        Argument.requireTime(drainAtMost, "shutdown of kernel " + name(), "drainAtMost");
        return new Shutdown(this).run(drainAtMost);
    }

    /**
     * {@link #shutdown} that drains for as long as it takes, and prints what it finds on the console. If the next timer
     * is more than a second away, a line says at once what it waits for and how long. It need not find
     * the queues destroyed: it destroys them itself, and prints those whose works have all run only in a
     * {@linkplain KernelBuilder#strict strict} kernel. Closing twice is harmless: the second call waits as the first
     * one does, and prints nothing.
     *
     * @throws ErrnoException as {@link #shutdown}
     */
    @Override
    public void close() {
        Shutdown shutdown = new Shutdown(this);
        ShutdownReport report = shutdown.run(KernelQueue.FOREVER);
        if (shutdown.first) {
            try {
                print(report);
            } catch (Throwable once) {
                // Rather twice than never.
                print(report);
            }
        }
    }

    private void print(ShutdownReport report) {
        (core.reports().isStrict() ? report.lines() : report.linesOfClose())
                .forEach(line -> console("kernel " + name() + " closed: " + line));
    }

    /**
     * Chooses what happens to works that are queued when the JVM ends before the kernel is closed. Without this call, a
     * kernel that was made with {@link #builder} prints on standard error how many works there were, and
     * {@link #system()} drains for 5 s.
     *
     * @param atMost how long the JVM's end waits for them; zero drops them. What never ran is printed on
     *     standard error
     * @throws ErrnoException EINVAL if the time is null or negative
     */
    public void drainAtExit(Duration atMost) {
        drainAtExit = Argument.requireTime(atMost, "drainAtExit of kernel " + name(), "atMost");
        AtExit.add(this);
    }

    @Nullable
    Duration drainAtExit() {
        return drainAtExit;
    }

    /** Name and CPUs. */
    @Override
    public String toString() {
        return "kernel " + name() + " on " + table.cpus;
    }
}
