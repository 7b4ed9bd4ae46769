// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import java.nio.file.Path;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;

/**
 * A simulated machine: its CPUs, its cpuset and its threads. Tests take CPUs offline, shrink the cpuset, move the clock
 * and choose faults while the library runs on it.
 *
 * <p>All methods may be called from any thread.
 */
public final class SimMachine {
    static final int PID = 1000;

    private static @Nullable SimMachine ofProcess;

    private final Topology topology;
    private final Settings settings;
    private final SimClock clock;
    private final Futexes futexes;
    private final Signals signals;
    private final Limits limits;
    private final SimLinuxCalls calls;
    private volatile Faults faults;

    private final BitSet present;
    private final BitSet online; // guarded by this
    private final BitSet cpuset; // guarded by this
    private final BitSet first; // guarded by this: the mask at the start
    private final Map<Integer, SimThread> threads = new HashMap<>(); // guarded by this
    private final int firstTid;
    private int nextTid; // guarded by this
    private boolean fences; // guarded by this: the process has registered for membarrier(2)

    /** The simulated thread of each Java thread. A child inherits from the thread that constructs it. */
    @SuppressWarnings("ThreadLocalUsage") // one for each machine
    private final InheritableThreadLocal<Holder> current = new InheritableThreadLocal<>() {
        @Override
        protected Holder initialValue() {
            return new Holder(null);
        }

        @Override
        protected Holder childValue(Holder parent) {
            return new Holder(parent.thread);
        }
    };

    private static final class Holder {
        private final @Nullable SimThread parent;
        private @Nullable SimThread thread;

        Holder(@Nullable SimThread parent) {
            this.parent = parent;
        }
    }

    private SimMachine(Settings settings, Topology topology, SimLinuxCalls calls, int firstTid) {
        this.settings = settings;
        this.topology = topology;
        this.calls = calls;
        this.firstTid = firstTid;
        nextTid = firstTid;
        faults = settings.faults();
        clock = new SimClock(settings.virtualTime());
        futexes = new Futexes(calls.addresses(), clock);
        signals = new Signals(clock, futexes);
        limits = new Limits(settings.rtprio());
        topology.put("proc/sys/kernel/threads-max", settings.threads() + "\n");
        online = topology.online();
        present = Cpus.copy(online);
        cpuset = some(settings.cpuset(), online, "percpu.sim.cpuset");
        first = some(settings.mask(), cpuset, "percpu.sim.mask");
        // The thread that started the JVM: no Java thread, and there until the end.
        SimThread initial = new SimThread(PID, 0, null, Cpus.copy(first), Cpus.copy(first));
        settle(initial);
        threads.put(PID, initial);
        calls.runOn(this);
    }

    private static BitSet some(@Nullable String list, BitSet all, String property) {
        if (list == null) {
            return Cpus.copy(all);
        }
        BitSet cpus = Cpus.and(Cpus.parse(list), all);
        if (cpus.isEmpty()) {
            throw new IllegalArgumentException("-D" + property + "=" + list + " names none of the machine's CPUs "
                    + Cpus.format(all) + ": name one of those");
        }
        return cpus;
    }

    /**
     * The machine of this process, made from the system properties at the first call.
     *
     * @return the same machine every time
     * @throws IllegalArgumentException if a property is not understood; the message names it
     */
    public static synchronized SimMachine ofProcess() {
        SimMachine machine = ofProcess;
        if (machine == null) {
            Settings settings = Settings.ofProperties();
            machine = new SimMachine(settings, Topology.of(settings.machine()), new SimLinuxCalls(), PID + 1);
            ofProcess = machine;
        }
        return machine;
    }

    /**
     * Replaces the machine of this process by a fresh one, made from the system properties of this moment. Its CPUs,
     * files and C functions are those of the machine before. Memory keeps its contents and addresses, and the numbers
     * of threads go on. So the library, which keeps some of them for the life of the process, does not notice. All else
     * is as at the start of a process: the cpuset, the clock, limits, signals, and which faults have happened.
     *
     * <p>No other thread may be inside a call, and the library must have come to rest: no kernel is open.
     *
     * @return the fresh machine, from now on that of {@link #ofProcess}
     */
    public static synchronized SimMachine restart() {
        SimMachine old = ofProcess();
        SimMachine fresh = new SimMachine(Settings.ofProperties(), old.topology, old.calls, old.unusedTid());
        ofProcess = fresh;
        return fresh;
    }

    private synchronized int unusedTid() {
        return nextTid;
    }

