// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The end of the JVM, for kernels that have or had something to run and were not closed. One shutdown hook is
 * registered while such a kernel exists. Without such a kernel there is no hook, so a closed kernel keeps no class
 * loader.
 *
 * <p>The hook prints on standard error, because the log's own hook may have closed the log by then.
 */
final class AtExit {
    private static final String PROPERTY = "percpu.drainAtExit";
    private static final Duration BOUND = Duration.ofSeconds(5);
    private static final double MOST_SECONDS = 1e9;

    // Guarded by the class.
    private static final Set<Kernel> OPEN = new LinkedHashSet<>();
    private static @Nullable Thread hook;

    private AtExit() {}

    /** What `-Dpercpu.drainAtExit` says, or the default. */
    static Duration bound() {
        String value = System.getProperty(PROPERTY);
        if (value == null) {
            return BOUND;
        }
        try {
            double seconds = Double.parseDouble(value);
            if (seconds >= 0 && seconds <= MOST_SECONDS) {
                return Duration.ofMillis((long) (seconds * 1000));
            }
        } catch (NumberFormatException e) {
            throw refused(value, e);
        }
        throw refused(value, null);
    }

    private static IllegalArgumentException refused(String value, @Nullable Exception cause) {
        return new IllegalArgumentException(
                "-D" + PROPERTY + "=" + value + " is no number of seconds: write such as -D" + PROPERTY + "=5 or 0.5",
                cause);
    }

    static synchronized void add(Kernel kernel) {
        if (kernel.isClosed()) {
            return;
        }
        boolean added = OPEN.add(kernel);
        assert added || OPEN.contains(kernel);
        if (hook != null) {
            return;
        }
        Thread thread = new Thread(null, AtExit::run, "percpu at exit", 0, false);
        try {
            Runtime.getRuntime().addShutdownHook(thread);
            hook = thread;
        } catch (IllegalStateException e) {
            // The JVM is ending already: no hook will look after this kernel.
            OPEN.remove(kernel);
        }
    }

    static synchronized void remove(Kernel kernel) {
        Thread thread = hook;
        if (!OPEN.remove(kernel) || !OPEN.isEmpty() || thread == null) {
            return;
        }
        try {
            boolean known = Runtime.getRuntime().removeShutdownHook(thread);
            assert known;
            hook = null;
        } catch (IllegalStateException e) {
            // The JVM ends: the hook is running, perhaps in this thread.
        }
    }

    private static void run() {
        List<Kernel> open;
        synchronized (AtExit.class) {
            open = new ArrayList<>(OPEN);
        }
        for (Kernel kernel : open) {
            Duration drain = kernel.drainAtExit();
            if (drain != null) {
                drain(kernel, drain);
            }
        }
        for (Kernel kernel : open) {
            if (kernel.drainAtExit() == null && !kernel.isClosed()) {
                tell(kernel);
            }
        }
    }

    private static void drain(Kernel kernel, Duration asked) {
        try {
            ExitCalls exitCalls = new ExitCalls(kernel.core());
            // A callback that has called System.exit waits for this hook, and others may wait for that callback in ways
            // that nobody can see. They do so for at most this time, however long the asked time is.
            Duration drain = asked.compareTo(BOUND) > 0 && exitCalls.any() ? BOUND : asked;
            long begin = System.nanoTime();
            List<String> lost = new Shutdown(kernel, exitCalls).run(drain).lost();
            long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);
            for (String line : lost) {
                print("kernel " + kernel.name() + " at exit, after " + millis + " ms: " + line);
            }
        } catch (RuntimeException e) {
            print("kernel " + kernel.name() + " could not be shut down at exit: " + e);
        } catch (LinkageError e) {
            print("kernel " + kernel.name()
                    + " could not be shut down at exit, as the class loader of the library was closed before: "
                    + "close the kernel, then the class loader (" + e + ")");
        }
    }

    private static void tell(Kernel kernel) {
        List<String> held = new ArrayList<>();
        List<String> running = new ArrayList<>();
        for (KernelQueue queue : kernel.queues()) {
            List<WorkerState> workers = queue.workers();
            long pending = pending(workers);
            if (pending > 0) {
                held.add(pending + " on queue " + queue.name());
            }
            for (WorkerState worker : workers) {
                if (worker.running() != null) {
                    running.add(worker.running() + " on queue " + worker.queue());
                }
            }
        }
        if (held.isEmpty() && running.isEmpty()) {
            return;
        }
        print("kernel " + kernel.name() + " was not closed before the JVM ended"
                + (held.isEmpty() ? "" : ", and these works never run: " + String.join(", ", held))
                + (running.isEmpty() ? "" : "; these are cut off in the middle: " + String.join(", ", running))
                + ". Close the kernel, or drain its queues, before main returns, or call drainAtExit(Duration)");
    }

    /** All workers of one item queue count its works. Workers of different item queues have different names. */
    private static long pending(List<WorkerState> workers) {
        Map<String, Integer> byName = new LinkedHashMap<>();
        for (WorkerState worker : workers) {
            byName.merge(worker.queue(), worker.pending(), Math::max);
        }
        return byName.values().stream().mapToLong(Integer::longValue).sum();
    }

    private static void print(String line) {
        System.err.println(line);
    }
}
