// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.ToLongFunction;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.thread.RealtimePolicy;
import org.percpu.thread.Sched;
import org.percpu.thread.ThreadState;

/**
 * What a run has shown.
 *
 * @param lanes one for each CPU
 * @param outcome the workers of the lanes, in the same order
 * @param faults callbacks that threw
 */
record RunReport(List<Lane> lanes, Dealer.Outcome outcome, List<String> faults) {

    private long total(ToLongFunction<Lane> of) {
        return lanes.stream().mapToLong(of).sum();
    }

    private ThreadState thread(int lane) {
        return outcome.workers().get(lane).thread();
    }

    /** Nothing lost, nothing run twice, nothing run elsewhere, and every worker where it was asked to be. */
    boolean good() {
        return total(Lane::lost) == 0
                && total(Lane::duplicated) == 0
                && total(Lane::elsewhere) == 0
                && faults.isEmpty()
                && outcome.workers().stream().allMatch(worker -> worker.thread().pinned());
    }

    void printTable(PrintStream out) {
        Table table = new Table(
                "worker",
                "tid>",
                "cpu>",
                "allowed>",
                "policy",
                "enqueued>",
                "run>",
                "elsewhere>",
                "p50 us>",
                "p90>",
                "p99>",
                "p99.9>",
                "max>");
        for (int i = 0; i < lanes.size(); i++) {
            Lane lane = lanes.get(i);
            ThreadState thread = thread(i);
            Histogram latency = lane.latency();
            table.row(
                    thread.name(),
                    thread.tid(),
                    thread.asked(),
                    (Simulation.active() ? "simulated " : "") + thread.allowed(),
                    thread.sched(),
                    lane.dealt(),
                    lane.executed(),
                    lane.elsewhere(),
                    micros(latency, 50),
                    micros(latency, 90),
                    micros(latency, 99),
                    micros(latency, 99.9),
                    micros(latency, 100));
        }
        out.println("backend " + Backend.linux().backend() + ", Java " + Runtime.version() + ", "
                + (Simulation.active() ? "" : "Linux ") + kernelRelease());
        table.print(out);
        out.println("total: " + total(Lane::dealt) + " works in " + Durations.seconds(outcome.elapsedNanos()) + ", "
                + total(Lane::lost) + " lost, " + total(Lane::duplicated) + " run twice, " + total(Lane::elsewhere)
                + " run elsewhere" + (Simulation.active() ? " (simulated)" : ""));
        notes().forEach(out::println);
    }

    private static String micros(Histogram latency, double percentile) {
        return latency.getTotalCount() == 0 ? "-" : Durations.micros(latency.getValueAtPercentile(percentile));
    }

    /** What a reader of the table must know. */
    List<String> notes() {
        List<String> notes = new ArrayList<>();
        Map<String, List<String>> denials = new LinkedHashMap<>();
        for (int i = 0; i < lanes.size(); i++) {
            ThreadState thread = thread(i);
            Sched asked = thread.schedAsked();
            if (!thread.sched().equals(asked)) {
                boolean never = asked.realtime() && thread.realtimePolicy() == RealtimePolicy.NEVER;
                String denial = thread.denial() != null
                        ? thread.denial()
                        : never ? "--realtime never" : "somebody has changed it since";
                denials.computeIfAbsent(
                                asked + " was asked for and " + thread.sched() + " is what they got: " + denial,
                                any -> new ArrayList<>())
                        .add(thread.name());
            }
            if (!thread.pinned()) {
                notes.add(thread.name() + " was asked to run on CPU " + thread.asked() + " and the kernel has it on "
                        + (thread.allowed().isEmpty() ? "no CPU that is online" : thread.allowed()));
            }
            if (thread.pinsLost() > 0) {
                notes.add(thread.name() + " lost its pin " + thread.pinsLost()
                        + "x: the CPU went offline, or somebody changed the mask");
            }
        }
        denials.forEach((denial, workers) -> notes.add("note: " + String.join(", ", workers) + ": " + denial));
        if (outcome.stalled()) {
            notes.add("the workers stopped making progress: the works in flight count as lost");
        }
        notes.addAll(faults);
        return notes;
    }

    Json json() {
        List<Map<String, @Nullable Object>> cpus = new ArrayList<>();
        for (int i = 0; i < lanes.size(); i++) {
            Lane lane = lanes.get(i);
            ThreadState thread = thread(i);
            Histogram latency = lane.latency();
            cpus.add(new Json()
                    .put("cpu", lane.cpu.id())
                    .put("name", thread.name())
                    .put("tid", thread.tid())
                    .put("asked", thread.asked().toString())
                    .put("allowed", (Simulation.active() ? "simulated " : "") + thread.allowed())
                    .put("policy", thread.sched().policyName())
                    .put("rtPriority", thread.sched().rtPriority())
                    .put("enqueued", lane.dealt())
                    .put("executed", lane.executed())
                    .put("elsewhere", lane.elsewhere())
                    .put(
                            "latencyNs",
                            new Json()
                                    .put("p50", latency.getValueAtPercentile(50))
                                    .put("p90", latency.getValueAtPercentile(90))
                                    .put("p99", latency.getValueAtPercentile(99))
                                    .put("p999", latency.getValueAtPercentile(99.9))
                                    .put("max", latency.getMaxValue()))
                    .members());
        }
        return new Json()
                .put("backend", Backend.linux().backend())
                .put("java", Runtime.version().toString())
                .put("kernel", kernelRelease())
                .put("cpus", cpus)
                .put("lost", total(Lane::lost))
                .put("duplicated", total(Lane::duplicated))
                .put("elapsedNs", outcome.elapsedNanos());
    }

    static String kernelRelease() {
        if (Simulation.active()) {
            return "simulated machine " + Simulation.machine();
        }
        return Objects.requireNonNullElse(System.getProperty("os.version"), "unknown");
    }
}
