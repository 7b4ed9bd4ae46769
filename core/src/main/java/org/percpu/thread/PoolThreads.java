// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.cpu.CpuSet;

/**
 * The threads that the JDK makes for the whole process: carriers of virtual threads, workers of the common pool, and
 * their helpers. Any thread that has a task for a pool makes such a thread when the pool has too few; idle ones end. A
 * pool thread that a pinned thread makes inherits the CPUs and the nice value of its maker, and unrelated code then
 * runs there.
 *
 * <p>The watch of each kernel calls {@link #free()}. Until then, which is one second at most unless the watch was set
 * otherwise, such a thread runs where its maker is pinned. Threads of other executors keep what they have inherited,
 * and so do threads that a pinned thread starts itself.
 */
public final class PoolThreads {
    /** Names, as Linux has them: cut to 15 bytes. The carriers are in a pool with a number. */
    private static final Set<String> NAMES = Set.of(
            "ForkJoinPool.co",
            "CompletableFutu",
            "VirtualThread-u",
            "Read-Poller",
            "Write-Poller",
            "Master-Poller",
            "process reaper");

    private static final String POOL = "ForkJoinPool-";
    private static final String CARRIERS = "CarrierThreads";

    /** A thread has the name of its maker for a moment, so the first look may be too early. */
    private static final int LOOKS = 2;

    /** Masks and nice values that this library has given to threads. Those threads may have passed them on. */
    private static final Set<CpuSet> PINS = ConcurrentHashMap.newKeySet();

    private static final Set<Integer> NICES = ConcurrentHashMap.newKeySet();

    // Guarded by the class.
    private static Map<Integer, Integer> looks = new HashMap<>();
    private static @Nullable String carriers;
    private static boolean told;

    private PoolThreads() {}

    static void pinned(CpuSet cpus) {
        if (!PINS.contains(cpus)) {
            PINS.add(cpus);
        }
    }

    static void niced(int nice) {
        NICES.add(nice);
    }

    /**
     * Finds the JDK's own pool threads that have inherited CPUs or a nice value from a thread of this library, and
     * gives them what the initial thread of the process has. Each thread is looked at when it is new. A mask or nice
     * value that it is given later stays. The log has a line for the first thread found.
     *
     * @return how many threads were freed
     */
    public static synchronized int free() {
        if (PINS.isEmpty() && NICES.isEmpty()) {
            return 0;
        }
        LinuxCalls linux = Backend.linux();
        CpuSet cpus = Affinity.ofProcess();
        int nice = niceOf(linux, linux.getpid());
        Map<Integer, Integer> now = new HashMap<>();
        int freed = 0;
        for (int tid : tids(linux)) {
            int before = looks.getOrDefault(tid, 0);
            boolean free = before < LOOKS && free(linux, tid, cpus, nice);
            freed += free ? 1 : 0;
            now.put(tid, free ? LOOKS : Math.min(before + 1, LOOKS));
        }
        looks = now;
        return freed;
    }

    private static int[] tids(LinuxCalls linux) {
        try {
            return linux.tasks().all();
        } catch (IOException | RuntimeException e) {
            return new int[0];
        }
    }

    private static boolean free(LinuxCalls linux, int tid, CpuSet cpus, int nice) {
        try {
            CpuSet has = Affinity.get(tid);
            int niceHas = niceOf(linux, tid);
            boolean placed = !has.equals(cpus) && PINS.contains(has);
            boolean niced = niceHas != nice && NICES.contains(niceHas);
            if (!(placed || niced)) {
                return false;
            }
            String name = linux.tasks().read(tid, "comm").stripTrailing();
            if (!isOfThePools(name)) {
                return false;
            }
            // Linux reuses a number only after all others, so the number still belongs to this thread.
            boolean done = true;
            if (placed) {
                done = linux.sched_setaffinity(tid, cpus.toMask()) >= 0;
            }
            if (niced) {
                done &= linux.setpriority(LinuxCalls.PRIO_PROCESS, tid, nice) >= 0;
            }
            tell(name, tid, has, niceHas, cpus, nice, done);
            return done;
        } catch (LinuxException | IOException e) {
            // It has ended.
            return false;
        }
    }

    private static int niceOf(LinuxCalls linux, int tid) {
        return 20 - linux.getpriority(LinuxCalls.PRIO_PROCESS, tid);
    }

    private static boolean isOfThePools(String name) {
        return NAMES.contains(name) || (name.startsWith(POOL) && name.equals(carriers()));
    }

    /** What Linux calls each carrier: the pool's number is that of its turn among all pools. */
    private static @Nullable String carriers() {
        if (carriers == null) {
            ThreadGroup root = Thread.currentThread().getThreadGroup();
            for (ThreadGroup parent = root.getParent(); parent != null; parent = root.getParent()) {
                root = parent;
            }
            Thread[] threads = new Thread[root.activeCount() * 2 + 10];
            int count = root.enumerate(threads, true);
            for (int i = 0; i < count; i++) {
                ThreadGroup group = threads[i].getThreadGroup();
                if (group != null
                        && group.getName().equals(CARRIERS)
                        && threads[i].getName().startsWith(POOL)) {
                    carriers = Comm.of(threads[i].getName());
                }
            }
        }
        return carriers;
    }

    private static void tell(String name, int tid, CpuSet has, int niceHas, CpuSet cpus, int nice, boolean done) {
        if (told) {
            return;
        }
        told = true;
        System.getLogger(PoolThreads.class.getName())
                .log(
                        System.Logger.Level.INFO,
                        "{0} (tid {1}), a thread of the JDK''s own pools, was made by a pinned thread and had inherited CPUs"
                                + " '{'{2}'}' and nice {3}; {4} '{'{5}'}' and nice {6} of the process, and so {7}",
                        name,
                        String.valueOf(tid),
                        has,
                        niceHas,
                        done ? "it has got the CPUs" : "Linux refused it the CPUs",
                        cpus,
                        nice,
                        done ? "will others, without a line" : "it may refuse others");
    }
}
