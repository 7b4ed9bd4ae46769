// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.netbsd;

import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.Cpu;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelQueue;
import org.percpu.kernel.WorkerCounters;
import org.percpu.kernel.WorkerState;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.Listing;
import org.percpu.lwp.Lwp;
import org.percpu.queue.Append;
import org.percpu.queue.Args;
import org.percpu.queue.Call;
import org.percpu.queue.Ending;
import org.percpu.queue.Item;
import org.percpu.queue.SerialQueue;
import org.percpu.queue.SerialQueues;
import org.percpu.thread.Pri;
import org.percpu.thread.Sched;

/**
 * softint(9): handlers that run soon on the same CPU, in a thread of their own. Hardware interrupts and any other code
 * may schedule them.
 *
 * <pre>{@code
 * Softint rx = Softint.establish(kernel, Softint.SOFTINT_NET | Softint.SOFTINT_MPSAFE, ring -> ring.drain(), ring);
 * rx.schedule();       // in an interrupt handler, or anywhere: runs once, on this CPU
 * rx.disestablish();
 * }</pre>
 *
 * <p>There is a thread for each of the four levels on each CPU of the kernel ("softnet/0"), made when the first handler
 * of the level is established, at PRI_SOFTCLOCK to PRI_SOFTSERIAL. Handlers of a level run on a CPU one after the other
 * in the order in which they were scheduled. A handler is not re-entered on a CPU; on two CPUs it may run at the same
 * time. A handler that is scheduled while it runs, runs again. Handlers may block on a lock for a moment; calls that
 * sleep are refused.
 *
 * <p><b>Threading.</b> {@link #schedule} and {@link #scheduleCpu} may be called from any thread at any level; they
 * never block and allocate nothing. {@link #establish} and {@link #disestablish} need a caller that may sleep.
 *
 * <h2>Deviations</h2>
 *
 * <ul>
 *   <li>The table is not fixed: {@code establish} does not return null, it fails when there are no more threads.
 *   <li>{@code schedule} may be called while preemptible: the handler is scheduled on the CPU on which the call runs.
 *   <li>Handlers run in threads at {@link org.percpu.ipl.Ipl#NONE}: a thread that is at SOFTNET, or at any other level,
 *       does not hold them back. What a handler and other code share needs a mutex.
 *       {@link org.percpu.intr.InterruptLine}s at soft levels are held back.
 *   <li>{@code disestablish} of oneself is EDEADLK; in C it is undefined.
 * </ul>
 *
 * @see <a href="https://man.netbsd.org/softint.9">softint(9)</a>
 */
public final class Softint {
    /**
     * Level of block devices. The numbers are those of {@code sys/intr.h}, which are not in the order of the levels.
     */
    public static final int SOFTINT_BIO = 0x00;
    /** Level of the clock, the lowest. */
    public static final int SOFTINT_CLOCK = 0x01;
    /** Level of serial lines, the highest. */
    public static final int SOFTINT_SERIAL = 0x02;
    /** Level of the network. */
    public static final int SOFTINT_NET = 0x03;
    /** The handler does its own locking and runs without the kernel lock. */
    public static final int SOFTINT_MPSAFE = 0x100;
    /** The handler may be scheduled on other CPUs, by {@link #scheduleCpu}. */
    public static final int SOFTINT_RCPU = 0x200;

    private static final int LEVEL_MASK = 0x0ff;
    private static final int ALL_FLAGS = 0x003 | SOFTINT_MPSAFE | SOFTINT_RCPU;
    private static final String[] NAMES = {"softbio", "softclock", "softserial", "softnet"};
    private static final int[] PRIORITIES = {Pri.PRI_SOFTBIO, Pri.PRI_SOFTCLOCK, Pri.PRI_SOFTSERIAL, Pri.PRI_SOFTNET};

    /**
     * The function of a soft interrupt.
     *
     * @param <A> the type of its argument
     */
    @FunctionalInterface
    public interface Function<A extends @Nullable Object> {
        /**
         * Runs on the CPU on which it was scheduled. Must not sleep.
         *
         * @param arg as given to establish
         * @throws Exception reported to the kernel's fault handler
         */
        void run(A arg) throws Exception;
    }

    /** The pending mark of a handler on one CPU. */
    private static final class Pending extends Item {
        private final Softint softint;

        Pending(Softint softint) {
            this.softint = softint;
        }

        @Override
        public String toString() {
            return softint.toString();
        }
    }

    private static final class SoftintCall extends Call {
        private final Kernel kernel;

        SoftintCall(Kernel kernel) {
            this.kernel = kernel;
        }

        @Override
        public void load(Item item) {
            // The handler never changes, so there is nothing to copy.
        }

