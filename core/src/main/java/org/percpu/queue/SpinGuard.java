// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.util.HashMap;
import java.util.Map;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.CpuSet;
import org.percpu.thread.Pri;
import org.percpu.thread.Sched;
import org.percpu.thread.ThreadState;

/**
 * Keeps one CPU free of real-time workers that never sleep. If such workers took every CPU, they would freeze the JVM's
 * own threads. The guard looks at the policy that the kernel reports, not at the policy that was asked for. It counts
 * the workers of all queues of the process together.
 */
final class SpinGuard {
    private static final Map<Worker, CpuSet> SPINNING = new HashMap<>(); // guarded by the class

    private SpinGuard() {}

    /**
     * Admits a worker that is about to spin.
     *
     * @param worker a worker that is placed and does not spin yet
     * @param state the scheduling that the worker was granted
     * @param shared the CPUs on which the JVM's own threads run
     * @throws ErrnoException EINVAL if no CPU would be left
     */
    static synchronized void admit(Worker worker, ThreadState state, CpuSet shared) {
        Sched sched = state.sched();
        if (!sched.realtime()) {
            return;
        }
        SPINNING.put(worker, state.allowed());
        if (taken(shared) < shared.size()) {
            return;
        }
        SPINNING.remove(worker);
        throw new ErrnoException(
                Errno.EINVAL,
                "busy-spinning " + sched + " worker " + state.name() + " on {" + state.allowed()
                        + "} would freeze the last of the CPUs {" + shared
                        + "}; leave a CPU out, or use another wait strategy or a priority below " + Pri.PRI_KERNEL
                        + (state.denial() == null ? "" : "; it is not what was asked for: " + state.denial()));
    }

    /** Returns how many CPUs the spinning workers take. A worker that may run on several CPUs takes any one of them. */
    private static int taken(CpuSet shared) {
        CpuSet pinned = CpuSet.empty();
        int others = 0;
        for (CpuSet cpus : SPINNING.values()) {
            CpuSet here = cpus.and(shared);
            if (here.size() == 1) {
                pinned = pinned.or(here);
            } else if (!here.isEmpty()) {
                others++;
            }
        }
        return pinned.size() + others;
    }

    static synchronized void leave(Worker worker) {
        SPINNING.remove(worker);
    }
}
