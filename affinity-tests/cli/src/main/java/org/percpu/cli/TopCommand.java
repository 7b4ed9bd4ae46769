// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.percpu.top.Kernels;
import org.percpu.top.NoAnswer;
import org.percpu.top.Target;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code percpu top}: the kernels of a running process, again and again. */
@Command(
        name = "top",
        description = {
            "Shows the kernels, queues, workers and timers of a running process. Nothing has to be switched on in it; with"
                    + " KernelBuilder.timing(true) it also tells how long works wait and run.",
            ""
        },
        footer = {
            "",
            "It runs until it is interrupted or the process ends.",
            "Exit status: 0 it was shown; 1 the process does not answer; 2 bad input."
        })
final class TopCommand implements Callable<Integer> {
    private static final String CLEAR = "\u001b[H\u001b[2J";

    private final Streams streams;

    @Mixin
    private ProcessOption process = new ProcessOption();

    @Option(names = "--once", description = "Show it once, with the rates of one interval, and end.")
    private boolean once;

    @Option(
            names = "--interval",
            paramLabel = "T",
            description = "Time between two looks, such as 500ms; 1s unless given.")
    private String interval = "1s";

    @Option(names = "--json", description = "Answer in JSON, one object for each look.")
    private boolean json;

    TopCommand(Streams streams) {
        this.streams = streams;
    }

    @Override
    public Integer call() throws InterruptedException {
        long nanos = Durations.parse("--interval", interval);
        boolean shown = false;
        try (Target target = process.attach()) {
            Map<String, Long> before = executed(Kernels.read(target));
            long last = System.nanoTime();
            do {
                TimeUnit.NANOSECONDS.sleep(nanos);
                List<Map<String, @Nullable Object>> kernels = Kernels.read(target);
                long now = System.nanoTime();
                rates(kernels, before, now - last);
                last = now;
                before = executed(kernels);
                if (json) {
                    new Json().put("pid", process.pid()).put("kernels", kernels).print(streams.out());
                } else {
                    print(kernels);
                }
                shown = true;
            } while (!once && !streams.out().checkError());
            return ExitStatus.OK;
        } catch (NoAnswer e) {
            streams.err().println("percpu top: " + e.getMessage());
            return shown && !once ? ExitStatus.OK : ExitStatus.FAILED;
        }
    }

    private static Map<String, Long> executed(List<Map<String, @Nullable Object>> kernels) {
        Map<String, Long> executed = new HashMap<>();
        for (Map<String, @Nullable Object> kernel : kernels) {
            for (Map<String, @Nullable Object> worker : Kernels.list(kernel, "workers")) {
                executed.put(key(kernel, worker), Kernels.number(worker, "executed"));
            }
        }
        return executed;
    }

    private static String key(Map<String, @Nullable Object> kernel, Map<String, @Nullable Object> worker) {
        return kernel.get("id") + " " + Kernels.number(Kernels.map(worker, "thread"), "tid") + " "
                + worker.get("queue");
    }

    private static void rates(List<Map<String, @Nullable Object>> kernels, Map<String, Long> before, long nanos) {
        for (Map<String, @Nullable Object> kernel : kernels) {
            for (Map<String, @Nullable Object> worker : Kernels.list(kernel, "workers")) {
                long ran = Kernels.number(worker, "executed") - before.getOrDefault(key(kernel, worker), 0L);
                worker.put("runsPerSecond", Math.round(ran * 1e9 / nanos));
            }
        }
    }

    private void print(List<Map<String, @Nullable Object>> kernels) {
        if (!once && Progress.isTerminal(1)) {
            streams.out().print(CLEAR);
        }
        for (Map<String, @Nullable Object> kernel : kernels) {
            String holder = Kernels.text(kernel, "lockHolder");
            streams.out()
                    .println("kernel " + Kernels.text(kernel, "name") + " of process " + process.pid() + ": CPUs "
                            + kernel.get("cpus") + ", kernel lock " + (holder.isEmpty() ? "free" : "held by " + holder)
                            + ", stalls " + Kernels.number(kernel, "stalls"));
            workers(kernel);
            threads(kernel);
            clocks(kernel);
        }
    }

