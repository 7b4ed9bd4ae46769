// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;

/** Why a real-time policy is denied, and what the administrator can type. */
final class Realtime {
    private static final Path RUNTIME = Path.of("/proc/sys/kernel/sched_rt_runtime_us");

    private Realtime() {}

    static String remedy(int rtPriority) {
        long[] limit = new long[2];
        String rlimit = Backend.linux().getrlimit(LinuxCalls.RLIMIT_RTPRIO, limit) < 0
                ? ""
                : " (now " + (limit[0] == LinuxCalls.RLIM_INFINITY ? "unlimited" : limit[0]) + ")";
        String runtime = read(RUNTIME);
        return "give the process RLIMIT_RTPRIO of at least " + rtPriority + rlimit + ": a line \"<user> - rtprio "
                + rtPriority
                + "\" in /etc/security/limits.conf and a new login, LimitRTPRIO=" + rtPriority
                + " in its systemd unit, or CAP_SYS_NICE; in a cgroup v1 also cpu.rt_runtime_us above 0"
                + ("0".equals(runtime) ? "; " + RUNTIME + " is 0, which forbids it to everybody" : "");
    }

    private static @Nullable String read(Path file) {
        try {
            return Files.readString(file).trim();
        } catch (IOException e) {
            return null;
        }
    }
}
