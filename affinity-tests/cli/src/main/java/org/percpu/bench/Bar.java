// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What percpu promises beside somebody else, and what came of it.
 *
 * @param measure what is compared
 * @param ours which of ours, and
 * @param theirs who it was compared with
 * @param unit of the figure: a ratio unless it says otherwise
 * @param figure null if one of the two was left out
 * @param bar the figure must not be above this
 * @param aim nor, if all is well, above this
 */
public record Bar(
        String measure,
        String ours,
        String theirs,
        String unit,
        Results.@Nullable Figure figure,
        double bar,
        double aim) {
    private static final String RATIO = "x";

    /** Unbounded queues of many producers; a queue that can refuse an item is another thing. */
    private static final List<String> UNBOUNDED = List.of(Lineup.JCTOOLS_ARRAY, Lineup.JCTOOLS_LINKED);

    private static final double ALLOCATION_NOISE = 0.05;

    /**
     * Whether the promise was kept.
     *
     * @return null if there is nothing to judge
     */
    public @Nullable Boolean passed() {
        Results.Figure found = figure;
        return found == null ? null : (Boolean) (found.median() <= bar);
    }

    /**
     * Judges results.
     *
     * @param results of some rounds
     * @return one for each promise
     */
    public static List<Bar> of(Results results) {
        List<Bar> bars = new ArrayList<>();
        bars.add(best(results, "enqueue to run, worker spinning", Measures.SPINNING, results.peers(), 1.1, 0.95));
        bars.add(ratio(
                results,
                "enqueue to run, worker spinning",
                Measures.SPINNING,
                Lineup.OURS_SPIN,
                Lineup.C_SPIN,
                1.3,
                1.05));
        String filled = "the same, after the caller has written to its item";
        bars.add(best(results, filled, Measures.FILLED, results.peers(), 1.1, 0.95));
        bars.add(ratio(results, filled, Measures.FILLED, Lineup.OURS_SPIN, Lineup.C_SPIN, 1.3, 1.05));
        bars.add(ratio(
                results,
                "enqueue to run, worker asleep",
                Measures.ASLEEP,
                Lineup.OURS_PARK,
                Lineup.THREAD_POOL,
                0.9,
                0.8));
        bars.add(ratio(
                results,
                "enqueue to run, worker asleep",
                Measures.ASLEEP,
                Lineup.OURS_PARK,
                Lineup.C_FUTEX,
                1.15,
                1.0));
        bars.add(ratio(
                results,
                "cost to the caller of waking a worker",
                Measures.WAKE,
                Lineup.OURS_PARK,
                Lineup.THREAD_POOL,
                0.8,
                0.6));
        bars.add(best(results, "one producer, per item", Measures.ONE, UNBOUNDED, 1.1, 0.9));
        bars.add(
                ratio(results, "one producer, per item", Measures.ONE, Lineup.OURS_SPIN, Lineup.THREAD_POOL, 0.4, 0.2));
        bars.add(best(results, "two producers, per item", Measures.TWO, UNBOUNDED, 1.1, 0.9));
        bars.add(ratio(
                results, "two producers, per item", Measures.TWO, Lineup.OURS_SPIN, Lineup.THREAD_POOL, 0.5, 0.3));
        bars.add(absolute(
                results,
                "allocated per enqueue and run",
                Measures.BYTES,
                Lineup.OURS_SPIN,
                "B",
                ALLOCATION_NOISE,
                ALLOCATION_NOISE));
        bars.add(new Bar(
                "pin the current thread",
                Lineup.OURS_MICRO,
                Lineup.C_MICRO + " that reads each mask",
                RATIO,
                results.ratio(Lineup.OURS_MICRO, Micro.PIN, Lineup.C_MICRO, Micro.PIN_CHECKED),
                2,
                1.3));
        bars.add(ratio(results, "pin the current thread", Micro.PIN, Lineup.OURS_MICRO, Lineup.C_MICRO, 2, 1.3));
        bars.add(ratio(results, "pin the current thread", Micro.PIN, Lineup.OURS_MICRO, Lineup.OPENHFT, 0.5, 0.25));
        bars.add(absolute(
                results, "current CPU for enqueue(work, null)", Micro.GETCPU, Lineup.OURS_MICRO, "ns", 5, 2.5));
        bars.add(growth(results, "enqueue, 10 to 10 million pending", Micro.FEW_PENDING, Micro.MANY_PENDING));
        bars.add(growth(results, "enqueue, 1 to 1000 queues", Micro.ONE_QUEUE, Micro.MANY_QUEUES));
        String arm = "arm and cancel a timer, 10 pending";
        bars.add(timer(results, arm, TimerCalls.FEW, Lineup.TIMER_NETTY, 1, 0.5));
        bars.add(timer(results, arm, TimerCalls.FEW, Lineup.TIMER_AGRONA, 1, 0.5));
        bars.add(timer(results, arm, TimerCalls.FEW, Lineup.TIMER_AGRONA_LOCKED, 1, 0.5));
        bars.add(timer(results, arm, TimerCalls.FEW, Lineup.TIMER_STPE, 0.1, 0.05));
        bars.add(timer(results, arm, TimerCalls.FEW, Lineup.C_TIMER, 1, 0.5));
        String many = "the same, a million pending";
        bars.add(timer(results, many, TimerCalls.MANY, Lineup.TIMER_NETTY, 1, 0.5));
        bars.add(timer(results, many, TimerCalls.MANY, Lineup.TIMER_AGRONA, 1, 0.5));
        bars.add(timer(results, many, TimerCalls.MANY, Lineup.TIMER_STPE, 0.1, 0.05));
        bars.add(new Bar(
                "arm and cancel, 10 to a million pending",
                Lineup.OURS_TIMER,
                "itself",
                RATIO,
                results.ratio(Lineup.OURS_TIMER, TimerCalls.MANY, Lineup.OURS_TIMER, TimerCalls.FEW),
                2,
                1.2));
        bars.add(absolute(
                results,
                "allocated to arm and cancel",
                TimerCalls.BYTES,
                Lineup.OURS_TIMER,
                "B",
                ALLOCATION_NOISE,
                ALLOCATION_NOISE));
        return bars;
    }

    private static Bar timer(Results results, String measure, String key, String theirs, double bar, double aim) {
        return ratio(results, measure, key, Lineup.OURS_TIMER, theirs, bar, aim);
    }

    /** Beside the peer that leaves us the farthest behind. */
    private static Bar best(Results results, String measure, String key, List<String> peers, double bar, double aim) {
        return peers.stream()
                .map(peer -> ratio(results, measure, key, Lineup.OURS_SPIN, peer, bar, aim))
                .filter(each -> each.figure != null)
                .max(Comparator.comparingDouble(Bar::median))
                .orElse(new Bar(measure, Lineup.OURS_SPIN, "best peer", RATIO, null, bar, aim));
    }

    private double median() {
        Results.Figure found = figure;
        return found == null ? Double.NaN : found.median();
    }

    private static Bar ratio(
            Results results, String measure, String key, String ours, String theirs, double bar, double aim) {
        return new Bar(measure, ours, theirs, RATIO, results.ratio(ours, key, theirs, key), bar, aim);
    }

    private static Bar absolute(
            Results results, String measure, String key, String ours, String unit, double bar, double aim) {
        return new Bar(measure, ours, "-", unit, results.figure(ours, key), bar, aim);
    }

    private static Bar growth(Results results, String measure, String few, String many) {
        return new Bar(
                measure,
                Lineup.OURS_MICRO,
                "itself",
                RATIO,
                results.ratio(Lineup.OURS_MICRO, many, Lineup.OURS_MICRO, few),
                2,
                1.2);
    }
}
