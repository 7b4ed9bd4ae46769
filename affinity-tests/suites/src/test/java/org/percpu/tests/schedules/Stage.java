// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.schedules;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.percpu.bindings.sim.SimMachine;
import org.percpu.bindings.spi.PercpuException;
import org.percpu.dispatch.Places;
import org.percpu.kernel.Kernel;
import org.percpu.queue.Fences;

/**
 * What each schedule begins and ends with: a fresh machine, and a kernel on it that closes. The seed of the schedule
 * says which faults the machine has, and whether it has a membarrier(2).
 *
 * <p>A fault may keep the kernel from making a queue or thread. A scenario makes all it needs before it starts a thread
 * of its own, so a refusal is an exception that comes to {@link #play}. The kernel must close all the same.
 */
final class Stage {
    /** The seed of the schedule; 0 unless a scheduler sets it. */
    static final String SEED = "schedules.now";

    /** Bits of the seed. */
    private static final long WITH_FAULTS = 1;

    private static final long WITHOUT_MEMBARRIER = 2;
    private static final long WITH_HOTPLUG = 4;
    private static final long REFUSES = 24;
    private static final int REFUSES_SHIFT = 5;
    private static final int REFUSED_THREADS = 5;

    /** One scenario, on a kernel that was just made. */
    @FunctionalInterface
    interface Play {
        void on(Kernel kernel) throws InterruptedException;
    }

    private Stage() {}

    private static String faults(long seed) {
        if ((seed & WITH_FAULTS) == 0) {
            return "";
        }
        return "seed=" + seed + ",spurious=0.3,eintr=0.2,late=0.3"
                + ((seed & WITH_HOTPLUG) != 0 ? ",offline=0.03" : "")
                + ((seed & REFUSES) == REFUSES ? ",thread=" + (1 + (seed >>> REFUSES_SHIFT) % REFUSED_THREADS) : "");
    }

    static void play(Play play) throws InterruptedException {
        play(false, play);
    }

    /** On a kernel whose queues with WQ_PERCPU share the thread of a CPU. */
    static void playShared(Play play) throws InterruptedException {
        play(true, play);
    }

    private static void play(boolean shared, Play play) throws InterruptedException {
        long seed = Long.getLong(SEED, 0);
        Fences.forgetGarbage();
        Places.forgetEnded();
        Fences.areMissing(false);
        System.setProperty("percpu.sim.membarrier", (seed & WITHOUT_MEMBARRIER) == 0 ? "yes" : "no");
        System.setProperty("percpu.sim.faults", faults(seed));
        SimMachine machine = SimMachine.restart();
        try {
            act(shared, play);
        } catch (PercpuException | IllegalArgumentException | OutOfMemoryError refusal) {
            if ((seed & WITH_FAULTS) == 0) {
                throw refusal;
            }
        } finally {
            System.clearProperty("percpu.sim.membarrier");
            System.clearProperty("percpu.sim.faults");
        }
        assert machine == SimMachine.ofProcess();
    }

    private static void act(boolean shared, Play play) throws InterruptedException {
        Kernel kernel = Kernel.builder("schedules")
                .pinWatch(Duration.ZERO)
                .stallAfter(Duration.ZERO)
                .sharedWorkers(shared)
                .faultHandler((queue, item, thrown) -> {
                    throw new AssertionError("a callback of " + queue + " threw", thrown);
                })
                .build();
        try {
            play.on(kernel);
        } finally {
            kernel.close();
        }
        mustBe(0, kernel.lwps().size(), "threads left");
    }

    /** Runs something on a thread of its own and something else here, and waits for both. */
    static void both(Runnable there, Runnable here) throws InterruptedException {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        Thread other = new Thread(() -> {
            try {
                there.run();
            } catch (Throwable t) {
                thrown.set(t);
            }
        });
        other.start();
        try {
            here.run();
        } finally {
            other.join();
        }
        if (thrown.get() instanceof Error error) {
            throw error;
        }
        if (thrown.get() instanceof RuntimeException exception) {
            throw exception;
        }
    }

    static void mustBe(long expected, long actual, String what) {
        if (expected != actual) {
            throw new AssertionError(what + ": " + actual + " instead of " + expected);
        }
    }

    /** Checks that something which had to run so often has, and no more often. */
    static void mustHaveRun(long due, long ran, String what) {
        if (ran != due) {
            throw new AssertionError(
                    (ran < due ? "lost: " : "twice: ") + what + " ran " + ran + " times instead of " + due);
        }
    }

    static void mustHaveRun(long due, AtomicInteger ran, String what) {
        mustHaveRun(due, ran.get(), what);
    }
}
