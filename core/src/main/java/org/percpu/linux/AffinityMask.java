// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.linux;

import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;

/** sched_getaffinity(2) for kernels of any size: the kernel refuses a mask that is shorter than its own. */
public final class AffinityMask {
    private static final int MAX_WORDS = 1 << 14;

    private AffinityMask() {}

    /**
     * The mask of a thread. It is asked for with twice as many words until the kernel's own mask fits.
     *
     * @param tid the kernel's thread id; 0 is the calling platform thread
     * @param firstWords with how many words of 64 CPUs to begin
     * @param remedy for the message, or null
     * @return as many words as were needed
     * @throws LinuxException if the kernel refuses the call for another reason
     */
    public static long[] read(int tid, int firstWords, @Nullable String remedy) {
        LinuxCalls linux = Backend.linux();
        for (int words = firstWords; ; words *= 2) {
            long[] mask = new long[words];
            int result = linux.sched_getaffinity(tid, mask);
            if (result >= 0) {
                return mask;
            }
            // EINVAL says that the kernel's own mask is longer.
            if (result != -Errno.EINVAL.number() || words >= MAX_WORDS) {
                throw new LinuxException("sched_getaffinity(" + tid + ")", -result, linux.strerror(-result), remedy);
            }
        }
    }
}
