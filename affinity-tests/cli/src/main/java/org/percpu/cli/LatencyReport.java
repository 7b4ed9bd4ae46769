// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.HdrHistogram.Histogram;
import org.percpu.bench.InterruptLatency;
import org.percpu.bench.Results;

/** The answer of {@code percpu ipl --latency}. */
final class LatencyReport {
    private static final double[] PERCENTILES = {50, 90, 99, 99.9, 100};
    private static final int DIGITS = 3;
    private static final int BAR = 30;

    private final InterruptLatency.Plan plan;
    private final Streams streams;

    LatencyReport(InterruptLatency.Plan plan, Streams streams) {
        this.plan = plan;
        this.streams = streams;
    }

    void run() throws IOException, InterruptedException {
        PrintStream out = streams.out();
        InterruptLatency latency = new InterruptLatency(plan);
        InterruptLatency.machine().forEach(out::println);
        out.println("rounds     " + plan.rounds() + " of " + plan.samples() + " signals, one every "
                + plan.periodMicros() + " us" + (latency.leftOut().isEmpty() ? ", Java and C in turn" : ""));
        List<InterruptLatency.Result> results = new ArrayList<>();
        for (InterruptLatency.Places places : InterruptLatency.places()) {
            streams.err()
                    .println(
                            "measuring: interrupt on CPU " + places.interrupted() + ", work on CPU " + places.worker());
            results.add(latency.measure(places));
        }
        out.println("threads    interrupt " + results.get(0).interruptPolicy() + ", worker "
                + results.get(0).workerPolicy());
        out.println();
        Table table = new Table("work on", "latency in us", "count>", "p50>", "p90>", "p99>", "p99.9>", "max>");
        results.forEach(result -> rows(table, result));
        table.print(out);
        results.forEach(this::histogram);
        if (results.size() < 2) {
            out.println();
            out.println("left out: another CPU: this process may use only one");
        }
        if (!latency.leftOut().isEmpty()) {
            out.println();
            out.println("left out: C: " + latency.leftOut());
        }
    }

    private static String place(InterruptLatency.Places places) {
        return "CPU " + places.worker() + (places.worker() == places.interrupted() ? ", the same" : ", another");
    }

    private static void rows(Table table, InterruptLatency.Result result) {
        row(table, place(result.places()), "Java", all(result.java()));
        if (result.c().isEmpty()) {
            return;
        }
        row(table, "", "C", all(result.c()));
        List<Object> median = new ArrayList<>(List.of("", "Java / C", ""));
        List<Object> spread = new ArrayList<>(List.of("", "least to most", ""));
        for (double percentile : PERCENTILES) {
            Results.Figure ratio = result.ratio(percentile);
            median.add(ratio == null ? "-" : number(ratio.median()));
            spread.add(ratio == null ? "-" : number(ratio.min()) + "-" + number(ratio.max()));
        }
        table.row(median.toArray());
        table.row(spread.toArray());
    }

    private static void row(Table table, String place, String program, Histogram histogram) {
        List<Object> row = new ArrayList<>(List.of(place, program, histogram.getTotalCount()));
        for (double percentile : PERCENTILES) {
            row.add(Durations.micros(histogram.getValueAtPercentile(percentile)));
        }
        table.row(row.toArray());
    }

    private static Histogram all(List<Histogram> rounds) {
        Histogram sum = new Histogram(DIGITS);
        rounds.forEach(sum::add);
        return sum;
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.2f", value);
    }

    /** 1, 1.5, 2, 3, 4, 6 and so on microseconds, in nanoseconds. */
    private static long limit(int step) {
        return (step % 2 == 0 ? 1_000L : 1_500L) << (step / 2);
    }

    /** Ranges in which nobody was are left out. */
    private void histogram(InterruptLatency.Result result) {
        Histogram java = all(result.java());
        Histogram c = all(result.c());
        boolean both = !result.c().isEmpty();
        String head = place(result.places()) + ": us";
        Table table = both ? new Table(head, "Java>", "", "C>", " ") : new Table(head, "Java>", "");
        long most = Math.max(java.getMaxValue(), both ? c.getMaxValue() : 0);
        for (int step = 0; step == 0 || limit(step - 1) <= most; step++) {
            long mine = between(java, step);
            long theirs = both ? between(c, step) : 0;
            if (mine + theirs == 0) {
                continue;
            }
            String range = "below " + limit(step) / 1_000.0;
            if (both) {
                table.row(range, mine, bar(mine, java), theirs, bar(theirs, c));
            } else {
                table.row(range, mine, bar(mine, java));
            }
        }
        streams.out().println();
        table.print(streams.out());
    }

    private static long between(Histogram histogram, int step) {
        long from = step == 0 ? 0 : limit(step - 1);
        long count = 0;
        for (var value : histogram.recordedValues()) {
            if (value.getValueIteratedTo() >= from && value.getValueIteratedTo() < limit(step)) {
                count += value.getCountAtValueIteratedTo();
            }
        }
        return count;
    }

    private static String bar(long count, Histogram histogram) {
        // Whatever is there is seen.
        return "#".repeat((int) Math.ceil((double) BAR * count / Math.max(1, histogram.getTotalCount())));
    }
}
