// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.ipl.Spl;
import org.percpu.kernel.Condvar;
import org.percpu.kernel.Kernel;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;

/** Sleeps in the last frames of a stack, while another thread wakes the sleeper and fights for its lock. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SleepAtTheEndTest {
    /** How to take, release and ask for what a sleep gives up meanwhile. */
    private record Held(Runnable lock, Runnable unlock, BooleanSupplier isHeld) {
        static Held of(Lock lock) {
            BooleanSupplier isHeld = lock instanceof Mutex mutex
                    ? mutex::isHeldByCurrentThread
                    : ((ReentrantLock) lock)::isHeldByCurrentThread;
            return new Held(lock::lock, lock::unlock, isHeld);
        }

        static Held of(Kernel kernel) {
            return new Held(
                    kernel.lock()::lock,
                    kernel.lock()::unlock,
                    () -> kernel.lock().holds() == 1);
        }
    }

    /** A way to sleep. */
    private record Bed(Held held, Runnable sleep, Runnable wake) {}

    /** Tries a bed in each frame on the way back from the end of a stack, until it was slept in often enough. */
    static final class Descent {
        private static final int ENOUGH = 10;

        private final Bed bed;
        private boolean took;
        private boolean lost;
        private int slept;
        private int refused;
        private volatile boolean over;

        private Descent(Bed bed) {
            this.bed = bed;
        }

        public static void main(String[] args) throws InterruptedException {
            Kernel kernel = Kernel.builder("end").build();
            for (int round = 0; round < 4; round++) {
                int stack = 300_000 + round * 1_016;
                for (Map.Entry<String, Bed> bed : beds(kernel).entrySet()) {
                    new Descent(bed.getValue()).run(bed.getKey(), stack);
                }
            }
            System.out.println("tried all");
            // Not by return: a lock that is lost would hold up the end.
            Runtime.getRuntime().halt(0);
        }

        private static Map<String, Bed> beds(Kernel kernel) {
            Map<String, Bed> beds = new LinkedHashMap<>();
            Map<String, Lock> interlocks = new LinkedHashMap<>();
            interlocks.put("ReentrantLock", new ReentrantLock());
            interlocks.put("adaptive mutex", Mutex.netbsd("adaptive", Ipl.NONE));
            interlocks.put("spin mutex", Mutex.netbsd("spin", Ipl.VM));
            interlocks.put("mutex of OpenBSD", Mutex.openbsd("mtx", Ipl.VM, null));
            interlocks.forEach((name, lock) -> {
                Held held = Held.of(lock);
                Condvar condvar = new Condvar(kernel, "bed");
                beds.put("cv_wait, " + name, new Bed(held, () -> condvar.await(lock), condvar::signal));
                Object ident = new Object();
                beds.put(
                        "mtsleep, " + name,
                        new Bed(
                                held,
                                () -> returned(kernel.sleepq().mtsleep(ident, "bed", 0, lock, true) == 0),
                                () -> kernel.sleepq().wakeupOne(ident)));
            });
            Held held = Held.of(kernel);
            Object ident = new Object();
            beds.put(
                    "tsleep",
                    new Bed(held, () -> returned(kernel.sleepq().tsleep(ident, "bed", 0) == 0), () -> kernel.sleepq()
                            .wakeup(ident)));
            Taskq tq = Taskq.create(kernel, "tasks", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            beds.put("taskq_barrier", new Bed(held, tq::barrier, () -> {}));
            beds.put(
                    "Kernel.sleeping",
                    new Bed(
                            held,
                            () -> returned(kernel.sleeping("nap", () -> {
                                LockSupport.parkNanos(1_000);
                                return true;
                            })),
                            () -> {}));
            return beds;
        }

        private static void returned(boolean ok) {
            if (!ok) {
                throw new AssertionError();
            }
        }

        private void run(String name, int stack) throws InterruptedException {
            Thread waker = new Thread(this::wakes, "waker");
            waker.start();
            // Classes are not what this is about: so every step is made once on a stack with room.
            Thread warm = new Thread(
                    () -> {
                        step();
                        release();
                    },
                    "warm");
            warm.start();
            warm.join();
            slept = 0;
            Thread end = new Thread(
                    null,
                    () -> {
                        down();
                        // The last refusal may have lost the lock.
                        lost |= took && !bed.held.isHeld.getAsBoolean();
                        release();
                    },
                    "end",
                    stack);
            end.start();
            end.join(30_000);
            if (end.isAlive()) {
                System.out.println("hangs: " + name + " at " + end.getStackTrace()[0]);
            }
            if (lost) {
                System.out.println("lost: " + name + ", after " + refused + " refusals and " + slept + " sleeps");
            }
            if (end.isAlive() || lost) {
                Runtime.getRuntime().halt(0);
            }
            over = true;
            waker.join();
            assertThat(refused).as(name).isGreaterThan(1);
        }

        private void release() {
            if (bed.held.isHeld.getAsBoolean()) {
                bed.held.unlock.run();
            }
            took = false;
            Spl.current().spl0();
        }

        private void wakes() {
            while (!over) {
                bed.held.lock.run();
                try {
                    bed.wake.run();
                    // So that the sleeper has to wait for its lock.
                    spin(40_000);
                } finally {
                    bed.held.unlock.run();
                }
                spin(20_000);
            }
        }

        private static void spin(long nanos) {
            for (long begin = System.nanoTime(); System.nanoTime() - begin < nanos; ) {
                Thread.onSpinWait();
            }
        }

        @SuppressWarnings("InfiniteRecursion") // it ends when the stack does
        private void down() {
            try {
                down();
            } catch (StackOverflowError e) {
                refused++;
            }
            if (slept < ENOUGH && !lost) {
                step();
            }
        }

        private void step() {
            try {
                if (!took) {
                    // The locks of the JDK can be held although the call has failed.
                    if (!bed.held.isHeld.getAsBoolean()) {
                        bed.held.lock.run();
                    }
                    took = true;
                }
                lost = !bed.held.isHeld.getAsBoolean();
                if (!lost) {
                    bed.sleep.run();
                    slept++;
                    lost = !bed.held.isHeld.getAsBoolean();
                }
            } catch (StackOverflowError e) {
                refused++;
            }
        }
    }

    @Test
    @DisplayName("a sleep at the end of a stack is refused with its locks still held, or returns with them held")
    void theLocksAreHeld() {
        Machine.needsLinux("the end of a stack breaks its locks, which are Java");
        String output =
                Fork.of(Descent.class).option("-XX:MaxJavaStackTraceDepth=10").run();
        assertThat(output).contains("tried all").doesNotContain("lost:").doesNotContain("hangs:");
    }
}
