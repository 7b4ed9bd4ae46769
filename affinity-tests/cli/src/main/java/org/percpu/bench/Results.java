// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What the rounds have measured. */
public final class Results {
    /**
     * A number over the rounds.
     *
     * @param median of the rounds
     * @param min the least
     * @param max the greatest
     * @param rounds how many of them counted
     */
    public record Figure(double median, double min, double max, int rounds) {
        static @Nullable Figure of(DoubleStream rounds) {
            double[] values = rounds.filter(value -> !Double.isNaN(value)).toArray();
            if (values.length == 0) {
                return null;
            }
            Arrays.sort(values);
            int middle = values.length / 2;
            double median = values.length % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
            return new Figure(median, values[0], values[values.length - 1], values.length);
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

    /**
     * The quotient of each round; of a measure that the distance between the CPUs decides, of each round in which they were {@linkplain
     * Hop equally far} apart for both, or of all rounds if there was none such, and a note says so.
     */
    @Nullable
    Figure ratio(String over, String overMeasure, String under, String underMeasure) {
        double[] above = get(over, overMeasure);
        double[] below = get(under, underMeasure);
        if (above == null || below == null) {
            return null;
        }
        double[] quotients = new double[rounds];
        Arrays.setAll(quotients, round -> above[round] / below[round]);
        Figure alike = Figure.of(IntStream.range(0, rounds)
                .filter(round -> !Measures.IN_HOPS.contains(overMeasure) || Hop.alike(hops(round, over, under)))
                .mapToDouble(round -> quotients[round]));
        if (alike == null) {
            note(over + " beside " + under + ": in no round were the CPUs equally far apart for both, before and after;"
                    + " all rounds are shown, and more --rounds may have better luck");
            return Figure.of(Arrays.stream(quotients));
        }
        return alike;
    }

    /** What a bar for waking can ask: C's futex does nothing but the system call. */
    void noteWakeUp() {
        Figure asleep = ratio(Lineup.C_FUTEX, Measures.ASLEEP, Lineup.THREAD_POOL, Measures.ASLEEP);
        Figure wake = ratio(Lineup.C_FUTEX, Measures.WAKE, Lineup.THREAD_POOL, Measures.WAKE);
        if (asleep != null && wake != null) {
            note(String.format(
                    Locale.ROOT,
                    "the system call alone: %s beside %s is %.2f x with the worker asleep, and %.2f x for the caller",
                    Lineup.C_FUTEX,
                    Lineup.THREAD_POOL,
                    asleep.median(),
                    wake.median()));
        }
    }

    private double[] hops(int round, String... ids) {
        return Arrays.stream(ids)
                .flatMap(id -> Stream.of(get(id, Measures.HOP), get(id, Measures.HOP_AFTER)))
                .filter(Objects::nonNull)
                .mapToDouble(of -> of[round])
                .filter(hop -> !Double.isNaN(hop))
                .toArray();
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