    /**
     * A machine with no relation to the process, for tests of the simulation itself.
     *
     * @param machine a shape such as {@code 8} or {@code 2x8x2}, or the path of a captured machine
     * @param faults what goes wrong
     * @param virtualTime whether the clock moves only by {@link #advance}
     * @return the machine
     * @throws IllegalArgumentException if the machine is not understood
     */
    public static SimMachine of(String machine, Faults faults, boolean virtualTime) {
        return new SimMachine(
                Settings.of(machine, faults, virtualTime), Topology.of(machine), new SimLinuxCalls(), PID + 1);
    }

    /**
     * The C functions of this machine.
     *
     * @return the same object every time
     */
    public LinuxCalls calls() {
        return calls;
    }

    /**
     * What machine this is.
     *
     * @return the shape or the path that it was made from
     */
    public String description() {
        return settings.machine();
    }

    /**
     * The root of the machine's files.
     *
     * @return a folder with {@code sys} and {@code proc}, as they were when the machine was made
     */
    public Path root() {
        return topology.root();
    }

    /**
     * Chooses what goes wrong from now on.
     *
     * @param next the faults
     */
    public void faults(Faults next) {
        faults = next;
    }

    Faults faults() {
        return faults;
    }

    int rtprio() {
        return settings.rtprio();
    }

    SimClock clock() {
        return clock;
    }

    Futexes futexes() {
        return futexes;
    }

    Signals signals() {
        return signals;
    }

    Limits limits() {
        return limits;
    }

    /**
     * Moves the clock. Timers fire in order of their time, and timed waits that are over end.
     *
     * @param nanos how far, 0 or more
     * @throws IllegalStateException if this machine keeps the host's time
     */
    public void advance(long nanos) {
        if (!clock.isVirtual()) {
            throw new IllegalStateException(
                    "the clock of this machine is the host's: make it with -Dpercpu.sim.time=virtual");
        }
        long end = clock.now() + nanos;
        signals.fireUntil(end);
        clock.moveTo(end);
    }

    /**
     * Takes a CPU offline. Threads that can run nowhere else get the whole cpuset, as Linux does it.
     *
     * @param cpu an online CPU
     * @throws IllegalArgumentException if it is not online, or the last one of the cpuset
     */
    public synchronized void offline(int cpu) {
        BitSet left = Cpus.and(cpuset, online);
        left.clear(cpu);
        if (!online.get(cpu) || left.isEmpty()) {
            throw new IllegalArgumentException("CPU " + cpu + " cannot be taken offline: online are "
                    + Cpus.format(online) + " and the cpuset is " + Cpus.format(cpuset));
        }
        online.clear(cpu);
        settleAll();
    }

    /**
     * Brings a CPU back online. Masks that had been widened stay as they are.
     *
     * @param cpu a CPU that was online before
     * @throws IllegalArgumentException if the machine has no such CPU
     */
    public synchronized void online(int cpu) {
        if (!present.get(cpu)) {
            throw new IllegalArgumentException("CPU " + cpu + " is none of the machine's " + Cpus.format(present));
        }
        online.set(cpu);
        settleAll();
    }

    /**
     * Writes the cpuset. Each thread's mask becomes what it asked for within the new set, or all of the new set if that
     * is nothing (Linux 6.2 and later).
     *
     * @param list a CPU list
     * @throws IllegalArgumentException if it holds no online CPU
     */
    public synchronized void cpuset(String list) {
        cpuset(Cpus.parse(list));
    }

    private void cpuset(BitSet wanted) {
        BitSet cpus = Cpus.and(wanted, present);
        if (!cpus.intersects(online)) {
            throw new IllegalArgumentException("the cpuset " + Cpus.format(wanted) + " has none of the online CPUs "
                    + Cpus.format(online) + ": name one of those");
        }
        cpuset.clear();
        cpuset.or(cpus);
        for (SimThread thread : threads.values()) {
            BitSet mask = Cpus.and(thread.asked, cpuset);
            thread.allowed = mask.intersects(online) ? mask : Cpus.copy(cpuset);
        }
        settleAll();
    }

    private void settleAll() {
        prune();
        threads.values().forEach(this::settle);
    }

    private void settle(SimThread thread) {
        thread.settle(online, cpuset);
    }

    /** Whether one more thread may be started: the machine has a threads-max. */
    synchronized boolean hasRoom() {
        if (threads.size() >= settings.threads()) {
            prune();
        }
        return threads.size() < settings.threads();
    }

    private void prune() {
        threads.values().removeIf(thread -> !thread.isAlive());
    }

