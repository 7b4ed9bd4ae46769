// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.linux.AffinityMask;
import org.percpu.linux.Uninterrupted;

/** Asks the scheduler which CPUs there are for this process. No backend is loaded before the first question. */
final class UsableCpus implements TopologyReader.Scheduler {
    private static final int FIRST_MASK_WORDS = 16;

    private int words = FIRST_MASK_WORDS; // as long as the kernel's own mask at least

    @Override
    public CpuSet atStart() {
        return CpuSet.fromMask(affinity(Backend.linux().getpid()));
    }

    private long[] affinity(int tid) {
        long[] mask = AffinityMask.read(tid, words, null);
        words = mask.length;
        return mask;
    }

    /**
     * The CPUs that the kernel accepts: it narrows a mask to the CPUs that are online and in the cpuset. A thread made
     * for this purpose tries it and ends, so no other thread's mask changes.
     *
     * @param most the CPUs to ask for; null for as many as the kernel's mask holds
     * @return what the thread got; null if the kernel or a sandbox refuses the call, or no thread can be made
     */
    @Override
    public @Nullable CpuSet usable(@Nullable CpuSet most) {
        AtomicReference<@Nullable CpuSet> got = new AtomicReference<>();
        Thread trial = new Thread(null, () -> got.set(granted(most)), "percpu-usable", 0, false);
        trial.setDaemon(true);
        try {
            trial.start();
        } catch (OutOfMemoryError e) { // "unable to create native thread"
            return null;
        }
        Uninterrupted.until(() -> {
            trial.join();
            return true;
        });
        return got.get();
    }

    private @Nullable CpuSet granted(@Nullable CpuSet most) {
        CpuSet all = most != null ? most : CpuSet.range(0, words * Long.SIZE - 1);
        if (Backend.linux().sched_setaffinity(0, all.toMask()) < 0) {
            return null;
        }
        try {
            return CpuSet.fromMask(affinity(0));
        } catch (LinuxException e) {
            return null;
        }
    }
}
