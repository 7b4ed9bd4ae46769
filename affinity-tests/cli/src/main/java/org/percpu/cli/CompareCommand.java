// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.percpu.bench.Bar;
import org.percpu.bench.Lineup;
import org.percpu.bench.Results;
import org.percpu.bench.Rounds;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code percpu compare}: how fast this is beside C and everything a user would pick instead. */
@Command(
        name = "compare",
        description = {
            "Measures percpu, the same in plain C, and the executors and queues that a user would pick instead, in turn, each in a"
                    + " process of its own, several rounds over; prints the ratios.",
            "",
            "A ratio is taken within a round, shown is the median over the rounds with the least and the greatest. Below 1"
                    + " percpu is ahead. Of spinning workers and streams a"
                    + " round counts if the CPUs were equally far apart for both: the host of a virtual machine moves them. Times on a shared machine say little, ratios of interleaved rounds say more; still, close"
                    + " other programs. Real-time policies are not used.",
            ""
        },
        footer = {
            "",
            "Exit status: 0 whatever the ratios are, and whoever had to be left out; 2 bad input.",
        })
final class CompareCommand implements Callable<Integer> {
    private static final int FULL_ROUNDS = 5;
    private static final int QUICK_ROUNDS = 2;
    private static final int MAX_ROUNDS = 1_000;
    private static final String NOTHING = "-";

    private final Streams streams;

    @Option(names = "--rounds", paramLabel = "N", description = "How many rounds; 5 unless given, 2 with --quick.")
    private @Nullable String rounds;

    @Option(names = "--quick", description = "A quarter of the samples and small sizes: for a first look.")
    private boolean quick;

    @Option(
            names = "--only",
            paramLabel = "NAME[,NAME...]",
            description = "Only the contenders whose name contains one of these, such as workqueue,c-,thread-pool.")
    private @Nullable String only;

    @Option(names = "--json", description = "Answer in JSON.")
    private boolean json;

    CompareCommand(Streams streams) {
        this.streams = streams;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        int count = rounds();
        Rounds plan = new Rounds(entries(), count, quick);
        List<String> machine = plan.machine();
        long begin = System.nanoTime();
        Results results = plan.run((round, contender) -> {
            if (!json) {
                streams.err().println("round " + round + " of " + count + ": " + contender);
            }
        });
        long elapsed = System.nanoTime() - begin;
        if (json) {
            json(machine, results, count, elapsed).print(streams.out());
        } else {
            print(machine, results, count, elapsed);
        }
        return ExitStatus.OK;
    }

    private int rounds() {
        if (rounds == null) {
            return quick ? QUICK_ROUNDS : FULL_ROUNDS;
        }
        return (int) Numbers.parse("--rounds", rounds, 1, MAX_ROUNDS);
    }

    private List<Lineup.Entry> entries() {
        List<Lineup.Entry> all = Lineup.all();
        if (only == null) {
            return all;
        }
        List<Lineup.Entry> chosen = new ArrayList<>();
        String[] names = only.split(",", -1);
        for (String name : names) {
            if (name.isBlank() || all.stream().noneMatch(entry -> entry.id().contains(name.strip()))) {
                throw new BadInput("--only " + name + " names no contender: there are "
                        + String.join(", ", all.stream().map(Lineup.Entry::id).toList()));
            }
        }
        for (Lineup.Entry entry : all) {
            for (String name : names) {
                if (entry.id().contains(name.strip()) && !chosen.contains(entry)) {
                    chosen.add(entry);
                }
            }
        }
        return chosen;
    }

    private void print(List<String> machine, Results results, int count, long elapsed) {
        machine.forEach(streams.out()::println);
        streams.out().println("rounds     " + count + (quick ? ", quick" : "") + ", " + Durations.seconds(elapsed));
        streams.out().println();
        printBars(results);
        streams.out().println();
        printFigures(results);
        List<String> behind = behind(results);
        if (!behind.isEmpty()) {
            streams.out().println();
            streams.out().println("where percpu is behind a peer:");
            behind.forEach(line -> streams.out().println("  " + line));
        }
        if (!results.leftOut().isEmpty()) {
            streams.out().println();
            results.leftOut().forEach((id, reason) -> streams.out().println("left out: " + id + ": " + reason));
        }
        results.notes().forEach(note -> streams.out().println("note: " + note));
    }

    private void printBars(Results results) {
        Table table = new Table(
                "measure", "ours", "beside", "median>", "least>", "most>", "rounds>", "bar>", "aim>", "verdict");
        for (Bar bar : Bar.of(results)) {
            Results.Figure figure = bar.figure();
            table.row(
                    bar.measure(),
                    bar.ours(),
                    bar.theirs(),
                    figure == null ? NOTHING : number(figure.median()) + " " + bar.unit(),
                    figure == null ? NOTHING : number(figure.min()),
                    figure == null ? NOTHING : number(figure.max()),
                    figure == null ? NOTHING : figure.rounds(),
                    number(bar.bar()),
                    number(bar.aim()),
                    verdict(bar));
        }
        table.print(streams.out());
    }

