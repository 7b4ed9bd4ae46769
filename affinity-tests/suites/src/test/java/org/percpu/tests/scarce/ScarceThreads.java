// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.scarce;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Softint;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;

/** Run as a user that has only this process: lowers RLIMIT_NPROC and asks for more threads than it allows. */
final class ScarceThreads {
    private static final int ENOUGH = 10_000;
    private static final int ASKED = 8;
    private static final int SPARE = 5;

    private final List<String> console = new CopyOnWriteArrayList<>();

    private ScarceThreads() {}

    public static void main(String[] scenario) {
        new ScarceThreads().run(scenario[0]);
        System.exit(0);
    }

    private void run(String scenario) {
        Kernel kernel = kernel(Duration.ZERO, false);
        // What makes threads of its own has done so, and every class is loaded, before threads are counted.
        for (Maker maker : Maker.values()) {
            useAndEnd(kernel, maker);
        }
        Taskq system = Taskq.systqmp(kernel);
        system.barrier();
        switch (scenario) {
            case "create" -> {
                for (Maker maker : Maker.values()) {
                    create(kernel, maker);
                }
                assertThat(console).isEmpty();
            }
            case "systq" -> systemQueue(kernel(Duration.ZERO, false));
            case "softint" -> softint(kernel(Duration.ZERO, false));
            case "watch" -> watch();
            case "deferred wait" -> waitsForAnEntry(kernel(Duration.ZERO, true));
            case "deferred none" -> deferred(kernel(Duration.ZERO, true), 0);
            case "deferred some" -> deferred(kernel(Duration.ZERO, true), SPARE);
            default -> throw new IllegalArgumentException(scenario);
        }
    }

    private Kernel kernel(Duration watch, boolean cold) {
        return Kernel.builder("scarce")
                .console(console::add)
                .pinWatch(watch)
                .stallAfter(Duration.ZERO)
                .cold(cold)
                .build();
    }

    /** Creates something, uses it, and returns when its threads are gone. */
    private static void useAndEnd(Kernel kernel, Maker maker) {
        maker.makeUseAndEnd(kernel);
        Bounded.until("no thread is left", () -> Proc.namedLike(Maker.NAME) == 0);
    }

    private static void create(Kernel kernel, Maker maker) {
        int before = kernel.lwps().size();
        int threads = maker.threads(kernel);
        for (int k = 1; k <= threads; k++) {
            int tasks = allowThreads(k - 1);
            Refusal.of(Errno.EAGAIN, () -> maker.makeUseAndEnd(kernel))
                    .contains(Maker.NAME, maker.missing(kernel, k), "RLIMIT_NPROC");
            assertThat(kernel.queues()).hasSize(1);
            Bounded.until("the kernel has no thread more", () -> kernel.lwps().size() == before);
            Bounded.until("Linux has no thread more", () -> Proc.tids().size() <= tasks);
        }
        // The same kernel works on when there are threads again.
        limit(ENOUGH);
        useAndEnd(kernel, maker);
        System.out.println(maker + ": refused with 0 to " + (threads - 1) + " of " + threads + ", and clean");
    }

    private static void systemQueue(Kernel kernel) {
        allowThreads(0);
        Refusal.of(Errno.EAGAIN, () -> Taskq.systq(kernel)).contains("systq", "thread 1 of 1");
        assertThat(kernel.queues()).isEmpty();
        limit(ENOUGH);
        AtomicInteger runs = new AtomicInteger();
        Taskq.systq(kernel).add(Task.initializer(AtomicInteger::incrementAndGet, runs));
        Taskq.systq(kernel).barrier();
        assertThat(runs.get()).isEqualTo(1);
        System.out.println("the refused system queue was made at the next call");
    }

    private static void softint(Kernel kernel) {
        int cpus = kernel.cpus().size();
        AtomicInteger runs = new AtomicInteger();
        for (int k = 0; k < cpus; k++) {
            int tasks = allowThreads(k);
            Refusal.of(
                            Errno.EAGAIN,
                            () -> Softint.establish(
                                    kernel, Softint.SOFTINT_CLOCK, AtomicInteger::incrementAndGet, runs))
                    .contains("softclock/" + k, "RLIMIT_NPROC");
            assertThat(kernel.queues()).isEmpty();
            Bounded.until("the kernel has no thread", () -> kernel.lwps().isEmpty());
            Bounded.until("Linux has no thread more", () -> Proc.tids().size() <= tasks);
        }
        limit(ENOUGH);
        Softint soft = Softint.establish(kernel, Softint.SOFTINT_CLOCK, AtomicInteger::incrementAndGet, runs);
        soft.schedule();
        soft.disestablish();
        assertThat(runs.get()).isEqualTo(1);
        System.out.println("the refused soft interrupt was made at the next call");
    }

