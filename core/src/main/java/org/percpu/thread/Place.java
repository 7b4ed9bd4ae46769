// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

import java.util.function.Supplier;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.cpu.CpuSet;
import org.percpu.events.Events;

/**
 * Where a thread is to run. A thread that is bound to CPUs has exactly those CPUs, or has lost its pin. A thread that
 * is not bound runs on those of its CPUs that are there at the moment; it has no pin to lose.
 */
final class Place {
    /** The logger of placements, by the name of the public class. */
    static final String LOGGER = "org.percpu.thread.CpuThread";

    private final String name;
    private final boolean bound;
    private final Supplier<CpuSet> cpus;

    // Guarded by this.
    private boolean lost;
    private boolean ended;
    private long pinsLost;

    private Place(String name, boolean bound, Supplier<CpuSet> cpus) {
        this.name = name;
        this.bound = bound;
        this.cpus = cpus;
    }

    static Place bound(String name, CpuSet cpus) {
        return new Place(name, true, () -> cpus);
    }

    static Place anyOf(String name, Supplier<CpuSet> cpus) {
        return new Place(name, false, cpus);
    }

    boolean isBound() {
        return bound;
    }

    CpuSet asked() {
        return cpus.get();
    }

    synchronized long pinsLost() {
        return pinsLost;
    }

    /** Moves the calling thread there. */
    void take() {
        if (bound) {
            Affinity.set(asked());
        } else {
            Affinity.setAnyOf(asked());
        }
    }

    /** The thread could not be pinned when it started, and goes on. It has no pin yet that it could lose. */
    synchronized void neverTaken() {
        lost = bound;
    }

    /**
     * The last act of the thread. After this its number may belong to another thread. The thread waits here until the
     * caller of {@link #check} has released this object's monitor, so the number is its own until then.
     */
    synchronized void end() {
        ended = true;
    }

    /** Whether {@link #end} was called; the answer holds while the caller holds the monitor of this object. */
    synchronized boolean hasEnded() {
        return ended;
    }

    /**
     * Reads the mask of a thread, and sets it again if it is not the mask asked for.
     *
     * @return true if the thread is not bound, has ended, or is pinned as asked
     */
    synchronized boolean check(int tid) {
        if (ended) {
            return true;
        }
        CpuSet wanted = asked();
        CpuSet found;
        boolean pinned;
        try {
            found = Affinity.get(tid);
            pinned = found.equals(wanted) || set(tid, wanted);
        } catch (LinuxException e) {
            return false;
        }
        if (!bound) {
            return true;
        }
        if (!found.equals(wanted) && !lost) {
            lost = true;
            pinsLost++;
            Events.pinLost(name, tid, wanted, found, pinned);
            log(
                    System.Logger.Level.WARNING,
                    "{0} (tid {1}) lost its pin to '{'{2}'}': the kernel had it on {3}",
                    tid,
                    wanted,
                    Affinity.text(found));
        }
        if (pinned && lost) {
            lost = false;
            Events.pinRestored(name, tid, wanted);
            log(System.Logger.Level.INFO, "{0} (tid {1}) is pinned to '{'{2}'}' again", tid, wanted, "");
        }
        return pinned;
    }

    private static boolean set(int tid, CpuSet wanted) {
        return Backend.linux().sched_setaffinity(tid, wanted.toMask()) >= 0
                && Affinity.get(tid).equals(wanted);
    }

    private void log(System.Logger.Level level, String line, int tid, CpuSet wanted, String found) {
        System.getLogger(LOGGER).log(level, line, name, String.valueOf(tid), wanted, found);
    }
}
