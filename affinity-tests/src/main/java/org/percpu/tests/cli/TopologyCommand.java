// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.cli;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code percpu topology}: what this machine is, and what this process may use of it. */
@Command(
        name = "topology",
        description = "Shows the CPUs of this machine, and which of them this process may use.",
        footer = {"", "A dash stands for what the kernel does not say. Exit status: 0."})
final class TopologyCommand implements Callable<Integer> {
    private static final String UNKNOWN = "-";

    private final Streams streams;

    @Option(names = "--json", description = "Answer in JSON.")
    private boolean json;

    TopologyCommand(Streams streams) {
        this.streams = streams;
    }

    @Override
    public Integer call() {
        CpuTopology topology = CpuTopology.system();
        if (json) {
            json(topology).print(streams.out());
        } else {
            print(topology, streams.out());
        }
        return ExitStatus.OK;
    }

    private static void print(CpuTopology topology, PrintStream out) {
        out.println("allowed   " + topology.allowed() + " ("
                + topology.allowed().size() + " of " + topology.present().size() + " CPUs present)");
        out.println("online    " + topology.online());
        out.println("offline   " + orNone(topology.offline()));
        out.println("isolated  " + orNone(topology.isolated()));
        out.println("cpuset    " + topology.cpuset().map(CpuSet::toString).orElse("none that can be read"));
        out.println("packages  " + groups(topology.packages()));
        out.println("nodes     " + (topology.nodes().isEmpty() ? "no NUMA" : groups(topology.nodes())));
        out.println("cores     " + topology.cores().size());
        out.println();
        Table table = new Table(
                "cpu>",
                "index>",
                "state",
                "package>",
                "node>",
                "core>",
                "siblings",
                "kind",
                "capacity>",
                "max MHz>",
                "caches");
        for (Cpu cpu : topology.cpus()) {
            table.row(
                    cpu.id(),
                    known(cpu.index()),
                    state(cpu),
                    known(cpu.packageId()),
                    known(cpu.node()),
                    known(cpu.coreId()),
                    cpu.siblings(),
                    cpu.kind().name().toLowerCase(Locale.ROOT),
                    known(cpu.capacity()),
                    cpu.maxFrequencyKHz() < 0 ? UNKNOWN : cpu.maxFrequencyKHz() / 1000,
                    caches(cpu));
        }
        table.print(out);
        if (!topology.complete()) {
            out.println();
            topology.problems().forEach(problem -> out.println("note: " + problem));
        }
    }

    private static String orNone(CpuSet set) {
        return set.isEmpty() ? "none" : set.toString();
    }

    private static String groups(Map<Integer, CpuSet> groups) {
        return groups.entrySet().stream()
                .map(e -> (e.getKey() < 0 ? "unknown" : e.getKey()) + ": " + orNone(e.getValue()))
                .collect(Collectors.joining("; "));
    }

    private static String known(int value) {
        return value < 0 ? UNKNOWN : Integer.toString(value);
    }

    private static String state(Cpu cpu) {
        String state = !cpu.online() ? "offline" : cpu.allowed() ? "allowed" : "not allowed";
        return cpu.isolated() ? state + ", isolated" : state;
    }

    private static String caches(Cpu cpu) {
        String caches = cpu.caches().stream()
                .map(cache -> "L" + cache.level() + letter(cache.type()) + " " + size(cache.sizeBytes()))
                .collect(Collectors.joining(", "));
        return caches.isEmpty() ? UNKNOWN : caches;
    }

    private static String letter(String type) {
        return switch (type) {
            case "Data" -> "d";
            case "Instruction" -> "i";
            default -> "";
        };
    }

    private static String size(long bytes) {
        if (bytes < 0) {
            return "of unknown size";
        }
        return bytes % (1 << 20) == 0 ? (bytes >> 20) + " MiB" : (bytes >> 10) + " KiB";
    }

    private static Json json(CpuTopology topology) {
        List<Map<String, @Nullable Object>> cpus = new ArrayList<>();
        for (Cpu cpu : topology.cpus()) {
            cpus.add(json(cpu).members());
        }
        return new Json()
                .put("allowed", topology.allowed().toString())
                .put("online", topology.online().toString())
                .put("offline", topology.offline().toString())
                .put("present", topology.present().toString())
                .put("possible", topology.possible().toString())
                .put("isolated", topology.isolated().toString())
                .put("cpuset", topology.cpuset().map(CpuSet::toString).orElse(null))
                .put("packages", members(topology.packages()))
                .put("nodes", members(topology.nodes()))
                .put("cores", topology.cores().stream().map(CpuSet::toString).toList())
                .put("cpus", cpus)
                .put("problems", topology.problems());
    }

    private static Json members(Map<Integer, CpuSet> groups) {
        Json members = new Json();
        groups.forEach((id, set) -> members.put(id.toString(), set.toString()));
        return members;
    }

    private static Json json(Cpu cpu) {
        List<Map<String, @Nullable Object>> caches = new ArrayList<>();
        for (Cpu.Cache cache : cpu.caches()) {
            caches.add(new Json()
                    .put("level", cache.level())
                    .put("type", cache.type())
                    .put("sizeBytes", orNull(cache.sizeBytes()))
                    .put("shared", cache.shared().toString())
                    .members());
        }
        return new Json()
                .put("cpu", cpu.id())
                .put("index", orNull(cpu.index()))
                .put("allowed", cpu.allowed())
                .put("online", cpu.online())
                .put("isolated", cpu.isolated())
                .put("package", orNull(cpu.packageId()))
                .put("node", orNull(cpu.node()))
                .put("core", orNull(cpu.coreId()))
                .put("siblings", cpu.siblings().toString())
                .put("kind", cpu.kind().name())
                .put("capacity", orNull(cpu.capacity()))
                .put("maxFrequencyKHz", orNull(cpu.maxFrequencyKHz()))
                .put("caches", caches);
    }

    private static @Nullable Long orNull(long value) {
        return value < 0 ? null : (Long) value;
    }
}
