// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import java.util.Arrays;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;

/** The process's resource limits, getrlimit(2). Nothing but the scheduling limits has an effect. */
final class Limits {
    private static final int COUNT = 16;
    private static final long MANY = 100_000;

    private final long[][] limits = new long[COUNT][]; // guarded by itself

    Limits(int rtprio) {
        for (int i = 0; i < COUNT; i++) {
            limits[i] = new long[] {LinuxCalls.RLIM_INFINITY, LinuxCalls.RLIM_INFINITY};
        }
        Arrays.fill(limits[LinuxCalls.RLIMIT_NPROC], MANY);
        Arrays.fill(limits[LinuxCalls.RLIMIT_SIGPENDING], MANY);
        Arrays.fill(limits[LinuxCalls.RLIMIT_NICE], 0);
        Arrays.fill(limits[LinuxCalls.RLIMIT_RTPRIO], rtprio);
    }

    /** The soft limit of a resource that there is. */
    long soft(int resource) {
        synchronized (limits) {
            return limits[resource][0];
        }
    }

    int get(int resource, long[] softAndHard) {
        if (resource < 0 || resource >= COUNT) {
            return -Errno.EINVAL.number();
        }
        synchronized (limits) {
            System.arraycopy(limits[resource], 0, softAndHard, 0, 2);
        }
        return 0;
    }

    int set(int resource, long soft, long hard, boolean privileged) {
        if (resource < 0 || resource >= COUNT || Long.compareUnsigned(soft, hard) > 0) {
            return -Errno.EINVAL.number();
        }
        synchronized (limits) {
            if (Long.compareUnsigned(hard, limits[resource][1]) > 0 && !privileged) {
                return -Errno.EPERM.number();
            }
            limits[resource][0] = soft;
            limits[resource][1] = hard;
        }
        return 0;
    }
}
