// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
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
        footer = {
            "",
            "Usable CPUs can be named: they are online and in the cpuset. Default ones are taken where none are named: the mask that the"
                    + " process was started with. Isolated ones are kept free of what is not pinned to them.",
            "A dash stands for what the kernel does not say. The column core counts as core:N does in lists of CPUs.",
            "Exit status: 0; 2 if --root names no machine."
        })
final class TopologyCommand implements Callable<Integer> {
    private static final String UNKNOWN = "-";

    private final Streams streams;

    @Option(names = "--json", description = "Answer in JSON.")
    private boolean json;

    @Option(
            names = "--root",
            paramLabel = "DIR",
            description =
                    "Show a captured machine: a folder that holds its sys and proc, or a text that the script topology/capture"
                            + " has printed.")
    private @Nullable Path root;

    @Option(
            names = "--allowed",
            paramLabel = "LIST",
            description =
                    "With --root: the mask of the captured process, if proc/self/status does not have it; otherwise its cpuset, or"
                            + " all that is online.")
    private @Nullable String allowed;

    TopologyCommand(Streams streams) {
        this.streams = streams;
    }

    @Override
    public Integer call() {
        CpuTopology topology = topology();
        if (json) {
            json(topology).print(streams.out());
        } else {
            print(topology, streams.out());
        }
        return ExitStatus.OK;
    }

    private CpuTopology topology() {
        if (root == null) {
            if (allowed != null) {
                throw new BadInput(
                        "--allowed goes with --root; this process is allowed what taskset has started it with");
            }
            return CpuTopology.system();
        }
        try (CapturedMachine machine = new CapturedMachine(root)) {
            return machine.topology(allowed == null ? null : CpuSet.parse(allowed));
        } catch (IllegalArgumentException e) {
            throw new BadInput("--allowed '" + allowed + "': " + e.getMessage(), e);
        }
    }

    private static void print(CpuTopology topology, PrintStream out) {
        out.println("usable    " + topology.usable() + " (" + topology.usable().size() + " of "
                + topology.present().size() + " CPUs present; these can be named)");
        out.println("default   " + topology.allowed() + " (these are taken where none are named)");
        out.println("online    " + topology.online());
        out.println("offline   " + orNone(topology.offline()));
        out.println("isolated  " + orNone(topology.isolated()));
        out.println("nohz_full " + orNone(topology.nohzFull()));
        out.println("allowed   " + topology.allowed() + " (the mask that the process was started with: the default)");
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
                "core id>",
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
                    cpu.online() ? topology.cores().indexOf(cpu.siblings()) : UNKNOWN,
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
        List<String> texts = new ArrayList<>();
        for (Map.Entry<Integer, CpuSet> group : groups.entrySet()) {
            texts.add((group.getKey() < 0 ? "unknown" : group.getKey()) + ": " + orNone(group.getValue()));
        }
        return String.join("; ", texts);
    }

    private static String known(int value) {
        return value < 0 ? UNKNOWN : Integer.toString(value);
    }

    private static String state(Cpu cpu) {
        String state = !cpu.online() ? "offline" : cpu.allowed() ? "default" : cpu.usable() ? "usable" : "not usable";
        return cpu.isolated() ? state + ", isolated" : state;
    }

    private static String caches(Cpu cpu) {
        List<String> caches = new ArrayList<>();
        for (Cpu.Cache cache : cpu.caches()) {
            caches.add("L" + cache.level() + letter(cache.type()) + " " + size(cache.sizeBytes()));
        }
        return caches.isEmpty() ? UNKNOWN : String.join(", ", caches);
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
                .put("usable", topology.usable().toString())
                .put("default", topology.allowed().toString())
                .put("allowed", topology.allowed().toString())
                .put("online", topology.online().toString())
                .put("offline", topology.offline().toString())
                .put("present", topology.present().toString())
                .put("possible", topology.possible().toString())
                .put("isolated", topology.isolated().toString())
                .put("nohzFull", topology.nohzFull().toString())
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
                .put("usable", cpu.usable())
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
