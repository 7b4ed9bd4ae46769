// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Lock;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.ipl.Spl;
import org.percpu.thread.Affinity;
import org.percpu.thread.CpuThread;
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
 * the kernel {@linkplain Builder#followCpus follows its CPUs}. A CPU that is taken offline, or out of the cpuset, stays
 * in the table. Its workers stay alive, Linux unpins them, and their works run elsewhere. The watch reports the loss
 * once, and pins the workers again when the CPU is back. While the CPU is away, nothing new is made for it: a queue
 * with a worker for each CPU, or the first soft interrupt of a level, is refused. With {@link PinPolicy#BEST_EFFORT} it
 * is not refused, and its thread runs unpinned until the CPU is back. Threads that are bound to no CPU run on the CPUs
 * of the table that are there.
 *
 * <p>All methods may be called from any thread.
 */
public final class Kernel implements AutoCloseable {
    /** In a class of its own, because a start without a message need not look for a logger. */
    private static final class Log {
        static final System.Logger LOG = System.getLogger(Kernel.class.getName());
    }

    private static final Duration DEFAULT_WATCH = Duration.ofSeconds(1);

    private static volatile @Nullable Kernel system;

    private final String name;
    // Only the follower replaces it.
    private volatile CpuTopology topology;
    private volatile CpuTable table;

    private final @Nullable CpuFollower follower;
    private final PinPolicy pinPolicy;
    private final RealtimePolicy realtimePolicy;
    private final WaitStrategy waitStrategy;
    private final FaultHandler faultHandler;
    private final Consumer<String> console;
    private final boolean strict;
    private final boolean timing;
    private final PinWatch watch;

    private final KernelLock lock = new KernelLock();
    private final Sleepq sleepq = new Sleepq(this);
    private final Registry registry = new Registry();
    private final Map<Object, Object> shared = new ConcurrentHashMap<>();
    private final Map<Integer, InterruptThread> interruptThreads = new ConcurrentHashMap<>();
    private final Object boot = new Object();
    private final ArrayDeque<Runnable> deferred = new ArrayDeque<>(); // guarded by boot

    private boolean cold; // guarded by boot

    private final boolean interruptsAtDeadline;
    private volatile @Nullable Duration drainAtExit;

    private Kernel(Builder builder) {
        this.name = builder.name;
        this.topology = CpuTopology.refresh();
        this.table = new CpuTable(builder.chosen(topology));
        this.follower = builder.followCpus ? new CpuFollower(this, builder.cpus, builder.cpuListeners) : null;
        this.pinPolicy = builder.pinPolicy;
        this.realtimePolicy = builder.realtimePolicy;
        this.waitStrategy = builder.waitStrategy;
        this.faultHandler = builder.faultHandler;
        this.console = builder.console;
        this.strict = builder.strict;
        this.timing = builder.timing;
        this.watch = new PinWatch(this, builder.watchPeriod, this::watchPins);
        this.cold = builder.cold;
        this.interruptsAtDeadline = builder.interruptsAtDeadline;
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
    public static Builder builder(String name) {
        return new Builder(name);
    }

    /**
     * The name given to the builder.
     *
     * @return {@code system} for {@link #system()}
     */
    public String name() {
        return name;
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
     *     {@linkplain Builder#followCpus follows its CPUs} returns a snapshot; CPUs that came later stand at its end,
     *     in the order in which they came
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
     * Whether workers measure how long each callback runs.
     *
     * @return as given to the builder
     */
    public boolean timing() {
        return timing;
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
        requireSleepable(wmesg);
        return unlocked(wmesg, body);
    }

    /**
     * As {@link #sleeping}, for the idle sleep of a worker, which is allowed whatever its callbacks may do.
     *
     * @param wmesg what the thread's state shows meanwhile
     * @param body what blocks
     * @param <T> result
     * @param <X> what it may throw
     * @return what the body returns
     * @throws X what the body throws
     */
    public <T extends @Nullable Object, X extends Throwable> T unlocked(String wmesg, Sleeper<T, X> body) throws X {
        Argument.requireNonNull(wmesg, "sleep", "wmesg");
        Argument.requireNonNull(body, "sleep", "body");
        Lwp lwp = Lwp.current();
        int holds = lock.releaseAll();
        try {
            if (lwp != null) {
                lwp.wmesg = wmesg;
            }
            return body.sleep();
        } finally {
            if (lwp != null) {
                lwp.wmesg = null;
            }
            lock.restore(holds);
        }
    }

    /**
     * Checks that the calling thread may sleep (U12).
     *
     * @param wmesg what it wants to sleep on, for the message
     * @throws ErrnoException EPERM with a spin mutex held, in an interrupt handler, at a raised level, on a thread made
     *     for interrupts, or in a callback that promised not to sleep; the message says which
     */
    public void requireSleepable(String wmesg) {
        requireSleepable(wmesg, null);
    }

    /** As above, for a sleep that releases a lock first. Releasing the lock may lower the level. */
    void requireSleepable(String wmesg, @Nullable Lock released) {
        Argument.requireNonNull(wmesg, "sleep", "wmesg");
        if (Spl.isUsed()) {
            String why = Spl.whyNotSleepNow(released);
            if (why != null) {
                throw new ErrnoException(
                        Errno.EPERM,
                        "sleep on \"" + wmesg + "\" by "
                                + Thread.currentThread().getName() + " " + why);
            }
        }
        Lwp lwp = Lwp.current();
        if (lwp == null) {
            return;
        }
        if (lwp.is(Lwp.Flag.INTR)) {
            throw new ErrnoException(
                    Errno.EPERM,
                    "sleep on \"" + wmesg + "\" in interrupt thread " + lwp.name() + ": it must not sleep");
        }
        if (lwp.is(Lwp.Flag.CANTSLEEP)) {
            throw new ErrnoException(
                    Errno.EPERM,
                    "sleep on \"" + wmesg + "\" in a task of " + lwp.name()
                            + ": its queue was created with TASKQ_CANTSLEEP");
        }
    }

    /**
     * The interrupt thread of a CPU: pinned there, real-time (FIFO), doing nothing but run the handlers of the
     * {@link org.percpu.ipl.InterruptLine}s that are established on it. Made at the first call; it ends with the
     * kernel.
     *
     * @param cpu a CPU of this kernel
     * @return the level of that thread, which receives lines; always the same object for a CPU
     * @throws ErrnoException EINVAL if the CPU is unknown, EAGAIN if the kernel is cold or there are no more threads,
     *     ESHUTDOWN if the kernel is closed
     * @throws org.percpu.bindings.spi.LinuxException if the thread cannot be pinned or scheduled as the kernel's
     *     policies require
     * @throws UnsupportedOperationException as {@link Spl#current()}
     */
    public Spl interrupts(Cpu cpu) {
        Argument.requireNonNull(cpu, "interrupts of kernel " + name, "cpu");
        int index = tableIndex(cpu);
        if (index < 0) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    "interrupts of " + cpu + ", which kernel " + name + " does not have: it has " + table.cpus);
        }
        requireOpen("an interrupt thread");
        if (isCold()) {
            throw new ErrnoException(
                    Errno.EAGAIN, "interrupts of " + cpu + ": kernel " + name + " runs no threads before it is warm");
        }
        InterruptThread thread = interruptThreads.computeIfAbsent(cpu.id(), id -> new InterruptThread(this, cpu));
        if (isClosed()) {
            // The shutdown may have looked at the table before this thread was in it.
            thread.close();
            throw closed("an interrupt thread");
        }
        try {
            return thread.spl();
        } catch (RuntimeException e) {
            // The next call tries again.
            interruptThreads.remove(cpu.id(), thread);
            throw e;
        }
    }

    /**
     * Prints a line as the kernel's printf does. It never throws, because workers call it.
     *
     * @param line without a line end
     */
    public void console(String line) {
        try {
            console.accept(line);
        } catch (Throwable t) {
            LastWord.log("the console of kernel ", name, " failed; it was to print: ", line, t);
        }
    }

    void strict(Supplier<String> line) {
        if (strict) {
            console(line.get());
        }
    }

    /**
     * Reports a callback that threw, and never throws itself.
     *
     * @param queue name of the queue or thread
     * @param item the work or task
     * @param thrown what it threw
     */
    public void fault(String queue, Object item, Throwable thrown) {
        try {
            faultHandler.callbackThrew(queue, item, thrown);
        } catch (Throwable t) {
            LastWord.log("the fault handler of kernel ", name, " failed; it was told what this tells: ", queue, t);
            LastWord.log("a callback of ", queue, " threw, item: ", item, thrown);
        }
    }

    /**
     * The threads alive, workers of queues included.
     *
     * @return a copy, ordered by thread id
     */
    public List<Lwp> lwps() {
        return registry.lwps();
    }

    /**
     * The queues created and not destroyed.
     *
     * @return a copy, ordered by name
     */
    public List<KernelQueue> queues() {
        return registry.queues();
    }

    boolean add(Lwp lwp) {
        AtExit.add(this);
        return registry.add(lwp);
    }

    void remove(Lwp lwp) {
        registry.remove(lwp);
    }

    Registry registry() {
        return registry;
    }

    /**
     * Lists a queue until it is destroyed.
     *
     * @param queue a queue whose workers are running
     * @return false if the kernel is closed; the caller that made the queue then ends it
     */
    public boolean add(KernelQueue queue) {
        Argument.requireNonNull(queue, "add to kernel " + name, "queue");
        AtExit.add(this);
        boolean added = registry.add(queue);
        if (added && follower != null) {
            follower.listed(queue);
        }
        return added;
    }

    /**
     * Forgets a queue.
     *
     * @param queue a destroyed queue
     */
    public void remove(KernelQueue queue) {
        registry.remove(Argument.requireNonNull(queue, "remove from kernel " + name, "queue"));
    }

    /**
     * Checks that something can still be created.
     *
     * @param what for the message
     * @throws ErrnoException ESHUTDOWN if the kernel is closed
     */
    public void requireOpen(String what) {
        Argument.requireNonNull(what, "requireOpen", "what");
        if (isClosed()) {
            throw closed(what);
        }
    }

    /**
     * The refusal of a closed kernel.
     *
     * @param what cannot be created
     * @return ESHUTDOWN, to be thrown
     */
    public ErrnoException closed(String what) {
        Argument.requireNonNull(what, "closed", "what");
        return new ErrnoException(Errno.ESHUTDOWN, "kernel " + name + " is closed: create " + what + " in another");
    }

    /**
     * Whether the kernel is shut down or being shut down.
     *
     * @return true from the moment of {@link #shutdown} or {@link #close}
     */
    public boolean isClosed() {
        return registry.isClosed();
    }

    boolean interruptsAtDeadline() {
        return interruptsAtDeadline;
    }

    boolean isShared(KernelQueue queue) {
        return shared.containsValue(queue);
    }

    Iterable<InterruptThread> interruptThreads() {
        return interruptThreads.values();
    }

    PinWatch watch() {
        return watch;
    }

    CpuTable table() {
        return table;
    }

    void takeIn(CpuTopology now, List<Cpu> added) {
        topology = now;
        table = table.with(added);
    }

    void startWatch() {
        watch.start();
    }

    private void watchPins() {
        for (Lwp lwp : registry.lwps()) {
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
        synchronized (boot) {
            return cold;
        }
    }

    /**
     * Runs something as soon as threads can run: now, in the caller's context, or when the kernel becomes warm (OKT-9
     * to OKT-11).
     *
     * @param callback what to run
     */
    public void whenWarm(Runnable callback) {
        Argument.requireNonNull(callback, "whenWarm of kernel " + name, "callback");
        synchronized (boot) {
            if (cold) {
                deferred.add(callback);
                return;
            }
        }
        callback.run();
    }

    /**
     * Makes a cold kernel warm. From now on threads run. The caller runs the deferred callbacks in order. The kernel
     * counts as warm before the first of these callbacks. So a callback that one of them defers is called at once,
     * before the remaining ones that were deferred earlier (OKT-12). A callback that throws is reported and the next
     * one is called.
     *
     * @throws ErrnoException EINVAL if the kernel is warm
     */
    public void warm() {
        synchronized (boot) {
            if (!cold) {
                throw new ErrnoException(Errno.EINVAL, "kernel " + name + " is warm: it boots once");
            }
            cold = false;
        }
        for (Runnable next = nextDeferred(); next != null; next = nextDeferred()) {
            try {
                next.run();
            } catch (Throwable t) {
                fault("deferred callbacks of kernel " + name, next, t);
            }
        }
    }

    private @Nullable Runnable nextDeferred() {
        synchronized (boot) {
            return deferred.poll();
        }
    }

    /**
     * An object that each kernel has once, such as a system queue.
     *
     * @param key the key under which the object is found; keys are compared by identity of class and equality of
     *     content as in any map
     * @param maker makes it at the first call
     * @param <T> its type
     * @return always the same for the same key
     */
    @SuppressWarnings("unchecked") // one maker for a key
    public <T> T shared(Object key, Function<Kernel, T> maker) {
        Argument.requireNonNull(key, "shared of kernel " + name, "key");
        Argument.requireNonNull(maker, "shared of kernel " + name, "maker");
        return (T) shared.computeIfAbsent(key, k -> maker.apply(this));
    }

    /**
     * Shuts the kernel down: runs what is queued, ends its queues and their threads, releases threads that wait to be
     * joined, and destroys idle threads. Afterwards nothing can be created in the kernel.
     *
     * <p>The time is one limit over all queues. All queues refuse works from outside from the beginning, and the
     * shutdown waits for them together. When the time is over, works that have not started are dropped. Callbacks that
     * run are interrupted, unless {@link Builder#interruptAtDeadline} says otherwise. The callbacks then get 0.1 s, for
     * all of them together, to return. A thread that still runs after that is reported with its stack. Such threads are
     * daemons and end after their callback. Threads that run their own functions are not interrupted and are reported
     * likewise.
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
        Argument.requireTime(drainAtMost, "shutdown of kernel " + name, "drainAtMost");
        return new Shutdown(this).run(drainAtMost);
    }

    /**
     * {@link #shutdown} that drains for as long as it takes, and prints what it finds on the console. It need not find
     * the queues destroyed: it destroys them itself, and prints those whose works have all run only in a
     * {@linkplain Builder#strict strict} kernel. Closing twice is harmless: the second call waits as the first one
     * does, and prints nothing.
     *
     * @throws ErrnoException as {@link #shutdown}
     */
    @Override
    public void close() {
        Shutdown shutdown = new Shutdown(this);
        ShutdownReport report = shutdown.run(KernelQueue.FOREVER);
        if (shutdown.isFirst()) {
            (strict ? report.lines() : report.linesOfClose())
                    .forEach(line -> console("kernel " + name + " closed: " + line));
        }
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
        drainAtExit = Argument.requireTime(atMost, "drainAtExit of kernel " + name, "atMost");
        AtExit.add(this);
    }

    @Nullable
    Duration drainAtExit() {
        return drainAtExit;
    }

    /** Name and CPUs. */
    @Override
    public String toString() {
        return "kernel " + name + " on " + table.cpus;
    }

    /** What to ask for. Not safe for use by several threads at once. */
    public static final class Builder {
        private final String name;
        private @Nullable CpuSet cpus;
        private PinPolicy pinPolicy = PinPolicy.REQUIRE;
        private RealtimePolicy realtimePolicy = RealtimePolicy.PREFER;
        private WaitStrategy waitStrategy = WaitStrategy.PARK;
        private FaultHandler faultHandler = (queue, item, thrown) ->
                Log.LOG.log(System.Logger.Level.ERROR, queue + ": callback of " + item + " threw", thrown);
        private Consumer<String> console = line -> Log.LOG.log(System.Logger.Level.WARNING, line);
        private boolean strict;
        private boolean timing;
        private boolean cold;
        private boolean interruptsAtDeadline = true;
        private Duration watchPeriod = DEFAULT_WATCH;
        private boolean followCpus;
        private final List<CpuListener> cpuListeners = new ArrayList<>();

        private Builder(String name) {
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
        public Builder cpus(CpuSet set) {
            this.cpus = Argument.requireNonNull(set, "kernel " + name, "set");
            return this;
        }

        private List<Cpu> chosen(CpuTopology topology) {
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
        public Builder followCpus(boolean on) {
            this.followCpus = on;
            return this;
        }

        /**
         * Adds a listener that is called when a kernel that {@linkplain #followCpus follows its CPUs} has taken one in.
         *
         * @param listener called by the pin watch; what it throws goes to the {@linkplain #faultHandler fault handler}
         * @return this builder
         */
        public Builder cpuListener(CpuListener listener) {
            cpuListeners.add(Argument.requireNonNull(listener, "kernel", "cpuListener"));
            return this;
        }

        /**
         * What to do when a thread cannot be pinned.
         *
         * @param policy {@link PinPolicy#REQUIRE} unless set
         * @return this builder
         */
        public Builder pinPolicy(PinPolicy policy) {
            this.pinPolicy = Argument.requireNonNull(policy, "kernel " + name, "policy");
            return this;
        }

        /**
         * What to do when a real-time priority is denied.
         *
         * @param policy {@link RealtimePolicy#PREFER} unless set
         * @return this builder
         */
        public Builder realtimePolicy(RealtimePolicy policy) {
            this.realtimePolicy = Argument.requireNonNull(policy, "kernel " + name, "policy");
            return this;
        }

        /**
         * What workers do while there is no work.
         *
         * @param strategy {@link WaitStrategy#PARK} unless set
         * @return this builder
         */
        public Builder waitStrategy(WaitStrategy strategy) {
            this.waitStrategy = Argument.requireNonNull(strategy, "kernel " + name, "strategy");
            return this;
        }

        /**
         * The handler that is called for callbacks that throw.
         *
         * @param handler logs at ERROR unless set
         * @return this builder
         */
        public Builder faultHandler(FaultHandler handler) {
            this.faultHandler = Argument.requireNonNull(handler, "kernel " + name, "handler");
            return this;
        }

        /**
         * Where the kernel prints.
         *
         * @param output takes a line at a time, from any thread; logs at WARNING unless set
         * @return this builder
         */
        public Builder console(Consumer<String> output) {
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
        public Builder strict(boolean on) {
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
        public Builder timing(boolean on) {
            this.timing = on;
            return this;
        }

        /**
         * Whether the kernel is to boot first.
         *
         * @param on true to build a cold kernel, which runs no threads before {@link Kernel#warm()}; false unless set
         * @return this builder
         */
        public Builder cold(boolean on) {
            this.cold = on;
            return this;
        }

        /**
         * Whether callbacks that still run when the time of a {@link Kernel#shutdown} is over are interrupted.
         *
         * @param on true unless set
         * @return this builder
         */
        public Builder interruptAtDeadline(boolean on) {
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
        public Builder pinWatch(Duration period) {
            this.watchPeriod = Argument.requireTime(period, "pinWatch of kernel " + name, "period");
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
                kernel.startWatch();
            }
            return kernel;
        }
    }
}
