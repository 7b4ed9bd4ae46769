// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
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

    /** In one call: a file of sysctl answers the first read only, whatever its length. */
    private static @Nullable String read(Path file) {
        byte[] buffer = new byte[64];
        try (InputStream in = Files.newInputStream(file)) {
            int length = in.read(buffer);
            return new String(buffer, 0, Math.max(length, 0), StandardCharsets.US_ASCII).trim();
        } catch (IOException e) {
            return null;
        }
    }
}
