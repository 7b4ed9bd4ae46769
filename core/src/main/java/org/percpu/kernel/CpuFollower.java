// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.lwp.Listing;
import org.percpu.thread.Affinity;

/**
 * Takes in CPUs that come after the kernel was made. New CPUs go to the end of the table, so existing positions and
 * numbers do not change.
 *
 * <p>The order of the two steps matters: first the CPU enters the table, then the queues are asked. A queue that is
 * made meanwhile is either asked, or it is listed later and {@link #listed} asks it.
 */
final class CpuFollower {
    private final Kernel kernel;
    private final @Nullable CpuSet among;
    private final boolean isolatedToo;

    /**
     * CPUs that stay out unless they are named: CPUs that were there when the kernel was made and were not taken by
     * default, and isolated CPUs. Linux adds both to the mask of the process when its cpuset is rewritten.
     */
    private CpuSet leftOut = CpuSet.empty();

    private final List<CpuListener> listeners;
    private int nextIndex;
    private boolean behind;

    /** @param among the CPUs that may be taken in, or null for those that the process may use by default */
    CpuFollower(Kernel kernel, @Nullable CpuSet among, List<CpuListener> listeners) {
        this.kernel = kernel;
        this.among = among;
        this.listeners = List.copyOf(listeners);
        CpuTopology topology = kernel.topology();
        // A process that runs on isolated CPUs, such as a container in its own partition, is given further isolated
        // CPUs.
        this.isolatedToo =
                among != null || !topology.allowed().and(topology.isolated()).isEmpty();
        if (among == null) {
            leftOut = topology.usable().minus(topology.allowed());
        }
        this.nextIndex =
                1 + kernel.topology().cpus().stream().mapToInt(Cpu::index).max().orElse(-1);
    }

    /** Called by the kernel's watch, on its thread. */
    void look() {
        // Listeners are called without the monitor: a listener may wait for another thread that needs the monitor.
        for (Cpu cpu : follow()) {
            for (CpuListener listener : listeners) {
                try {
                    listener.cpuAdded(kernel, cpu);
                } catch (Throwable t) {
                    kernel.core().reports().fault("CPU listeners of kernel " + kernel.name(), listener, t);
                }
            }
        }
    }

    private synchronized List<Cpu> follow() {
        List<Cpu> added = takeIn();
        if (!added.isEmpty() || behind) {
            boolean again = behind;
            behind = false;
            for (Listing queue : kernel.core().registry().queues()) {
                ask(queue, again);
            }
        }
        return added;
    }

    /** A queue has been listed. Its table may be out of date. */
    synchronized void listed(Listing queue) {
        ask(queue, false);
    }

    private void ask(Listing queue, boolean again) {
        try {
            queue.followCpus();
        } catch (RuntimeException | OutOfMemoryError e) {
            if (!again && !kernel.isClosed()) {
                kernel.console("kernel " + kernel.name() + ": " + queue.name()
                        + " has no worker yet on a CPU that has come, and tries again: " + e.getMessage());
            }
            behind = true;
        }
    }

    private List<Cpu> takeIn() {
        CpuSet known = kernel.table().ids;
        CpuSet come = among == null ? ofProcess().minus(known).minus(leftOut) : usable(among.minus(known));
        List<Cpu> added = new ArrayList<>();
        if (!come.isEmpty()) {
            CpuTopology topology = CpuTopology.refresh();
            if (!isolatedToo) {
                leftOut = leftOut.or(topology.isolated());
            }
            for (int id : come.and(topology.usable()).minus(leftOut)) {
                added.add(topology.cpu(id).withIndex(nextIndex++));
            }
            kernel.takeIn(topology, added);
        }
        return added;
    }

    private static CpuSet ofProcess() {
        return Affinity.get(Backend.linux().getpid());
    }

    /**
     * Whether the CPU can be used is tried, not guessed. The watch's thread tries it: that thread is bound to no CPU,
     * and its mask is put back at its next look.
     */
    private CpuSet usable(CpuSet wanted) {
        if (wanted.isEmpty()) {
            return wanted;
        }
        LinuxCalls linux = Backend.linux();
        CpuSet before = Affinity.get(0);
        if (linux.sched_setaffinity(0, wanted.toMask()) < 0) {
            return CpuSet.empty();
        }
        try {
            return Affinity.get(0).and(wanted);
        } catch (LinuxException e) {
            return CpuSet.empty();
        } finally {
            int result = linux.sched_setaffinity(0, before.toMask());
            assert result <= 0;
        }
    }
}