        @Override
        public void invoke(Item item) throws Exception {
            // A caller that found the handler pending did not schedule it again. This run must see what that caller
            // wrote before.
            VarHandle.fullFence();
            Softint softint = ((Pending) item).softint;
            if (softint.mpsafe) {
                softint.body.run();
                return;
            }
            kernel.lock().lock();
            try {
                softint.body.run();
            } finally {
                kernel.lock().unlock();
            }
        }
    }

    /** Finds the level of a kernel. */
    private record Key(int level) {}

    /** A function bound to its argument. */
    @FunctionalInterface
    private interface Body {
        void run() throws Exception;
    }

    /** The threads of one level. */
    private static final class Level implements KernelQueue {
        private final Kernel kernel;
        private final KernelCore core;
        private final Listing listing;
        private final String name;
        private final Sched sched;
        private final Set<Softint> softints = new HashSet<>(); // guarded by this
        private boolean closed; // guarded by this
        /** At the positions of the kernel's table. A longer array replaces this one when a CPU has come. */
        private volatile SerialQueue[] queues = new SerialQueue[0];

        Level(Kernel kernel, int level) {
            this.kernel = kernel;
            this.core = KernelCore.of(kernel);
            this.name = NAMES[level];
            this.listing = new Listing(name, this, this::end, this::followCpus);
            this.sched = Pri.fixed(PRIORITIES[level]);
            boolean done = false;
            try {
                followCpus();
                if (!core.add(listing)) {
                    throw core.closed("a soft interrupt");
                }
                done = true;
            } finally {
                if (!done) {
                    Ending.ofUnlisted(kernel, queues).run();
                }
            }
        }

        /** The marks are published first: a thread that finds a queue also finds the marks of its CPU. */
        private synchronized void followCpus() {
            List<Cpu> cpus = kernel.cpus();
            for (int i = queues.length; i < cpus.size() && !closed; i++) {
                Cpu cpu = cpus.get(i);
                SerialQueue[] longer = Arrays.copyOf(queues, i + 1);
                longer[i] = new SerialQueue(kernel, name + "/" + cpu.index(), new SoftintCall(kernel), true);
                for (Softint softint : softints) {
                    softint.mark(longer.length);
                }
                longer[i].start(
                        kernel.thread(longer[i].name(), cpu, sched),
                        EnumSet.of(Lwp.Flag.WORKER, Lwp.Flag.MPSAFE, Lwp.Flag.INTR));
                // No call may come in between: an error in it would leave a thread that no table knows.
                queues = longer;
            }
        }

        synchronized void add(Softint softint) {
            softint.mark(queues.length);
            softints.add(softint);
        }

        synchronized void remove(Softint softint) {
            softints.remove(softint);
        }

        private synchronized boolean close() {
            closed = true;
            return true;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public List<WorkerCounters> counters() {
            return SerialQueues.counters(queues);
        }

        @Override
        public List<WorkerState> workers() {
            return SerialQueues.states(queues);
        }

        /** For the kernel's shutdown only: no other code can reach a level. */
        @Override
        public List<Object> drainAndDestroy(Duration atMost) {
            return end().run(atMost);
        }

        private Ending end() {
            return new Ending(kernel, () -> queues, this::close, () -> core.remove(listing)) {
                @Override
                protected Object face(Item item) {
                    return ((Pending) item).softint;
                }
            };
        }
    }

    private final Kernel kernel;
    private final Level level;
    private final boolean mpsafe;
    private final boolean remote;
    private final Body body;
    /** At the positions of the kernel's table, never shorter than the level's queues. */
    private volatile Pending[] pending = new Pending[0];

    private volatile boolean disestablished;

    /**
     * The handler is disestablished, and the caller has not waited to the end, because time, memory or stack ran out.
     */
    private boolean timedOut; // guarded by this

    private Softint(Kernel kernel, Level level, int flags, Body body) {
        this.kernel = kernel;
        this.level = level;
        this.mpsafe = (flags & SOFTINT_MPSAFE) != 0;
        this.remote = (flags & SOFTINT_RCPU) != 0;
        this.body = body;
    }

    private void mark(int cpus) {
        Pending[] longer = Arrays.copyOf(pending, cpus);
        for (int i = pending.length; i < cpus; i++) {
            longer[i] = new Pending(this);
        }
        pending = longer;
    }

    /**
     * softint_establish.
     *
     * @param kernel on whose CPUs it runs
     * @param flags one of the four levels, with {@link #SOFTINT_MPSAFE} and {@link #SOFTINT_RCPU} if wanted
     * @param fun what it runs
     * @param arg given to the function, may be null
     * @param <A> the type of the argument
     * @return the soft interrupt, not scheduled
     * @throws ErrnoException EINVAL (unknown flags, null function), EAGAIN (no more threads), EPERM (the caller must
     *     not sleep), ESHUTDOWN (the kernel is closed)
     * @throws org.percpu.bindings.spi.LinuxException if a thread cannot be pinned or scheduled as the kernel's policies
     *     require
     */
    public static <A extends @Nullable Object> Softint establish(
            Kernel kernel, int flags, Function<? super A> fun, A arg) {
        Argument.requireNonNull(kernel, "softint_establish", "kernel");
        Args.flags(flags, ALL_FLAGS, "softint_establish");
        Argument.requireNonNull(fun, "softint_establish", "fun");
        KernelCore core = KernelCore.of(kernel);
        core.requireSleepable("softint");
        core.requireOpen("a soft interrupt");
        Level level = core.shared(new Key(flags & LEVEL_MASK), () -> new Level(kernel, flags & LEVEL_MASK));
        Softint softint = new Softint(kernel, level, flags, () -> fun.run(arg));
        level.add(softint);
        return softint;
    }

