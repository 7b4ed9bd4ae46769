// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.kernel.Kernel;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code percpu soak}: many task_add from every CPU, and not one unaccounted for. */
@Command(
        name = "soak",
        description = {
            "Calls task_add(9) from a thread on every CPU, as fast as they can, on several queues at once, with task_del in"
                    + " between, and then counts: every add has run, was coalesced with one that was queued already, or was"
                    + " deleted.",
            ""
        },
        footer = {
            "",
            "It ends after --duration or --adds, whichever comes first.",
            "Exit status: 0 runs + coalesced + deleted = adds, for each task by itself; 1 they are not; 2 bad input."
        })
final class SoakCommand implements Callable<Integer> {
    private static final long MAX_ADDS = 1_000_000_000_000L;

    private final Streams streams;

    @Mixin
    private final TraceFile trace;

    @Mixin
    private CpusOption cpus = new CpusOption();

    @Option(
            names = "--duration",
            paramLabel = "T",
            description = "Go on for so long, such as 30s or 10m; 60s unless this or --adds is given.")
    private @Nullable String duration;

    @Option(names = "--adds", paramLabel = "N", description = "How many task_add in all, shared evenly among the CPUs.")
    private @Nullable String adds;

    @Option(names = "--json", description = "Answer in JSON.")
    private boolean json;

    SoakCommand(Streams streams) {
        this.streams = streams;
        this.trace = new TraceFile(streams);
    }

    @Override
    public Integer call() throws Exception {
        return trace.around("percpu soak", this::execute);
    }

    private int execute() throws InterruptedException {
        long atMost = adds == null ? Long.MAX_VALUE : Numbers.parse("--adds", adds, 1, MAX_ADDS);
        long nanos = Long.MAX_VALUE;
        if (duration != null) {
            nanos = Durations.parse("--duration", duration);
        } else if (adds == null) {
            nanos = TimeUnit.SECONDS.toNanos(60);
        }
        List<String> faults = Collections.synchronizedList(new ArrayList<>());
        Kernel kernel = kernel(faults);
        Soak soak = new Soak(kernel);
        Soak.Outcome outcome;
        try (Progress progress = nanos == Long.MAX_VALUE
                ? Progress.start(streams.err(), "percpu soak", atMost, "adds")
                : Progress.start(streams.err(), "percpu soak", TimeUnit.NANOSECONDS.toMillis(nanos), "ms")) {
            outcome = soak.run(atMost, nanos, progress);
        }
        if (outcome.dropped() == 0) {
            kernel.close();
        }
        faults.addAll(outcome.complaints());
        if (json) {
            json(outcome, faults).print(streams.out());
        } else {
            print(outcome, faults);
        }
        return outcome.exact() && faults.isEmpty() ? ExitStatus.OK : ExitStatus.FAILED;
    }

    private Kernel kernel(List<String> faults) {
        return cpus.kernel(Kernel.builder("percpu soak")
                .faultHandler((queue, item, thrown) -> {
                    if (faults.isEmpty()) {
                        faults.add("a task on " + queue + " threw " + thrown);
                    }
                })
                .console(streams.err()::println));
    }

    private void print(Soak.Outcome outcome, List<String> faults) {
        streams.out()
                .println("backend " + Backend.linux().backend() + ", Java " + Runtime.version() + ", Linux "
                        + RunReport.kernelRelease());
        Table producers = new Table("producer", "tid>", "cpu>", "adds>", "queued>", "coalesced>", "deleted>");
        for (Soak.Producer producer : outcome.producers()) {
            producers.row(
                    producer.name(),
                    producer.tid(),
                    producer.cpu(),
                    producer.adds(),
                    producer.adds() - producer.coalesced(),
                    producer.coalesced(),
                    producer.deleted());
        }
        producers.print(streams.out());
        Table queues = new Table("queue", "threads>", "run>");
        outcome.queues().forEach(queue -> queues.row(queue.name(), queue.threads(), queue.run()));
        queues.print(streams.out());
        streams.out()
                .println(outcome.runs() + " runs + " + outcome.coalesced() + " coalesced + " + outcome.deleted()
                        + " deleted = " + (outcome.runs() + outcome.coalesced() + outcome.deleted()) + "; adds: "
                        + outcome.adds() + (outcome.exact() ? ", exactly" : ""));
        streams.out()
                .println("in " + Durations.seconds(outcome.elapsedNanos()) + ", "
                        + String.format(Locale.ROOT, "%.2f", outcome.addsPerSecond() / 1e6) + " million adds a second");
        faults.forEach(streams.out()::println);
    }

    private static Json json(Soak.Outcome outcome, List<String> faults) {
        List<Map<String, @Nullable Object>> producers = new ArrayList<>();
        for (Soak.Producer producer : outcome.producers()) {
            producers.add(new Json()
                    .put("cpu", producer.cpu())
                    .put("name", producer.name())
                    .put("tid", producer.tid())
                    .put("adds", producer.adds())
                    .put("coalesced", producer.coalesced())
                    .put("deleted", producer.deleted())
                    .members());
        }
        List<Map<String, @Nullable Object>> queues = new ArrayList<>();
        for (Soak.Queue queue : outcome.queues()) {
            queues.add(new Json()
                    .put("name", queue.name())
                    .put("threads", queue.threads())
                    .put("run", queue.run())
                    .members());
        }
        return new Json()
                .put("backend", Backend.linux().backend())
                .put("java", Runtime.version().toString())
                .put("kernel", RunReport.kernelRelease())
                .put("producers", producers)
                .put("queues", queues)
                .put("adds", outcome.adds())
                .put("runs", outcome.runs())
                .put("coalesced", outcome.coalesced())
                .put("deleted", outcome.deleted())
                .put("dropped", outcome.dropped())
                .put("exact", outcome.exact())
                .put("complaints", faults)
                .put("elapsedNs", outcome.elapsedNanos())
                .put("addsPerSecond", Math.round(outcome.addsPerSecond()));
    }
}
