// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.clock;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.Cpu;
import org.percpu.dispatch.Support;
import org.percpu.kernel.ClockState;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelQueue;
import org.percpu.kernel.WorkerCounters;
import org.percpu.kernel.WorkerState;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.Listing;
import org.percpu.lwp.Lwp;
import org.percpu.lwp.QueueEnd;
import org.percpu.lwp.Reports;

/** The clocks of a kernel, one for each CPU. They are made together when the kernel gets its first timer. */
public final class Clocks implements KernelQueue {
    static final String NAME = "clock";

    final Kernel kernel;
    final KernelCore core;
    private final Listing listing;

    /** At the positions of the kernel's table. A longer array replaces this one when a CPU has come. */
    private volatile Clock[] clocks = {};

    // Guarded by this.
    private boolean closed;
    private final List<Timer> dropped = new ArrayList<>();

    private Clocks(Kernel kernel) {
        this.kernel = kernel;
        this.core = KernelCore.of(kernel);
        this.listing = new Listing(NAME, this, this::end, this::followCpus);
        // What the threads need fails here, where the caller is told.
        Support support = Support.get();
        assert support.linux != null;
        boolean done = false;
        try {
            followCpus();
            if (!core.add(listing)) {
                throw core.closed("a timer");
            }
            core.clocksBy(this::states);
            done = true;
        } finally {
            if (!done) {
                QueueEnd end = end();
                end.close();
                end.finish(Deadline.after(Duration.ZERO));
            }
        }
    }

    /**
     * The clocks of a kernel. The first call makes their threads, so it needs a caller that may sleep.
     *
     * @param kernel any kernel
     * @return always the same object for a kernel
     * @throws ErrnoException ESHUTDOWN if the kernel is closed, EAGAIN if there are no more threads, EPERM if the
     *     clocks are not there yet and the caller must not sleep
     * @throws org.percpu.bindings.spi.LinuxException if a thread cannot be pinned or scheduled as the kernel's policies
     *     require
     */
    public static Clocks of(Kernel kernel) {
        KernelCore core = KernelCore.of(kernel);
        Clocks made = core.sharedIfMade(Clocks.class, Clocks.class);
        if (made != null) {
            return made;
        }
        core.requireOpen("a timer");
        try {
            core.requireSleepable("the first timer of kernel " + kernel.name());
        } catch (ErrnoException e) {
            throw new ErrnoException(
                    Errno.EPERM,
                    e.getMessage()
                            + "; it makes a thread for each CPU. Make one timer of the kernel on a thread that may"
                            + " sleep, before");
        }
        return core.shared(Clocks.class, () -> new Clocks(kernel));
    }

    private synchronized void followCpus() {
        List<Cpu> cpus = kernel.cpus();
        for (int i = clocks.length; i < cpus.size() && !closed; i++) {
            Clock[] longer = Arrays.copyOf(clocks, i + 1);
            Clock clock = new Clock(this, kernel, cpus.get(i));
            longer[i] = clock;
            clock.start();
            // No call may come in between: an error in it would leave a thread that no table knows.
            clocks = longer;
        }
    }

    /**
     * The clock of the CPU on which the caller runs.
     *
     * @return that of the first CPU, if the caller's has none
     */
    public Clock current() {
        Clock[] all = clocks;
        int index = kernel.curcpuTableIndex();
        return all[index < all.length ? index : 0];
    }

    /**
     * The clock of a CPU.
     *
     * @param cpu any CPU
     * @return null if the kernel does not have the CPU
     */
    public @Nullable Clock of(Cpu cpu) {
        Clock[] all = clocks;
        int index = kernel.tableIndex(cpu);
        return index < 0 || index >= all.length ? null : all[index];
    }

    /**
     * The kernel.
     *
     * @return whose clocks these are
     */
    public Kernel kernel() {
        return kernel;
    }

    Clock[] all() {
        return clocks;
    }

    synchronized void close() {
        closed = true;
        for (Clock clock : clocks) {
            clock.close();
        }
    }

    synchronized void addDropped(Timer timer) {
        dropped.add(timer);
    }

    synchronized List<Timer> takeDropped() {
        List<Timer> all = new ArrayList<>(dropped);
        dropped.clear();
        return all;
    }

    void unlist() {
        core.remove(listing);
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public List<WorkerState> workers() {
        List<WorkerState> states = new ArrayList<>();
        for (Clock clock : clocks) {
            Lwp lwp = clock.lwp;
            if (lwp != null) {
                states.add(worker(clock, lwp));
            }
        }
        return states;
    }

    /** The clocks count in their own {@link ClockState}. */
    @Override
    public List<WorkerCounters> counters() {
        return List.of();
    }

    private static WorkerState worker(Clock clock, Lwp lwp) {
        ClockState state = clock.state(lwp);
        Timer timer = clock.runningNow();
        String waitsFor = lwp.waitsFor();
        return new WorkerState(
                clock.toString(),
                state.thread(),
                state.pending(),
                state.fired(),
                clock.faults(),
                0,
                timer == null ? null : Reports.nameOf(timer),
                0,
                timer == null && waitsFor == null ? '"' + NAME + '"' : waitsFor);
    }

    private List<ClockState> states() {
        List<ClockState> states = new ArrayList<>();
        for (Clock clock : clocks) {
            Lwp lwp = clock.lwp;
            if (lwp != null) {
                states.add(clock.state(lwp));
            }
        }
        return states;
    }

    /** The clocks belong to the system; only a shutdown of the kernel ends them. */
    @Override
    public List<Object> drainAndDestroy(Duration atMost) {
        throw new ErrnoException(
                Errno.EINVAL, "the clocks of kernel " + kernel.name() + " end with it: call Kernel.shutdown");
    }

    private QueueEnd end() {
        return new ClocksEnd(this);
    }
}
