// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.kernel.Kernel;

/** A kernel that keeps what it is told, and waits that end. */
final class Fixture {
    /** What an injected error must not hold up. */
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(5);

    private static final long LOOK_NANOS = 20_000;

    /** Code that may throw. */
    @FunctionalInterface
    interface Code {
        void run() throws Exception;
    }

    /** What the fault handler was told. */
    record Fault(Object item, Throwable thrown) {}

    final List<Fault> faults = new CopyOnWriteArrayList<>();
    final List<String> console = new CopyOnWriteArrayList<>();
    final Kernel kernel;

    Fixture() {
        this(CpuTopology.system().allowed());
    }

    Fixture(CpuSet cpus) {
        kernel = Kernel.builder("injected")
                .cpus(cpus)
                .pinWatch(Duration.ZERO)
                .stallAfter(Duration.ZERO)
                .console(console::add)
                .strict(true)
                .faultHandler((queue, item, thrown) -> faults.add(new Fault(item, thrown)))
                .build();
    }

    /** Waits until every thread of the kernel sleeps in a futex. */
    void sleeps() {
        await("the threads sleep", () -> kernel.lwps().stream()
                .allMatch(lwp -> isAsleep(lwp.thread().thread())));
    }

    static boolean isAsleep(Thread thread) {
        for (StackTraceElement frame : thread.getStackTrace()) {
            if (frame.getMethodName().startsWith("futex_wait")) {
                return true;
            }
        }
        return false;
    }

    static void await(String what, BooleanSupplier condition) {
        long start = System.nanoTime();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - start > PATIENCE_NANOS) {
                throw new AssertionError("not within 5 s: " + what);
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    /** Runs code on a thread that is made for it, and waits for its end; what it threw, or null. */
    static @Nullable Throwable onFreshThread(Code code) {
        Throwable[] thrown = new Throwable[1];
        Thread thread = new Thread(() -> {
            try {
                code.run();
            } catch (Throwable t) {
                thrown[0] = t;
            }
        });
        thread.setDaemon(true);
        thread.start();
        join(thread);
        return thrown[0];
    }

    static void join(Thread thread) {
        try {
            thread.join(TimeUnit.NANOSECONDS.toMillis(PATIENCE_NANOS));
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted", e);
        }
        if (thread.isAlive()) {
            AssertionError stuck = new AssertionError("the caller hangs");
            stuck.setStackTrace(thread.getStackTrace());
            throw stuck;
        }
    }

    /** As {@link #onFreshThread}, for code that must not throw. */
    static void must(Code code) {
        Throwable thrown = onFreshThread(code);
        if (thrown != null) {
            throw new AssertionError("it threw " + thrown, thrown);
        }
    }

    static void require(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    /** Whether the fault handler was told of an injected error that kept an item from being called. */
    boolean toldOf(Predicate<Object> item) {
        return faults.stream().anyMatch(fault -> Injector.isInjected(fault.thrown()) && item.test(fault.item()));
    }

    void close() {
        must(kernel::close);
        await("threads are left: " + kernel.lwps(), () -> kernel.lwps().isEmpty());
    }
}