    private static String verdict(Bar bar) {
        Results.Figure figure = bar.figure();
        if (figure == null) {
            return "not measured";
        }
        return figure.median() <= bar.aim() ? "pass, aim reached" : figure.median() <= bar.bar() ? "pass" : "FAIL";
    }

    private void printFigures(Results results) {
        String[] measures = {
            "spinning.p50",
            "spinning.p99",
            "filled.p50",
            "asleep.p50",
            "asleep.p99",
            "wake.cost",
            "one.item",
            "two.item",
            "bytes.item",
            "hop"
        };
        Table table = new Table(
                "contender",
                "spinning p50 ns>",
                "p99>",
                "filled p50 ns>",
                "asleep p50 ns>",
                "p99>",
                "wake ns>",
                "1 producer ns>",
                "2 producers ns>",
                "bytes>",
                "hop ns>",
                "setting");
        Table calls = new Table("contender", "measure", "median ns>", "least>", "most>", "setting");
        for (Lineup.Entry entry : results.entries()) {
            if (results.measures(entry.id()).isEmpty()) {
                continue;
            }
            if (results.figure(entry.id(), measures[0]) == null) {
                for (String measure : results.measures(entry.id())) {
                    Results.Figure figure = results.figure(entry.id(), measure);
                    if (figure != null) {
                        calls.row(
                                entry.id(),
                                measure,
                                number(figure.median()),
                                number(figure.min()),
                                number(figure.max()),
                                entry.setting());
                    }
                }
                continue;
            }
            List<Object> row = new ArrayList<>();
            row.add(entry.id());
            for (String measure : measures) {
                Results.Figure figure = results.figure(entry.id(), measure);
                row.add(figure == null ? NOTHING : number(figure.median()));
            }
            row.add(entry.setting());
            table.row(row.toArray());
        }
        table.print(streams.out());
        streams.out().println();
        calls.print(streams.out());
    }

    /** Ours of the same kind of waiting, beside whoever is faster. */
    private static List<String> behind(Results results) {
        Map<String, String> ours = new LinkedHashMap<>();
        ours.put("spinning.p50", Lineup.OURS_SPIN);
        ours.put("filled.p50", Lineup.OURS_SPIN);
        ours.put("asleep.p50", Lineup.OURS_PARK);
        ours.put("wake.cost", Lineup.OURS_PARK);
        ours.put("one.item", Lineup.OURS_SPIN);
        ours.put("two.item", Lineup.OURS_SPIN);
        ours.put("pin", Lineup.OURS_MICRO);
        ours.put("getcpu", Lineup.OURS_MICRO);
        ours.put("timer.10", Lineup.OURS_TIMER);
        ours.put("timer.1000000", Lineup.OURS_TIMER);
        ours.put("timer.absolute", Lineup.OURS_TIMER);
        List<String> behind = new ArrayList<>();
        ours.forEach((measure, id) -> {
            Results.Figure mine = results.figure(id, measure);
            for (Lineup.Entry entry : results.entries()) {
                Results.Figure theirs = results.figure(entry.id(), measure);
                if (mine != null && theirs != null && !entry.ours() && theirs.median() < mine.median()) {
                    behind.add(measure + ": " + id + " " + number(mine.median()) + " ns, " + entry.id() + " "
                            + number(theirs.median()) + " ns");
                }
            }
        });
        return behind;
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, value < 10 ? "%.2f" : value < 1000 ? "%.1f" : "%.0f", value);
    }

    private Json json(List<String> machine, Results results, int count, long elapsed) {
        List<Map<String, @Nullable Object>> bars = new ArrayList<>();
        for (Bar bar : Bar.of(results)) {
            bars.add(new Json()
                    .put("measure", bar.measure())
                    .put("ours", bar.ours())
                    .put("beside", bar.theirs())
                    .put("unit", bar.unit())
                    .put("figure", figure(bar.figure()))
                    .put("bar", bar.bar())
                    .put("aim", bar.aim())
                    .put("passed", bar.passed())
                    .members());
        }
        Json contenders = new Json();
        for (Lineup.Entry entry : results.entries()) {
            Json measures = new Json();
            for (String measure : results.measures(entry.id())) {
                measures.put(measure, figure(results.figure(entry.id(), measure)));
            }
            contenders.put(
                    entry.id(), new Json().put("setting", entry.setting()).put("measures", measures));
        }
        return new Json()
                .put("machine", machine)
                .put("rounds", count)
                .put("quick", quick)
                .put("elapsedNs", elapsed)
                .put("bars", bars)
                .put("contenders", contenders)
                .put("leftOut", results.leftOut())
                .put("notes", new ArrayList<>(results.notes()));
    }

    private static @Nullable Json figure(Results.@Nullable Figure figure) {
        return figure == null
                ? null
                : new Json()
                        .put("median", figure.median())
                        .put("least", figure.min())
                        .put("most", figure.max())
                        .put("rounds", figure.rounds());
    }
}
