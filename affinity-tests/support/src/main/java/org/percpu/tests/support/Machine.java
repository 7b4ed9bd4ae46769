// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.cpu.CpuTopology;
import org.percpu.thread.CpuThread;
import org.percpu.thread.RealtimePolicy;
import org.percpu.thread.Sched;

/** What a test needs of the machine; a test that cannot run here says why. */
public final class Machine {
    private Machine() {}

    public static void skipUnless(boolean condition, String reason) {
        if (!condition) {
            System.out.println("skipped: " + reason);
        }
        assumeTrue(condition, "skipped: " + reason);
    }

    /** Whether this run is on a simulated machine. */
    public static boolean isSimulated() {
        return Backend.linux().backend().equals("sim");
    }

    /** Skips on a simulated machine, which lacks something that Linux has. */
    public static void needsLinux(String forWhat) {
        skipUnless(!isSimulated(), "needs Linux itself, not a simulated machine: " + forWhat);
    }

    public static void needsRoot(String why) {
        skipUnless(Backend.linux().geteuid() == 0, "needs root " + why);
    }

    public static void needsCpus(int count) {
        int allowed = CpuTopology.system().allowed().size();
        skipUnless(allowed >= count, "needs " + count + " CPUs, this process may use " + allowed);
    }

    public static void needsRealtime() {
        skipUnless(realtime(), "needs the right to real-time priorities up to 95 (RLIMIT_RTPRIO or CAP_SYS_NICE)");
    }

    public static boolean realtime() {
        try {
            Thread probe = CpuThread.builder("probe")
                    .sched(Sched.fifo(95))
                    .realtimePolicy(RealtimePolicy.REQUIRE)
                    .start(() -> {})
                    .thread();
            return probe != null;
        } catch (LinuxException e) {
            System.out.println("no real-time: " + e.getMessage());
            return false;
        }
    }

    /** Skips where a command fails or is absent. */
    public static void needsCommand(String reason, String... command) {
        boolean works;
        try {
            works = new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException e) {
            works = false;
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted", e);
        }
        skipUnless(works, reason + ": " + String.join(" ", command) + " does not work");
    }

    public static LinuxCalls linux() {
        return Backend.linux();
    }
}
