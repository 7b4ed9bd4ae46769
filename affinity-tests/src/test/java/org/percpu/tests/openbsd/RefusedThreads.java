// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.ErrnoException;
import org.percpu.kernel.Kernel;
import org.percpu.openbsd.Kthread;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Proc;

/** Runs in a JVM of its own: lowers the limit on threads to what is there, and looks at what the library does then. */
final class RefusedThreads {
    private static final int ASKED = 64;
    private static final int SPARE = 5;

    private final List<String> console = new CopyOnWriteArrayList<>();
    private final LinuxCalls linux = Backend.linux();

    private RefusedThreads() {}

    public static void main(String[] scenario) {
        new RefusedThreads().run(scenario[0]);
        System.exit(0);
    }

    private void run(String scenario) {
        boolean none = scenario.endsWith("none");
        if (scenario.startsWith("create")) {
            Kernel kernel = kernel(false);
            // Everything is loaded and compiled once before the limit falls.
            Taskq.create(kernel, "warmup", 2, Ipl.NONE, 0).destroy();
            Workq.create(kernel, "warmup", 2, Ipl.NONE).destroy();
            Bounded.until("they are gone", () -> Proc.named("warmup") == 0);
            create(kernel, none);
        } else {
            deferred(kernel(true), none);
        }
    }

    private Kernel kernel(boolean cold) {
        return Kernel.builder("refused")
                .cold(cold)
                .console(console::add)
                .pinWatch(Duration.ZERO)
                .build();
    }

    /** Leaves room for some more threads, which Linux counts for the user, and this is all the user runs. */
    private void leaveRoom(int threads) {
        int result = linux.setrlimit(LinuxCalls.RLIMIT_NPROC, Proc.tids().size() + threads, 10_000);
        check(result == 0, "setrlimit gave " + result);
    }

    private void create(Kernel kernel, boolean none) {
        leaveRoom(none ? 0 : SPARE);
        refused("taskq", kernel, () -> Taskq.create(kernel, "refusedtq", ASKED, Ipl.NONE, 0));
        refused("workq", kernel, () -> Workq.create(kernel, "refusedwq", ASKED, Ipl.NONE));
        CountDownLatch finish = new CountDownLatch(1);
        refused("kthread", null, () -> {
            for (int i = 0; i < ASKED; i++) {
                Kthread.create(kernel, Bounded::arrive, finish, "refusedkt");
            }
        });
        finish.countDown();
        Bounded.until("the threads ended", () -> kernel.lwps().isEmpty());
        leaveRoom(ASKED);
        AtomicInteger runs = new AtomicInteger();
        Taskq tq = Taskq.create(kernel, "again", 4, Ipl.NONE, 0);
        tq.add(Task.initializer(AtomicInteger::incrementAndGet, runs));
        tq.destroy();
        check(runs.get() == 1, "with room again the queue ran " + runs);
        check(console.isEmpty(), "printed " + console);
    }

    private static void refused(String what, Kernel emptyAfter, Runnable create) {
        try {
            create.run();
            check(false, what + " was not refused");
        } catch (ErrnoException e) {
            String message = String.valueOf(e.getMessage());
            check(e.errno() == Errno.EAGAIN || e.errno() == Errno.ENOMEM, message);
            check(message.contains("refused"), message);
            if (emptyAfter != null) {
                check(message.matches("(?s).*thread [0-9]+ of " + ASKED + ".*"), message);
                check(emptyAfter.queues().isEmpty(), what + " left " + emptyAfter.queues());
                Bounded.until(what + " left threads", () -> emptyAfter.lwps().isEmpty());
            }
            System.out.println(what + " ok: " + message);
        }
    }

    private void deferred(Kernel kernel, boolean none) {
        Taskq tq = Taskq.create(kernel, "refusedtq", ASKED, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        AtomicInteger runs = new AtomicInteger();
        List<Task> tasks = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            tasks.add(Task.initializer(AtomicInteger::incrementAndGet, runs));
            tq.add(tasks.get(i));
        }
        // Loads what a thread needs, in another kernel.
        Kernel other = kernel(false);
        Taskq.create(other, "warmup", 2, Ipl.NONE, 0).destroy();
        Bounded.until("they are gone", () -> Proc.named("warmup") == 0);
        leaveRoom(none ? 0 : SPARE);
        kernel.warm();
        leaveRoom(ASKED);
        check(
                console.stream().anyMatch(line -> line.contains("refusedtq") && line.contains("of " + ASKED)),
                "the console has " + console);
        System.out.println("warned ok: " + console.get(0));
        if (none) {
            long reported =
                    console.stream().filter(line -> line.contains("never run")).count();
            boolean pending = tasks.stream().anyMatch(Task::pending);
            if (reported == tasks.size() && !pending) {
                System.out.println("tasks reported ok");
            } else {
                System.out.println(
                        "tasks reported: " + reported + " of " + tasks.size() + ", still pending: " + pending);
            }
            try {
                boolean added = tq.add(Task.initializer(AtomicInteger::incrementAndGet, runs));
                check(false, "add returned " + added);
            } catch (ErrnoException e) {
                check(e.errno() == Errno.EAGAIN, String.valueOf(e.getMessage()));
                System.out.println("add ok: " + e.getMessage());
            }
            check(runs.get() == 0, runs + " runs without a thread");
        } else {
            Bounded.until("the tasks ran", () -> runs.get() == 10);
            System.out.println("tasks ran ok");
            int threads = tq.workers().size();
            check(threads > 0 && threads < ASKED, threads + " threads");
            Bounded.run("barrier", tq::barrier);
            System.out.println("barrier ok with " + threads + " threads");
        }
        Bounded.run("destroy", tq::destroy);
        check(kernel.queues().isEmpty(), "left " + kernel.queues());
        System.out.println("destroy ok");
    }

    private static void check(boolean condition, String message) {
        if (!condition) {
            throw new AssertionError(message);
        }
    }
}
