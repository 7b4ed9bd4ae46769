// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.faults;

import java.util.concurrent.TimeUnit;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.cpu.CpuSet;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
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
                case "signals" -> signals();
                case "handles" -> handles();
                case "timer" -> timer();
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

    private static InterruptLine line() {
        return InterruptLine.establish(Receiver.current(), "line", Ipl.VM, value -> System.out.println("ran " + value));
    }

    /** Lines take signals until none is free. The refused one is triggered from here, and gets the signal of one that is closed. */
    private static void signals() {
        InterruptLine first = line();
        InterruptLine last = first;
        try {
            while (last.signal() > 0) {
                last = line();
            }
        } catch (LinuxException e) {
            System.out.println("refused: " + e.getMessage());
        }
        boolean taken = last.trigger(1);
        int ran = Receiver.current().awaitInterrupt(TimeUnit.SECONDS.toNanos(30));
        System.out.println("triggered: " + taken + ", ran " + ran);
        first.close();
        System.out.println("granted: " + (last.signal() > 0));
    }

    /** Lines are made until there are too many. One is closed, and the next one is made. */
    private static void handles() {
        InterruptLine first = line();
        try {
            while (line().handle() > 0) {
                Thread.onSpinWait();
            }
        } catch (LinuxException e) {
            System.out.println("refused: " + e.getMessage());
        }
        first.close();
        System.out.println("granted: " + (line().handle() > 0));
    }

    /** A timer is refused at the limit, and granted once the limit is raised. */
    private static void timer() {
        LinuxCalls linux = Backend.linux();
        long[] limit = new long[2];
        check(linux.getrlimit(LinuxCalls.RLIMIT_SIGPENDING, limit));
        check(linux.setrlimit(LinuxCalls.RLIMIT_SIGPENDING, 0, limit[1]));
        InterruptLine line = line();
        try {
            line.timer(1, 0, 7);
        } catch (LinuxException e) {
            System.out.println("refused: " + e.getMessage());
        }
        check(linux.setrlimit(LinuxCalls.RLIMIT_SIGPENDING, limit[0], limit[1]));
        line.timer(1, 0, 7);
        int ran = Receiver.current().awaitInterrupt(TimeUnit.SECONDS.toNanos(30));
        System.out.println("handlers: " + ran);
    }

    private static void check(int result) {
        if (result < 0) {
            throw new AssertionError(Backend.linux().strerror(-result));
        }
    }
}
