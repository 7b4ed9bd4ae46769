// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Lock;
import org.awaitility.Awaitility;

/** Waits that end: in success, or in an error that shows what every thread was doing. */
public final class Bounded {
    /** What nothing here may take, unless it says so. Under emulation the property {@code percpu.patience} multiplies it. */
    public static final long SECONDS = 30L * Integer.getInteger("percpu.patience", 1);

    private static final int FRAMES = 10;

    private Bounded() {}

    /** Code that may throw. */
    @FunctionalInterface
    public interface Code {
        void run() throws Exception;
    }

    /** A condition that may throw. */
    @FunctionalInterface
    public interface Condition {
        boolean holds() throws Exception;
    }

    public static void arrive(CountDownLatch latch) {
        try {
            if (!latch.await(SECONDS, TimeUnit.SECONDS)) {
                throw stuck("after " + SECONDS + " s the latch is at " + latch.getCount());
            }
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted", e);
        }
    }

    public static void acquire(Semaphore semaphore, int permits) {
        try {
            if (!semaphore.tryAcquire(permits, SECONDS, TimeUnit.SECONDS)) {
                throw stuck("after " + SECONDS + " s the semaphore has " + semaphore.availablePermits() + " of "
                        + permits + " permits");
            }
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted", e);
        }
    }

    public static void meet(CyclicBarrier barrier) {
        try {
            barrier.await(SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
            throw new AssertionError(barrier.getNumberWaiting() + " of " + barrier.getParties() + " are here", e);
        }
    }

    /** Takes a lock as soon as it is free and releases it. */
    public static void pass(Lock lock) {
        try {
            if (!lock.tryLock(SECONDS, TimeUnit.SECONDS)) {
                throw stuck("after " + SECONDS + " s the lock is " + lock);
            }
            lock.unlock();
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted", e);
        }
    }

    /** Looks every millisecond until the condition holds. */
    public static void until(String what, Condition condition) {
        // In this thread: a test may have used up all threads there are.
        Awaitility.await(what)
                .pollInSameThread()
                .atMost(Duration.ofSeconds(SECONDS))
                .pollDelay(Duration.ZERO)
                .pollInterval(Duration.ofMillis(1))
                .until(condition::holds);
    }

    /** Starts a plain Java thread. A thread that is stuck does not keep the process alive. */
    public static <T> FutureTask<T> start(String name, Callable<T> code) {
        FutureTask<T> task = new FutureTask<>(code);
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        thread.start();
        return task;
    }

    public static FutureTask<Boolean> startCode(String name, Code code) {
        return start(name, () -> {
            code.run();
            return true;
        });
    }

    public static <T> T join(FutureTask<T> task) {
        return join(task, SECONDS);
    }

    public static <T> T join(FutureTask<T> task, long seconds) {
        try {
            return task.get(seconds, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            throw stuck("a thread did not end within " + seconds + " s");
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException) {
                throw (RuntimeException) e.getCause();
            }
            if (e.getCause() instanceof Error) {
                throw (Error) e.getCause();
            }
            throw new AssertionError(e.getCause());
        }
    }

    /** Runs the code on another thread, for calls that could hang. */
    public static void run(String name, Code code) {
        boolean done = join(startCode(name, code));
        assert done;
    }

    public static <T> T call(String name, Callable<T> code) {
        return join(start(name, code));
    }

    private static AssertionError stuck(String what) {
        StringBuilder text = new StringBuilder(what).append("; threads:\n");
        for (Map.Entry<Thread, StackTraceElement[]> entry :
                Thread.getAllStackTraces().entrySet()) {
            if (Arrays.stream(entry.getValue()).noneMatch(Bounded::isOurs)) {
                continue;
            }
            text.append(entry.getKey()).append('\n');
            Arrays.stream(entry.getValue())
                    .limit(FRAMES)
                    .forEach(frame -> text.append("    at ").append(frame).append('\n'));
        }
        return new AssertionError(text.toString());
    }

    private static boolean isOurs(StackTraceElement frame) {
        return frame.getClassName().startsWith("org.percpu.");
    }
}
