// SPDX-License-Identifier: BSD-2-Clause
import java.lang.ref.PhantomReference;
import java.lang.ref.ReferenceQueue;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import org.pastalab.fray.core.ThreadContext;
import org.pastalab.fray.core.randomness.ControlledRandom;
import org.pastalab.fray.core.randomness.Randomness;
import org.pastalab.fray.core.scheduler.POSScheduler;
import org.pastalab.fray.core.scheduler.Scheduler;

/**
 * Fray's partial order sampling with a seed for each schedule: one more than that of the schedule before.
 *
 * <p>The first schedules of a JVM load classes and link lambdas, so they differ from later ones with the same seed. Therefore WARM
 * schedules come first, with the seeds before the first one.
 */
public final class Seeded extends Scheduler {
    /** How many schedules of a scenario come before the first one that counts. */
    static final int WARM = 32;

    /** In bytes; what the new generation has room for, less a schedule. */
    private static final long MOST_GARBAGE = Long.getLong("schedules.garbage") << 20;

    /**
     * Partial order sampling may prefer threads that wait for another one by looking again and again. After so many steps, which few
     * schedules take, each choice is fair.
     */
    private static final int UNFAIR_STEPS = 20_000;

    /** A schedule that takes more steps is a hang, in which a thread goes round and round, or wakes up again and again by time. */
    private static final int MOST_STEPS = 400_000;

    private static final long WAIT_MILLIS = 1000;

    /** The schedule whose steps are printed. */
    private static final long TOLD = Long.getLong("schedules.told", -1);

    private static final int FRAMES = 9;

    /** The schedule that runs, or has just failed. */
    static volatile Seeded now;

    final long seed;
    private final POSScheduler order;
    private final SplittableRandom fair;
    private long trace;
    int steps;

    Seeded(long seed) {
        // Neighbouring seeds of Random give almost the same first number.
        super(new ControlledRandom(
                new ArrayList<>(), new ArrayList<>(), new Random(new SplittableRandom(seed).nextLong())));
        this.seed = seed;
        order = new POSScheduler(getRand());
        fair = new SplittableRandom(~seed);
        System.setProperty("schedules.now", Long.toString(seed));
        now = this;
    }

    /** A number for all choices so far: which thread went on, each time that there were several. */
    long trace() {
        return trace;
    }

    @Override
    public ThreadContext scheduleNextOperation(List<ThreadContext> threads, Collection<ThreadContext> allThreads) {
        if (threads.size() == 1) {
            tell(1, threads.get(0), allThreads);
            return threads.get(0);
        }
        // Fray lists them by a hash of their numbers in the JVM, which go on from schedule to schedule. Its own index begins with each.
        List<ThreadContext> byIndex = new ArrayList<>(threads);
        byIndex.sort(Comparator.comparingInt(ThreadContext::getIndex));
        ThreadContext next = steps < UNFAIR_STEPS ? order.scheduleNextOperation(byIndex, allThreads) : byIndex.get(fair.nextInt(byIndex.size()));
        trace = 31 * (31 * trace + byIndex.size()) + next.getIndex();
        tell(byIndex.size(), next, allThreads);
        return next;
    }

    @Override
    public Scheduler nextIteration(Randomness unused) {
        Runs.finished(this);
        collect();
        return new Seeded(seed + 1);
    }

    /** The library looks for what was collected, so a collection in the middle of a schedule would change it. */
    private static void collect() {
        Runtime runtime = Runtime.getRuntime();
        if (runtime.totalMemory() - runtime.freeMemory() < MOST_GARBAGE) {
            return;
        }
        ReferenceQueue<Object> queue = new ReferenceQueue<>();
        PhantomReference<Object> last = new PhantomReference<>(new Object(), queue);
        System.gc();
        try {
            while (queue.remove(WAIT_MILLIS) != last) {
                System.gc();
            }
            // The others reach their queues at about the same time.
            Thread.sleep(1);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Prints which of so many threads goes on, with what, and where it is. */
    private void tell(int runnable, ThreadContext next, Collection<ThreadContext> allThreads) {
        steps++;
        if (steps > MOST_STEPS) {
            Runs.fail(new IllegalStateException("hung: more than " + MOST_STEPS + " steps"), allThreads);
        }
        if (seed != TOLD) {
            return;
        }
        System.err.println("step " + steps + ": thread " + next.getIndex() + " of " + runnable + where(next));
    }

    /** What a thread is about to do, and where it is. */
    static String where(ThreadContext thread) {
        StringBuilder line = new StringBuilder(", " + thread.getPendingOperation().getClass().getSimpleName());
        int frames = 0;
        for (StackTraceElement frame : thread.getThread().getStackTrace()) {
            String type = frame.getClassName();
            boolean mine = type.startsWith("org.pastalab") || type.startsWith("kotlin") || type.equals("Seeded") || type.equals("Touched");
            if (!mine && frames < FRAMES) {
                frames++;
                line.append(" < ").append(type.substring(type.lastIndexOf('.') + 1)).append('.').append(frame.getMethodName()).append(':')
                        .append(frame.getLineNumber());
            }
        }
        return line.toString();
    }
}
