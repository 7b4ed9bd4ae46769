// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.linux.AffinityMask;
import org.percpu.linux.VirtualThreads;

/**
 * The CPUs a thread may run on: sched_setaffinity(2) and sched_getaffinity(2).
 *
 * <p>The kernel drops CPUs that the cpuset forbids and reports success, and a sandbox may report success and do
 * nothing. So {@link #set} reads the mask back and fails if the mask is not the one asked for. The kernel cannot drop
 * a part of a mask of one CPU. So once a thread has read back a mask of one CPU, later requests of that thread for
 * one CPU are checked by sched_getcpu(3) alone, which makes no system call on most systems.
 */
public final class Affinity {
    private static int kernelWords = 1; // as far as is known; a thread that reads an old value tries once more

    /** What a thread has set here and found to be true. */
    private static final class Found {
        @Nullable
        CpuSet last;

        /**
         * The thread has read back a mask of one CPU. If the system only pretends to set masks, the thread still has
         * that mask, unless another program has widened it. The CPU that the thread runs on then shows it.
         */
        boolean one;
    }

    private static final ThreadLocal<Found> FOUND = ThreadLocal.withInitial(Found::new);

    private Affinity() {}

    /**
     * The affinity of the calling thread as the kernel reports it.
     *
     * @return the CPUs, never empty
     * @throws UnsupportedOperationException on a virtual thread
     */
    public static CpuSet get() {
        VirtualThreads.refuse("reading the affinity");
        return get(0);
    }

    /**
     * The affinity of any thread as the kernel reports it.
     *
     * @param tid kernel thread id, of this process or another; 0 is the calling platform thread
     * @return the CPUs that are online; none if the thread's CPUs went offline and it has not run since
     * @throws LinuxException if there is no such thread (ESRCH)
     */
    public static CpuSet get(int tid) {
        long[] mask = AffinityMask.read(tid, kernelWords, "is the thread still alive?");
        kernelWords = mask.length;
        return CpuSet.fromMask(mask);
    }

    /**
     * Moves the calling thread to the given CPUs and makes sure that it worked.
     *
     * @param cpus one or more CPUs, by the kernel's numbers
     * @throws LinuxException if the kernel refuses (EINVAL: none of the CPUs is allowed) or gives other CPUs than
     *     asked; the thread then has the affinity that it last got here, or had at the first call, unless the CPU it
     *     asked for went offline at that moment
     * @throws IllegalArgumentException if the set is empty
     * @throws UnsupportedOperationException on a virtual thread
     */
    public static void set(CpuSet cpus) {
        Argument.requireNonNull(cpus, "Affinity.set", "cpus");
        VirtualThreads.refuse("setting the affinity");
        if (cpus.isEmpty()) {
            throw new IllegalArgumentException("an empty CPU set: name at least one CPU");
        }
        VirtualThreads.warmSchedulers();
        Found found = FOUND.get();
        boolean one = cpus.size() == 1;
        if (found.last == null && !one) {
            found.last = get(0);
        }
        int result = Backend.linux().sched_setaffinity(0, cpus.toMask());
        if (result < 0) {
            // A sandbox may forbid the call; a thread that has the mask already needs none.
            if (!get(0).equals(cpus)) {
                throw failed(call(cpus), result, remedy(-result, cpus));
            }
        }
        // The kernel moves the thread before it returns. Had the cpuset changed under the call, the thread would have a
        // mask without this CPU and not be on it.
        if (!(one && found.one && currentCpu() == cpus.first())) {
            checkMask(cpus, found.last);
        }
        found.one |= one;
        found.last = cpus;
        PoolThreads.pinned(cpus);
    }

    /**
     * Moves the calling thread to those of the given CPUs that are there now: online and in the cpuset. A thread that
     * has all of them already is left alone, also by a sandbox that forbids the call.
     *
     * @throws LinuxException EINVAL if none is there
     */
    static void setAnyOf(CpuSet cpus) {
        CpuSet before = get(0);
        if (before.equals(cpus)) {
            return;
        }
        VirtualThreads.warmSchedulers();
        int result = Backend.linux().sched_setaffinity(0, cpus.toMask());
        CpuSet now = get(0);
        if (result < 0 && !now.equals(cpus.and(ofProcess()))) {
            throw failed(call(cpus), result, remedy(-result, cpus));
        }
        if (!cpus.containsAll(now)) {
            throw new LinuxException(
                    call(cpus),
                    Errno.EINVAL.number(),
                    "it reported success, but the thread has " + text(now),
                    remedy(Errno.EINVAL.number(), cpus));
        }
    }

    /** The mask of threads of this process that were never pinned: the current mask of the initial thread. */
    static CpuSet ofProcess() {
        return get(Backend.linux().getpid());
    }

    /**
     * Reads the mask back. If the mask is another one, the thread goes back to the mask that it set here before.
     * Reading the old mask before each change would cost a third system call.
     */
    private static void checkMask(CpuSet cpus, @Nullable CpuSet before) {
        CpuSet now = get(0);
        if (now.equals(cpus)) {
            return;
        }
        if (before != null) {
            Backend.linux().sched_setaffinity(0, before.toMask());
        }
        throw new LinuxException(
                call(cpus),
                Errno.EINVAL.number(),
                "it reported success, but the thread has " + text(now),
                remedy(Errno.EINVAL.number(), cpus));
    }

    /** A mask as messages show it. Linux shows of a mask what is online. */
    static String text(CpuSet mask) {
        return mask.isEmpty() ? "no CPU that is online" : "{" + mask + "}";
    }

    private static String call(CpuSet cpus) {
        return "sched_setaffinity(0, {" + cpus + "})";
    }

    /**
     * The CPU the calling thread is on at this moment.
     *
     * @return the kernel's CPU number; it may be stale on return, unless the thread is pinned
     */
    public static int currentCpu() {
        int cpu = Backend.linux().sched_getcpu();
        if (cpu < 0) {
            throw failed("sched_getcpu()", cpu, null);
        }
        return cpu;
    }

    static LinuxException failed(String call, int result, @Nullable String remedy) {
        return new LinuxException(call, -result, Backend.linux().strerror(-result), remedy);
    }

    private static String remedy(int errno, CpuSet cpus) {
        if (errno == Errno.EPERM.number() || errno == Errno.ENOSYS.number()) {
            return "a seccomp filter or another sandbox forbids it: let it pass sched_setaffinity(2)"
                    + " (systemd has it in SystemCallFilter=@resources)";
        }
        CpuTopology topology = CpuTopology.refresh();
        CpuSet absent = cpus.minus(topology.present());
        if (!absent.isEmpty()) {
            return "CPU " + absent + " is not present, and no cpuset can give it: the machine has " + topology.present()
                    + ", and this thread may use " + text(get(0));
        }
        CpuSet offline = topology.offline().and(cpus);
        if (!offline.isEmpty()) {
            return "CPU " + offline + " is offline: bring it online (echo 1 > /sys/devices/system/cpu/cpu"
                    + offline.first() + "/online) or leave it out; with PinPolicy.BEST_EFFORT the thread runs elsewhere"
                    + " until it is back";
        }
        CpuSet now = get(0);
        if (now.containsAll(cpus)) {
            return "the thread may use all of {" + cpus
                    + "}, so a seccomp filter or another sandbox answers in the kernel's place: let it"
                    + " pass sched_setaffinity(2) (systemd has it in SystemCallFilter=@resources)";
        }
        return "this thread may use " + text(now)
                + "; name usable CPUs (percpu topology shows them), or widen the cpuset of the process;"
                + " taskset does not limit what may be named";
    }
}
