// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.cpu.CpuSet;

/**
 * The CPUs a thread may run on: sched_setaffinity(2) and sched_getaffinity(2).
 *
 * <p>The kernel narrows a request to what the cpuset allows and reports success; {@link #set} therefore reads the mask back and
 * fails if it is not the one asked for.
 */
public final class Affinity {
    private static final int MAX_WORDS = 1 << 14;
    private static int kernelWords = 1; // as far as is known; whoever reads an old value tries once more

    private static final ThreadLocal<@Nullable CpuSet> LAST_SET = new ThreadLocal<>();

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
     * @return the CPUs that are online; for a moment none, while the last one of the thread goes offline
     * @throws LinuxException if there is no such thread (ESRCH)
     */
    public static CpuSet get(int tid) {
        LinuxCalls linux = Backend.linux();
        // EINVAL means that the kernel's own mask is longer: kernels are built for up to 8192 CPUs, so grow and retry.
        for (int words = kernelWords; ; words *= 2) {
            long[] mask = new long[words];
            int result = linux.sched_getaffinity(tid, mask);
            if (result >= 0) {
                kernelWords = words;
                return CpuSet.fromMask(mask);
            }
            if (result != -Errno.EINVAL.number() || words >= MAX_WORDS) {
                throw failed("sched_getaffinity(" + tid + ")", result, "is the thread still alive?");
            }
        }
    }

    /**
     * Moves the calling thread to the given CPUs and makes sure that it worked.
     *
     * @param cpus one or more CPUs, by the kernel's numbers
     * @throws LinuxException if the kernel refuses (EINVAL: none of the CPUs is allowed) or grants fewer CPUs than asked; the
     *     thread then has the affinity that it last got here, or had at the first call, unless the CPU it asked for went offline at
     *     that moment
     * @throws IllegalArgumentException if the set is empty
     * @throws UnsupportedOperationException on a virtual thread
     */
    public static void set(CpuSet cpus) {
        VirtualThreads.refuse("setting the affinity");
        if (cpus.isEmpty()) {
            throw new IllegalArgumentException("an empty CPU set: name at least one CPU");
        }
        VirtualThreads.warmSchedulers();
        // One CPU the kernel grants or refuses. Of several it may grant a part, and then the old mask is wanted again:
        // the one set here before, as reading it each time would cost a third system call.
        CpuSet before = cpus.size() == 1 ? null : LAST_SET.get();
        if (before == null && cpus.size() > 1) {
            before = get(0);
        }
        int result = Backend.linux().sched_setaffinity(0, cpus.toMask());
        if (result < 0) {
            throw failed(call(cpus), result, remedy(get(0)));
        }
        CpuSet now = get(0);
        if (!now.equals(cpus)) {
            if (before != null) {
                Backend.linux().sched_setaffinity(0, before.toMask());
            }
            throw new LinuxException(
                    call(cpus), Errno.EINVAL.number(), "the kernel granted only {" + now + "}", remedy(get(0)));
        }
        LAST_SET.set(cpus);
    }

    private static String call(CpuSet cpus) {
        return "sched_setaffinity(0, {" + cpus + "})";
    }

    /**
     * The CPU the calling thread is on at this moment.
     *
     * @return the kernel's CPU number; it may be history when the call returns, unless the thread is pinned
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

    private static String remedy(CpuSet now) {
        return "this thread may use {" + now + "}; name CPUs that are online and inside the cpuset of the process"
                + " (percpu check shows both), or widen the cpuset or taskset it was started under";
    }
}