    private void workers(Map<String, @Nullable Object> kernel) {
        boolean timing = Boolean.TRUE.equals(kernel.get("timing"));
        Table table = timing
                ? new Table(
                        "queue",
                        "tid>",
                        "cpu>",
                        "policy",
                        "pin",
                        "depth>",
                        "runs/s>",
                        "wait p50>",
                        "p99>",
                        "max>",
                        "run p50>",
                        "p99>",
                        "max>",
                        "runs now",
                        "waits for")
                : new Table("queue", "tid>", "cpu>", "policy", "pin", "depth>", "runs/s>", "runs now", "waits for");
        for (Map<String, @Nullable Object> worker : Kernels.list(kernel, "workers")) {
            Map<String, @Nullable Object> thread = Kernels.map(worker, "thread");
            List<Object> cells = new ArrayList<>(List.of(
                    Kernels.text(worker, "queue"),
                    Kernels.number(thread, "tid"),
                    Kernels.number(thread, "cpu"),
                    Kernels.text(thread, "policy"),
                    pin(thread),
                    Kernels.number(worker, "depth"),
                    Kernels.number(worker, "runsPerSecond")));
            if (timing) {
                cells.addAll(times(worker.get("waiting")));
                cells.addAll(times(worker.get("running")));
            }
            String item = Kernels.text(worker, "item");
            cells.add(item.isEmpty() ? "-" : item + " for " + time(Kernels.number(worker, "itemNanos")));
            cells.add(item.isEmpty() ? "-" : orDash(Kernels.text(thread, "waitsFor")));
            table.row(cells.toArray());
        }
        table.print(streams.out());
    }

    private static List<String> times(@Nullable Object times) {
        List<String> cells = new ArrayList<>();
        if (times instanceof List<?> list) {
            list.forEach(time -> cells.add(time instanceof Number number ? time(number.longValue()) : "-"));
        }
        while (cells.size() < 3) {
            cells.add("-");
        }
        return cells;
    }

    private static String pin(Map<String, @Nullable Object> thread) {
        if (!Boolean.TRUE.equals(thread.get("bound"))) {
            return "none";
        }
        long lost = Kernels.number(thread, "pinsLost");
        return (Boolean.TRUE.equals(thread.get("pinned")) ? "" : "LOST ")
                + Kernels.text(thread, "asked")
                + (lost == 0 ? "" : " (lost " + lost + "x)");
    }

    /** The threads that belong to no queue. */
    private void threads(Map<String, @Nullable Object> kernel) {
        Map<Long, Map<String, @Nullable Object>> others = new LinkedHashMap<>();
        for (Map<String, @Nullable Object> thread : Kernels.list(kernel, "threads")) {
            others.put(Kernels.number(thread, "tid"), thread);
        }
        for (Map<String, @Nullable Object> worker : Kernels.list(kernel, "workers")) {
            others.remove(Kernels.number(Kernels.map(worker, "thread"), "tid"));
        }
        if (others.isEmpty()) {
            return;
        }
        Table table = new Table("thread", "tid>", "cpu>", "policy", "pin", "state", "waits for");
        for (Map<String, @Nullable Object> thread : others.values()) {
            table.row(
                    Kernels.text(thread, "name"),
                    Kernels.number(thread, "tid"),
                    Kernels.number(thread, "cpu"),
                    Kernels.text(thread, "policy"),
                    pin(thread),
                    Kernels.text(thread, "stat"),
                    orDash(Kernels.text(thread, "waitsFor")));
        }
        table.print(streams.out());
    }

    private void clocks(Map<String, @Nullable Object> kernel) {
        List<Map<String, @Nullable Object>> clocks = Kernels.list(kernel, "clocks");
        if (clocks.isEmpty()) {
            return;
        }
        Table table = new Table("clock of CPU>", "timers>", "next>", "fired>", "late>", "worst>");
        for (Map<String, @Nullable Object> clock : clocks) {
            long next = Kernels.number(clock, "nextNanos");
            table.row(
                    Kernels.number(clock, "cpu"),
                    Kernels.number(clock, "pending"),
                    next < 0 ? "-" : time(next),
                    Kernels.number(clock, "fired"),
                    Kernels.number(clock, "late"),
                    time(Kernels.number(clock, "worstLateNanos")));
        }
        table.print(streams.out());
    }

    private static String orDash(String text) {
        return text.isEmpty() ? "-" : text;
    }

    /** With three digits or so, and the unit. */
    static String time(long nanos) {
        if (nanos < 1_000) {
            return nanos + "ns";
        }
        String[] units = {"us", "ms", "s"};
        double value = nanos / 1e3;
        int unit = 0;
        while (value >= 1000 && unit < units.length - 1) {
            value /= 1000;
            unit++;
        }
        return String.format(
                Locale.ROOT, value < 10 ? "%.2f%s" : value < 100 ? "%.1f%s" : "%.0f%s", value, units[unit]);
    }
}
