// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.faults;

import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.cpu.CpuSet;
import org.percpu.ipl.SplSupport;
import org.percpu.thread.Affinity;
import org.percpu.thread.CpuThread;
import org.percpu.thread.RealtimePolicy;
import org.percpu.thread.Sched;

/** Does what its argument names, and prints what it is told. */
final class RemedyProbe {
    private RemedyProbe() {}

    public static void main(String[] args) throws InterruptedException {
        try {
            switch (args[0]) {
                case "pin" -> Affinity.set(CpuSet.of(Integer.parseInt(args[1])));
                case "realtime" -> realtime();
                case "threads" -> threads();
                case "library" -> {
                    SplSupport support = SplSupport.get();
                    System.out.println("library: " + support.library() + ": " + support.reason());
                }
                default -> throw new IllegalArgumentException(args[0]);
            }
            System.out.println("done");
        } catch (LinuxException | UnsupportedOperationException e) {
            System.out.println("refused: " + e.getMessage());
        }
    }

    private static void realtime() throws InterruptedException {
        CpuThread.builder("urgent")
                .sched(Sched.fifo(1))
                .realtimePolicy(RealtimePolicy.REQUIRE)
                .start(() -> {})
                .thread()
                .join();
    }

    /** Without a thread to be had, and then with the remedy. */
    private static void threads() throws InterruptedException {
        LinuxCalls linux = Backend.linux();
        long[] limit = new long[2];
        check(linux.getrlimit(LinuxCalls.RLIMIT_NPROC, limit));
        check(linux.setrlimit(LinuxCalls.RLIMIT_NPROC, 1, limit[1]));
        try {
            CpuThread.builder("refused").start(() -> {});
            System.out.println("nothing was refused");
        } catch (LinuxException e) {
            System.out.println("refused: " + e.getMessage());
        }
        check(linux.setrlimit(LinuxCalls.RLIMIT_NPROC, limit[0], limit[1]));
        CpuThread.builder("granted")
                .start(() -> System.out.println("granted"))
                .thread()
                .join();
    }

    private static void check(int result) {
        if (result < 0) {
            throw new AssertionError(Backend.linux().strerror(-result));
        }
    }
}
