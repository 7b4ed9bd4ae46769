// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.DoubleStream;
import org.jspecify.annotations.Nullable;

/** What the rounds have measured. */
public final class Results {
    /**
     * A number over the rounds.
     *
     * @param median of the rounds
     * @param min the least
     * @param max the greatest
     */
    public record Figure(double median, double min, double max) {
        static @Nullable Figure of(DoubleStream rounds) {
            double[] values = rounds.filter(value -> !Double.isNaN(value)).toArray();
            if (values.length == 0) {
                return null;
            }
            Arrays.sort(values);
            int middle = values.length / 2;
            double median = values.length % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
            return new Figure(median, values[0], values[values.length - 1]);
        }
    }

    private final List<Lineup.Entry> entries;
    private final int rounds;
    private final Map<String, Map<String, double[]>> values = new LinkedHashMap<>();
    private final Map<String, String> leftOut = new LinkedHashMap<>();
    private final Set<String> notes = new LinkedHashSet<>();

    Results(List<Lineup.Entry> entries, int rounds) {
        this.entries = entries;
        this.rounds = rounds;
    }

    void add(int round, Lineup.Entry entry, Map<String, Object> answer) {
        answer.forEach((measure, value) -> values.computeIfAbsent(entry.id(), id -> new LinkedHashMap<>())
                        .computeIfAbsent(measure, key -> filled(rounds))[round] =
                ((Number) value).doubleValue());
    }

    private static double[] filled(int count) {
        double[] nothing = new double[count];
        Arrays.fill(nothing, Double.NaN);
        return nothing;
    }

    void leftOut(Lineup.Entry entry, String reason) {
        leftOut.put(entry.id(), reason);
    }

    void note(String note) {
        notes.add(note);
    }

    /**
     * Who took part or should have.
     *
     * @return in the order of tables
     */
    public List<Lineup.Entry> entries() {
        return entries;
    }

    /**
     * Who could not take part.
     *
     * @return the reason by id
     */
    public Map<String, String> leftOut() {
        return Map.copyOf(leftOut);
    }

    /**
     * What else must be known.
     *
     * @return sentences
     */
    public Collection<String> notes() {
        return List.copyOf(notes);
    }

    /**
     * What was measured of a contender.
     *
     * @param id whose
     * @return keys of measures; empty if it was left out
     */
    public Set<String> measures(String id) {
        return values.getOrDefault(id, Map.of()).keySet();
    }

    /**
     * One measure of a contender.
     *
     * @param id whose
     * @param measure which
     * @return null if there is none
     */
    public @Nullable Figure figure(String id, String measure) {
        double[] of = get(id, measure);
        return of == null ? null : Figure.of(Arrays.stream(of));
    }

    /** The quotient of each round. */
    @Nullable
    Figure ratio(String over, String overMeasure, String under, String underMeasure) {
        double[] above = get(over, overMeasure);
        double[] below = get(under, underMeasure);
        if (above == null || below == null) {
            return null;
        }
        double[] quotients = new double[rounds];
        Arrays.setAll(quotients, round -> above[round] / below[round]);
        return Figure.of(Arrays.stream(quotients));
    }

    /** Whose median is the least, or null if nobody has the measure. */
    @Nullable
    String best(Collection<String> ids, String measure) {
        String best = null;
        double least = Double.POSITIVE_INFINITY;
        for (String id : ids) {
            Figure figure = figure(id, measure);
            if (figure != null && figure.median() < least) {
                best = id;
                least = figure.median();
            }
        }
        return best;
    }

    List<String> peers() {
        List<String> peers = new ArrayList<>();
        for (Lineup.Entry entry : entries) {
            if (!entry.ours() && !entry.is(Lineup.Trait.C)) {
                peers.add(entry.id());
            }
        }
        return peers;
    }

    private double @Nullable [] get(String id, String measure) {
        return values.getOrDefault(id, Map.of()).get(measure);
    }
}