    /**
     * softint_schedule: marks the handler pending on the CPU the caller is on; pending already, nothing happens.
     *
     * @throws ErrnoException EINVAL if it is disestablished, ESHUTDOWN if the kernel is closed
     */
    public void schedule() {
        int index = kernel.curcpuTableIndex();
        // A CPU that has come just now has no thread yet.
        scheduleAt(index < level.queues.length ? index : 0);
    }

    /**
     * softint_schedule_cpu: schedules it on another CPU.
     *
     * @param ci a CPU of the kernel
     * @throws ErrnoException EINVAL if it was established without {@link #SOFTINT_RCPU}, is disestablished, or the CPU
     *     is unknown; ESHUTDOWN if the kernel is closed
     */
    public void scheduleCpu(Cpu ci) {
        Argument.requireNonNull(ci, "softint_schedule_cpu", "ci");
        if (!remote) {
            throw new ErrnoException(
                    Errno.EINVAL, "softint_schedule_cpu of " + this + ": establish it with SOFTINT_RCPU");
        }
        int index = kernel.tableIndex(ci);
        if (index < 0 || index >= level.queues.length) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    "softint_schedule_cpu of " + this + " names " + ci + ": the kernel has " + kernel.cpus());
        }
        scheduleAt(index);
    }

    private void scheduleAt(int index) {
        if (disestablished) {
            throw new ErrnoException(Errno.EINVAL, "softint_schedule of " + this + ", which is disestablished");
        }
        if (level.queues[index].append(pending[index]) == Append.CLOSED) {
            throw new ErrnoException(Errno.ESHUTDOWN, "softint_schedule of " + this + ": its kernel is closed");
        }
    }

    /**
     * softint_disestablish: refuses to be scheduled, and waits until the handler has run on each CPU where it was
     * pending and has ended on all CPUs. The caller makes sure that no thread is scheduling it at the moment.
     *
     * @throws ErrnoException EDEADLK in a soft interrupt of the same level, EINVAL if it is disestablished already, or
     *     the kernel is cold and it is pending (U23), EPERM if the caller must not sleep
     */
    public void disestablish() {
        boolean done = disestablish(KernelQueue.FOREVER);
        assert done;
    }

    /**
     * {@link #disestablish()} within a time. An addition to the page.
     *
     * @param atMost how long to wait for the handler; zero only looks
     * @return false if the time ran out first. It is then disestablished, but its handler may still run; the next call
     *     waits for that again
     * @throws ErrnoException as {@link #disestablish()}, and EINVAL for a time that is null or negative
     */
    public boolean disestablish(Duration atMost) {
        Deadline deadline = Deadline.after(Argument.requireTime(atMost, "softint_disestablish of " + this, "atMost"));
        if (SerialQueues.isWorkerOf(level.queues)) {
            throw new ErrnoException(
                    Errno.EDEADLK,
                    "softint_disestablish of " + this + " in a handler of its level: call it from a thread");
        }
        level.core.requireSleepable(level.name);
        synchronized (this) {
            if (Arrays.stream(pending).anyMatch(SerialQueue::isPending)) {
                Args.warm(kernel, "softint_disestablish of " + this + ", which is pending");
            }
            if (disestablished && !timedOut) {
                throw new ErrnoException(
                        Errno.EINVAL, "softint_disestablish of " + this + ", which is disestablished already");
            }
            disestablished = true;
            timedOut = false;
        }
        boolean done = false;
        try {
            level.remove(this);
            done = awaitHandlers(deadline);
            return done;
        } finally {
            if (!done) {
                synchronized (this) {
                    timedOut = true;
                }
            }
        }
    }

    private boolean awaitHandlers(Deadline deadline) {
        SerialQueue[] queues = level.queues;
        for (int i = 0; i < queues.length; i++) {
            SerialQueue queue = queues[i];
            Pending mark = pending[i];
            boolean done = queue.await(
                    () -> queue.ended() || (!SerialQueue.isPending(mark) && !queue.isRunning(mark)), deadline.left());
            if (!done) {
                return false;
            }
        }
        return true;
    }

    /** Its level. */
    @Override
    public String toString() {
        return "soft interrupt of " + level.name;
    }
}