    /**
     * membarrier(2). A fence in another thread is what Java does not have; a safepoint is one. Each running thread
     * passes it before the stacks of all threads are read.
     */
    int membarrier(int command) {
        if (!settings.membarrier()) {
            return -Errno.ENOSYS.number();
        }
        synchronized (this) {
            if (command == LinuxCalls.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) {
                fences = true;
                return 0;
            }
            if (command != LinuxCalls.MEMBARRIER_CMD_PRIVATE_EXPEDITED) {
                return -Errno.EINVAL.number();
            }
            if (!fences) {
                return -Errno.EPERM.number();
            }
        }
        return Thread.getAllStackTraces().isEmpty() ? -Errno.EINVAL.number() : 0;
    }

    /** Lets the faults that happen between calls happen. */
    void step() {
        Faults chosen = faults;
        if (chosen.strikes(Faults.Kind.OFFLINE)) {
            synchronized (this) {
                BitSet away = Cpus.copy(present);
                away.andNot(online);
                BitSet candidates = Cpus.and(online, cpuset);
                if (!away.isEmpty()) {
                    online(away.nextSetBit(0));
                } else if (candidates.cardinality() > 1) {
                    offline(Cpus.member(candidates, chosen.choose(Faults.Kind.OFFLINE, candidates.cardinality())));
                }
            }
        }
        if (chosen.strikes(Faults.Kind.SHRINK)) {
            synchronized (this) {
                BitSet candidates = Cpus.and(online, cpuset);
                if (candidates.cardinality() < present.cardinality() && !cpuset.equals(present)) {
                    cpuset(present);
                } else if (candidates.cardinality() > 1) {
                    BitSet fewer = Cpus.copy(cpuset);
                    fewer.clear(Cpus.member(candidates, chosen.choose(Faults.Kind.SHRINK, candidates.cardinality())));
                    cpuset(fewer);
                }
            }
        }
    }

    /** The calling thread, known to the machine from its first call on. */
    SimThread self() {
        Holder holder = current.get();
        SimThread thread = holder.thread;
        if (thread == null) {
            thread = register(holder.parent);
            holder.thread = thread;
        }
        return thread;
    }

    private synchronized SimThread register(@Nullable SimThread parent) {
        BitSet asked = Cpus.copy(parent == null ? first : parent.asked);
        BitSet allowed = Cpus.copy(parent == null ? Cpus.and(first, cpuset) : parent.allowed);
        SimThread thread = new SimThread(nextTid, nextTid - firstTid + 1, Thread.currentThread(), asked, allowed);
        nextTid++;
        if (parent != null) {
            thread.slack = parent.slack;
            if (!parent.resetOnFork) {
                thread.policy = parent.policy;
                thread.priority = parent.priority;
                thread.nice = parent.nice;
            } else {
                thread.nice = Math.max(0, parent.nice);
            }
        }
        settle(thread);
        threads.put(thread.tid, thread);
        return thread;
    }

    /** A thread by its number, 0 for the calling one; null if there is none that lives. */
    synchronized @Nullable SimThread thread(long tid) {
        if (tid == 0) {
            return self();
        }
        SimThread thread = tid == (int) tid ? threads.get((int) tid) : null;
        return thread != null && thread.isAlive() ? thread : null;
    }

    synchronized Collection<SimThread> allThreads() {
        prune();
        return List.copyOf(threads.values());
    }

    synchronized int configured() {
        return present.cardinality();
    }

    synchronized int onlineCount() {
        return online.cardinality();
    }

    synchronized int widest() {
        return present.length();
    }

    synchronized BitSet affinity(SimThread thread) {
        return Cpus.and(thread.allowed, online);
    }

    /** False if no CPU of the request may be used. */
    synchronized boolean setAffinity(SimThread thread, BitSet wanted) {
        BitSet mask = Cpus.and(wanted, cpuset);
        if (!mask.intersects(online)) {
            return false;
        }
        if (mask.cardinality() > 1 && faults.strikes(Faults.Kind.NARROW)) {
            mask.clear(mask.length() - 1);
            if (!mask.intersects(online)) {
                mask = Cpus.and(wanted, cpuset);
            }
        }
        thread.asked = wanted;
        thread.allowed = mask;
        settle(thread);
        return true;
    }

    /**
     * The mask of a thread, as an observer outside the process would read it.
     *
     * @param tid kernel thread id
     * @return a CPU list, empty if no such thread lives
     */
    public synchronized String maskOf(int tid) {
        SimThread thread = threads.get(tid);
        return thread == null || !thread.isAlive() ? "" : Cpus.format(Cpus.and(thread.allowed, online));
    }

    /**
     * How many threads of the process live: those that have made a call, and the one that started it.
     *
     * @return a count that may be stale on return
     */
    public int threadCount() {
        return allThreads().size();
    }
}
