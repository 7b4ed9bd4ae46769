// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;

/** Explains why a real-time policy is denied or dangerous, and names what the administrator can do. */
final class Realtime {
    private static final int CAP_SYS_NICE = 23;
    private static final String STATUS = "proc/self/status";
    private static final String RUNTIME = "proc/sys/kernel/sched_rt_runtime_us";

    private Realtime() {}

    /**
     * Returns the remedy: what makes the kernel grant a real-time priority.
     *
     * @param rtPriority the priority that was asked for
     * @param errno the kernel's error number
     */
    static String remedy(int rtPriority, int errno) {
        if (errno == Errno.ENOSYS.number()) {
            return "a seccomp filter or another sandbox forbids it: let it pass sched_setscheduler(2)";
        }
        long[] limit = new long[2];
        boolean known = Backend.linux().getrlimit(LinuxCalls.RLIMIT_RTPRIO, limit) >= 0;
        String runtime = read(RUNTIME);
        String forbidden = "0".equals(runtime) ? "; /" + RUNTIME + " is 0, which forbids it to everybody" : "";
        if (known && (limit[0] == LinuxCalls.RLIM_INFINITY || limit[0] >= rtPriority)) {
            return "RLIMIT_RTPRIO allows it (" + text(limit[0])
                    + "), so a seccomp filter or another sandbox forbids it: let it"
                    + " pass sched_setscheduler(2); in a cgroup v1 it may also be cpu.rt_runtime_us, which must be above 0"
                    + forbidden;
        }
        if (hasSysNice()) {
            return "the process has CAP_SYS_NICE, so a seccomp filter or another sandbox forbids it: let it pass sched_setscheduler(2);"
                    + " in a cgroup v1 it may also be cpu.rt_runtime_us, which must be above 0"
                    + forbidden;
        }
        return "give the process RLIMIT_RTPRIO of at least " + rtPriority
                + (known ? " (now " + text(limit[0]) + ")" : "")
                + ": a line \"" + user() + " - rtprio " + rtPriority
                + "\" in /etc/security/limits.conf and a new login, LimitRTPRIO=" + rtPriority
                + " in its systemd unit, or CAP_SYS_NICE; if it has one of these, a seccomp filter must let sched_setscheduler(2)"
                + " pass, and in a cgroup v1 cpu.rt_runtime_us must be above 0" + forbidden;
    }

    /**
     * Returns a warning for real-time threads of this process that were granted their policy.
     *
     * @return null if there is nothing to warn of
     */
    static @Nullable String warning() {
        long[] limit = new long[2];
        if (Backend.linux().getrlimit(LinuxCalls.RLIMIT_RTTIME, limit) < 0 || limit[0] == LinuxCalls.RLIM_INFINITY) {
            return null;
        }
        return "RLIMIT_RTTIME is " + text(limit[0]) + " us, hard limit " + text(limit[1])
                + (limit[1] == LinuxCalls.RLIM_INFINITY ? "" : " us")
                + ": a real-time thread that runs for so long without sleeping gets SIGXCPU, which ends the JVM, and SIGKILL at the"
                + " hard limit; start the process with prlimit --rttime=unlimited"
                + (limit[1] == LinuxCalls.RLIM_INFINITY
                        ? ""
                        : " (the hard limit is finite, and raising it needs CAP_SYS_RESOURCE, which root has outside containers)")
                + ", or LimitRTTIME=infinity in its systemd unit";
    }

    /** Logs a warning. The logger has a name of its own, so that a program can show this message and no other. */
    static void warn(String message) {
        System.getLogger(Realtime.class.getName()).log(System.Logger.Level.WARNING, message);
    }

    /**
     * Returns whether the process has CAP_SYS_NICE, as the kernel reports it for the whole process. A thread has the
     * capabilities that its creator had.
     */
    private static boolean hasSysNice() {
        String key = "CapEff:";
        String status = read(STATUS);
        int at = status == null ? -1 : status.indexOf(key);
        if (status == null || at < 0) {
            return false;
        }
        int end = status.indexOf('\n', at);
        String mask = status.substring(at + key.length(), end < 0 ? status.length() : end)
                .strip();
        return (Long.parseUnsignedLong(mask, 16) >>> CAP_SYS_NICE & 1) != 0;
    }

    /** Returns the user's name as limits.conf(5) needs it. */
    private static String user() {
        String name = System.getProperty("user.name", "");
        return name.isEmpty() || name.equals("?") ? "<user>" : name;
    }

    /** Returns a limit as users write it. */
    static String text(long limit) {
        return limit == LinuxCalls.RLIM_INFINITY ? "unlimited" : Long.toUnsignedString(limit);
    }

    /** Reads a file in one call. A sysctl file answers only the first read, whatever the length of that read. */
    private static @Nullable String read(String file) {
        byte[] buffer = new byte[4096];
        try (InputStream in = Files.newInputStream(Backend.root().resolve(file))) {
            int length = in.read(buffer);
            return new String(buffer, 0, Math.max(length, 0), StandardCharsets.US_ASCII).trim();
        } catch (IOException e) {
            return null;
        }
    }
}
