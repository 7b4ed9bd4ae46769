// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import java.lang.ref.WeakReference;
import java.util.ArrayDeque;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.LinuxCalls;

/** What the simulated kernel knows of a thread. Fields are guarded by the machine unless said otherwise. */
final class SimThread {
    static final long DEFAULT_SLACK = 50_000;

    final int tid;

    /** Counts the threads of the machine. Unlike tid it begins anew with each machine of the process. */
    private final int number;

    private final @Nullable WeakReference<Thread> thread;

    /** The mask that was asked for last. It comes back when the cpuset allows it again (since Linux 6.2). */
    BitSet asked;

    /** Where it may run now, online or not. */
    BitSet allowed;

    /** The online CPUs of {@link #allowed}, ascending; never empty. Replaced as a whole. */
    volatile int[] runnable = {0};

    int policy = LinuxCalls.SCHED_OTHER;
    int priority;
    int nice;
    boolean resetOnFork;
    String name = "java";
    long slack = DEFAULT_SLACK;

    /** Blocked signals, and those waiting for this thread. Guarded by {@link Signals}. */
    long blocked;

    final ArrayDeque<Signals.Pending> pending = new ArrayDeque<>();

    /** The futex wait that the thread is in. Guarded by its bucket's lock; read without. */
    volatile Futexes.@Nullable Waiter waiter;

    /** How often the thread looked where it is; its own. */
    private long looks;

    /** The CPU of the last look. */
    private volatile int seen;

    SimThread(int tid, int number, @Nullable Thread thread, BitSet asked, BitSet allowed) {
        this.tid = tid;
        this.number = number;
        this.thread = thread == null ? null : new WeakReference<>(thread);
        this.asked = asked;
        this.allowed = allowed;
    }

    /** Gives a thread that can run nowhere the cpuset, and works out where it can run. */
    void settle(BitSet online, BitSet cpuset) {
        if (!allowed.intersects(online)) {
            allowed = Cpus.copy(cpuset);
        }
        runnable = Cpus.and(allowed, online).stream().toArray();
    }

    /** State letter of proc_pid_stat(5). */
    char state() {
        Thread java = thread == null ? null : thread.get();
        if (java == null) {
            return 'S';
        }
        return switch (java.getState()) {
            case NEW, RUNNABLE, BLOCKED -> 'R';
            case WAITING, TIMED_WAITING -> 'S';
            case TERMINATED -> 'Z';
        };
    }

    /** The CPU that it was last seen on. */
    int lastCpu() {
        int[] cpus = runnable;
        int last = seen;
        for (int cpu : cpus) {
            if (cpu == last) {
                return last;
            }
        }
        return cpus[0];
    }

    boolean isAlive() {
        if (thread == null) {
            return true;
        }
        Thread java = thread.get();
        return java != null && java.isAlive();
    }

    /** The CPU that the thread is on; another one at each look, if its mask has several. */
    int cpu() {
        int[] cpus = runnable;
        if (cpus.length == 1) {
            return cpus[0];
        }
        looks++;
        seen = cpus[(int) Math.floorMod(Faults.mix(((long) number << Integer.SIZE) + looks), (long) cpus.length)];
        return seen;
    }
}