    private void watch() {
        Kernel kernel = kernel(Duration.ofMillis(50), false);
        int tasks = allowThreads(1);
        boolean created;
        try {
            Kthread.create(kernel, -1, Kthread.KTHREAD_MPSAFE, null, arg -> {}, null, "unwatched");
            created = true;
        } catch (ErrnoException e) {
            assertThat(e.errno()).isEqualTo(Errno.EAGAIN);
            created = false;
        }
        List<String> left = kernel.lwps().stream().map(Object::toString).toList();
        if (!created) {
            assertThat(left).as("a refused create left a thread").isEmpty();
        }
        // The watch itself may have been made before the thread was refused; it ends with its kernel.
        kernel.close();
        Bounded.until("no thread is left", () -> Proc.tids().size() <= tasks);
        System.out.println("the refused watch left nothing");
    }

    private void deferred(Kernel kernel, int spare) {
        Taskq tq = Taskq.create(kernel, Maker.NAME, ASKED, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        AtomicInteger runs = new AtomicInteger();
        List<Task> tasks = new ArrayList<>();
        // Each thread goes into a barrier at once, while the next one is being made or refused.
        for (int i = 0; i < spare; i++) {
            tq.add(Task.initializer(Taskq::barrier, tq));
        }
        for (int i = 0; i < 10; i++) {
            tasks.add(Task.initializer(AtomicInteger::incrementAndGet, runs));
            tq.add(tasks.get(i));
        }
        allowThreads(spare);
        kernel.warm();
        limit(ENOUGH);
        assertThat(console.get(0)).contains(Maker.NAME, "thread " + (spare + 1) + " of " + ASKED);
        if (spare == 0) {
            assertThat(console).hasSize(1 + tasks.size());
            assertThat(console.subList(1, console.size())).allMatch(line -> line.contains("never run"));
            assertThat(tasks).noneMatch(Task::pending);
            Task late = Task.initializer(AtomicInteger::incrementAndGet, runs);
            Refusal.of(Errno.EAGAIN, () -> tq.add(late)).contains(Maker.NAME, "no thread");
            assertThat(late.pending()).isFalse();
            Bounded.run("a barrier with nothing to wait for", tq::barrier);
            Bounded.run("destroy", tq::destroy);
            assertThat(runs.get()).isZero();
        } else {
            Bounded.until("the tasks ran", () -> runs.get() == tasks.size());
            assertThat(tq.workers()).hasSize(spare);
            Bounded.run("barrier", tq::barrier);
            Bounded.run("destroy", tq::destroy);
            assertThat(console).hasSize(1);
            assertThat(runs.get()).isEqualTo(tasks.size());
        }
        assertThat(kernel.queues()).isEmpty();
        System.out.println("warm with " + spare + " of " + ASKED + ", and clean");
    }

    private static void waitsForAnEntry(Kernel kernel) {
        Workq wq = Workq.create(kernel, Maker.NAME, 2, Ipl.NONE, 1);
        assertThat(wq.addTask(0, (one, two) -> {}, null, null)).isTrue();
        CountDownLatch comes = new CountDownLatch(1);
        FutureTask<Boolean> waits = Bounded.start("waits for an entry", () -> {
            comes.countDown();
            Refusal.of(Errno.EAGAIN, () -> wq.addTask(Workq.WQ_WAITOK, (one, two) -> {}, null, null))
                    .contains(Maker.NAME, "no thread");
            return true;
        });
        Bounded.arrive(comes);
        allowThreads(0);
        kernel.warm();
        limit(ENOUGH);
        assertThat(Bounded.join(waits)).isTrue();
        System.out.println("who waited for an entry was told");
    }

    /** Allows so many threads more than there are, and says how many there are. */
    private static int allowThreads(int more) {
        int tasks = Proc.tids().size();
        limit(tasks + more);
        return tasks;
    }

    private static void limit(int tasks) {
        long[] now = new long[2];
        assertThat(Machine.linux().getrlimit(LinuxCalls.RLIMIT_NPROC, now)).isZero();
        assertThat(Machine.linux().setrlimit(LinuxCalls.RLIMIT_NPROC, tasks, now[1]))
                .isZero();
    }
}
