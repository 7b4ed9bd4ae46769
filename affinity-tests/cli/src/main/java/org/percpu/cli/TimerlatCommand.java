// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.percpu.bench.Lateness;
import org.percpu.bench.TimerLatency;
import org.percpu.kernel.Kernel;
import org.percpu.thread.RealtimePolicy;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code percpu timerlat}: how late timers are. */
@Command(
        name = "timerlat",
        description = {
            "Arms a callout(9) on each CPU, again and again, and prints how late its function is called; beside it a C program that"
                    + " sleeps by clock_nanosleep(TIMER_ABSTIME) on the same CPU at the same policy, and cyclictest where it is on"
                    + " PATH (Debian: apt-get install rt-tests), in alternating rounds.",
            "",
            "A period that comes too late to keep is left out, and counted as missed. cyclictest counts whole microseconds. The"
                    + " callouts are warmed for a second before, which is in no figure.",
            ""
        },
        footer = {"", "Exit status: 0 measured, whatever the figures are; 1 the policy was refused; 2 bad input."})
final class TimerlatCommand implements Callable<Integer> {
    private static final double[] PERCENTILES = {50, 90, 99, 99.9};
    private static final int MOST_ROUNDS = 5;
    private static final long LEAST_MICROS = 10;
    private static final long MOST_MICROS = TimeUnit.SECONDS.toMicros(60);
    private static final int LEAST_EXPIRIES = 10;
    private static final String NOTHING = "-";

    private final Streams streams;

    @Mixin
    private final TimingOptions timing = new TimingOptions();

    @Option(
            names = {"-i", "--interval"},
            paramLabel = "US",
            defaultValue = "1000",
            description = "Microseconds from one expiry to the next; ${DEFAULT-VALUE} unless given.")
    private String interval = "1000";

    @Option(names = "--json", description = "Answer in JSON.")
    private boolean json;

    TimerlatCommand(Streams streams) {
        this.streams = streams;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        TimerLatency.Plan plan = plan();
        RealtimePolicy realtime =
                plan.policy() != null && plan.policy().priority() == 0 ? RealtimePolicy.NEVER : RealtimePolicy.PREFER;
        try (Kernel kernel = timing.kernel(Kernel.builder("timerlat").realtimePolicy(realtime));
                TimerLatency latency = new TimerLatency(kernel, plan)) {
            Map<String, Map<Integer, Lateness>> found = latency.run();
            if (json) {
                json(plan, latency, found).print(streams.out());
            } else {
                print(plan, latency, found);
            }
        } catch (TimerLatency.Refused e) {
            streams.err().println("percpu timerlat: " + e.getMessage());
            return ExitStatus.FAILED;
        }
        return ExitStatus.OK;
    }

    private TimerLatency.Plan plan() {
        long micros = Numbers.parse("--interval", interval, LEAST_MICROS, MOST_MICROS);
        long nanos = timing.durationNanos();
        long period = TimeUnit.MICROSECONDS.toNanos(micros);
        if (nanos / period < LEAST_EXPIRIES) {
            throw new BadInput("--duration " + Durations.seconds(nanos) + " has no room for " + LEAST_EXPIRIES
                    + " expiries every " + micros + " us: write a longer one, or a shorter --interval");
        }
        int rounds = (int) Math.max(1, Math.min(MOST_ROUNDS, TimeUnit.NANOSECONDS.toSeconds(nanos)));
        return new TimerLatency.Plan(Duration.ofNanos(period), Duration.ofNanos(nanos), rounds, timing.policy());
    }

    private void print(TimerLatency.Plan plan, TimerLatency latency, Map<String, Map<Integer, Lateness>> found) {
        streams.out()
                .println("policy     " + latency.policy() + ", every "
                        + TimeUnit.NANOSECONDS.toMicros(plan.interval().toNanos()) + " us for "
                        + Durations.seconds(plan.duration().toNanos()) + " in " + plan.rounds() + " rounds");
        streams.out().println();
        Table table = new Table(
                "cpu>",
                "contender",
                "count>",
                "p50 us>",
                "p90>",
                "p99>",
                "p99.9>",
                "max>",
                "missed>",
                "p50 : c>",
                "p99 : c>");
        for (int cpu : found.getOrDefault(TimerLatency.OURS, Map.of()).keySet()) {
            Lateness c = found.getOrDefault(TimerLatency.C, Map.of()).get(cpu);
            found.forEach((contender, byCpu) -> {
                Lateness lateness = byCpu.get(cpu);
                if (lateness != null) {
                    table.row(row(cpu, contender, lateness, contender.equals(TimerLatency.C) ? null : c)
                            .toArray());
                }
            });
        }
        table.print(streams.out());
        latency.leftOut().forEach((who, why) -> streams.out().println("left out: " + who + ": " + why));
    }

    private static List<Object> row(int cpu, String contender, Lateness lateness, @Nullable Lateness c) {
        List<Object> row = new ArrayList<>(List.of(cpu, contender, lateness.count()));
        for (double percent : PERCENTILES) {
            long value = lateness.percentile(percent);
            row.add(value < 0 ? NOTHING : Durations.micros(value));
        }
        row.add(Durations.micros(lateness.max()));
        row.add(contender.equals(TimerLatency.CYCLICTEST) ? NOTHING : lateness.missed());
        for (double percent : new double[] {50, 99}) {
            Double ratio = ratio(lateness, c, percent);
            row.add(ratio == null ? NOTHING : String.format(Locale.ROOT, "%.2f", ratio));
        }
        return row;
    }

    private static @Nullable Double ratio(Lateness ours, @Nullable Lateness c, double percent) {
        long theirs = c == null ? -1 : c.percentile(percent);
        long value = ours.percentile(percent);
        return theirs <= 0 || value < 0 ? null : (Double) ((double) value / theirs);
    }

    private static Json json(TimerLatency.Plan plan, TimerLatency latency, Map<String, Map<Integer, Lateness>> found) {
        List<Map<String, @Nullable Object>> rows = new ArrayList<>();
        found.forEach((contender, byCpu) -> byCpu.forEach((cpu, lateness) -> {
            Json row = new Json().put("cpu", cpu).put("contender", contender).put("count", lateness.count());
            for (double percent : PERCENTILES) {
                long value = lateness.percentile(percent);
                String key = "p"
                        + (percent == Math.rint(percent) ? Long.toString((long) percent) : Double.toString(percent));
                row.put(key, value < 0 ? null : (Object) value);
            }
            Lateness c = contender.equals(TimerLatency.C)
                    ? null
                    : found.getOrDefault(TimerLatency.C, Map.of()).get(cpu);
            row.put("max", lateness.max())
                    .put("missed", contender.equals(TimerLatency.CYCLICTEST) ? null : (Object) lateness.missed())
                    .put("p50ToC", ratio(lateness, c, 50))
                    .put("p99ToC", ratio(lateness, c, 99));
            rows.add(row.members());
        }));
        return new Json()
                .put("unit", "ns")
                .put("method", "callout, System.nanoTime in the function")
                .put("policy", latency.policy().toString())
                .put("intervalNs", plan.interval().toNanos())
                .put("durationNs", plan.duration().toNanos())
                .put("rounds", plan.rounds())
                .put("lateness", rows)
                .put("leftOut", latency.leftOut());
    }
}
