// SPDX-License-Identifier: BSD-2-Clause
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
 * Fray's partial order sampling with a seed for each schedule: one more than that of the schedule before, or, with
 * -Dschedules.repeat=true, always the first one. The property schedules.seed holds the first seed.
 *
 * <p>The first schedules of a JVM load classes and link lambdas, so they differ from later ones with the same seed. Therefore WARM
 * schedules come first, with the seeds before the first one.
 */
public final class Seeded extends Scheduler {
    // The script knows this number too.
    private static final int WARM = 5;
    private static final long FIRST = Long.getLong("schedules.seed", 0);
    private static final boolean REPEAT = Boolean.getBoolean("schedules.repeat");

    private final long seed;
    private final POSScheduler order;

    /** For Fray, which makes the first one. */
    public Seeded(Randomness unused) {
        this(FIRST - WARM);
        // The first use of virtual threads starts a thread of the JVM, which the first schedule would wait for, for half a minute.
        Thread.ofVirtual().start(() -> {});
    }

    private Seeded(long seed) {
        // Neighbouring seeds of Random give almost the same first number.
        super(new ControlledRandom(
                new ArrayList<>(), new ArrayList<>(), new Random(new SplittableRandom(seed).nextLong())));
        this.seed = seed;
        order = new POSScheduler(getRand());
    }

    @Override
    public ThreadContext scheduleNextOperation(List<ThreadContext> threads, Collection<ThreadContext> allThreads) {
        // Fray lists them by a hash of their numbers in the JVM, which go on from schedule to schedule. Its own index begins with each.
        List<ThreadContext> byIndex = new ArrayList<>(threads);
        byIndex.sort(Comparator.comparingInt(ThreadContext::getIndex));
        return order.scheduleNextOperation(byIndex, allThreads);
    }

    @Override
    public Scheduler nextIteration(Randomness unused) {
        return new Seeded(REPEAT && seed == FIRST ? seed : seed + 1);
    }
}
