// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Reads a {@link CpuTopology} from the kernel's files, and puts a default in the place of each that is missing. */
final class TopologyReader {
    private static final int STRONGEST = 1024;
    private static final Set<String> CACHE_TYPES = Set.of("Data", "Instruction", "Unified");

    private final Path rootPath;
    private final SysFolder root;
    private final SysFolder cpuFolder;
    private final CpuSet allowed;
    private final List<String> problems = new ArrayList<>();
    private final Map<String, CpuSet> problemsOfCpus = new LinkedHashMap<>();

    TopologyReader(Path root, CpuSet allowed) {
        this.rootPath = root;
        this.root = new SysFolder(root, "/", problems::add);
        this.cpuFolder = this.root.sub("sys/devices/system/cpu");
        this.allowed = allowed;
    }

    static CpuTopology uniform(CpuSet cpus) {
        return new CpuTopology(uniformCpus(cpus), cpus, Map.of(), null, List.of(), "uniform CPUs, nothing read");
    }

    /** A set as the subject of a sentence. */
    static String plural(CpuSet cpus) {
        return (cpus.size() == 1 ? "CPU " : "CPUs ") + cpus;
    }

    private static List<Cpu> uniformCpus(CpuSet cpus) {
        List<Cpu> uniform = new ArrayList<>();
        for (int id : cpus) {
            CpuSet self = CpuSet.of(id);
            uniform.add(
                    new Cpu(id, uniform.size(), true, false, -1, -1, -1, self, Cpu.Kind.UNIFORM, -1, -1, List.of()));
        }
        return uniform;
    }

    CpuTopology read() {
        CpuSet cpuset = new CgroupCpuset(root).read();
        if (!cpuFolder.exists()) {
            cpuFolder.problem("", "no such folder; took the allowed CPUs as uniform, each a core of its own");
            return new CpuTopology(
                    uniformCpus(allowed),
                    allowed,
                    Map.of(),
                    cpuset,
                    problems,
                    "allowed CPUs only, no sysfs below " + rootPath);
        }
        CpuSet present = present();
        CpuSet online = online(present);
        CpuSet possible = listOr("possible", present, "the present CPUs");
        CpuSet isolated = listOr("isolated", CpuSet.empty(), "none");
        Map<Integer, CpuSet> nodes = nodes(online);
        Map<Integer, CpuSet> siblings = siblings(online);
        Map<Integer, Integer> capacities = capacities(present);
        Kinds kinds = kinds(capacities);

        List<Cpu> cpus = new ArrayList<>();
        int index = 0;
        for (int id : present) {
            SysFolder folder = folderOf(id);
            SysFolder topology = folder.sub("topology");
            boolean isOnline = online.contains(id);
            cpus.add(new Cpu(
                    id,
                    allowed.contains(id) ? index++ : -1,
                    isOnline,
                    isolated.contains(id),
                    isOnline ? topology.number("core_id") : -1,
                    isOnline ? topology.number("physical_package_id") : -1,
                    nodeOf(id, nodes),
                    siblings.getOrDefault(id, CpuSet.of(id)),
                    kinds.of(id),
                    capacities.getOrDefault(id, -1),
                    folder.sub("cpufreq").number("cpuinfo_max_freq"),
                    isOnline ? caches(id, folder.sub("cache")) : List.of()));
        }
        problemsOfCpus.forEach((line, of) -> problems.add(plural(of) + ": " + line));
        return new CpuTopology(cpus, possible, nodes, cpuset, problems, "sysfs below " + rootPath);
    }

    private SysFolder folderOf(int cpu) {
        return cpuFolder.sub("cpu" + cpu, line -> problem(cpu, line));
    }

    /** The same problem of several CPUs becomes one line. */
    private void problem(int cpu, String line) {
        problemsOfCpus.merge(line, CpuSet.of(cpu), CpuSet::or);
    }

    private CpuSet listOr(String file, CpuSet otherwise, String words) {
        CpuSet cpus = cpuFolder.cpus(file);
        if (cpus == null) {
            cpuFolder.problem(file, "no list; took " + words);
            return otherwise;
        }
        return cpus;
    }

    private CpuSet present() {
        CpuSet present = cpuFolder.cpus("present");
        if (present == null || present.isEmpty()) {
            cpuFolder.problem("present", "names no CPU; took those that have a folder or are allowed");
            present = CpuSet.of(cpuFolder.numbered("cpu").stream()
                    .mapToInt(Integer::intValue)
                    .filter(cpu -> cpu < CpuSet.LIMIT)
                    .toArray());
        }
        return present.or(allowed);
    }

    private CpuSet online(CpuSet present) {
        CpuSet online = cpuFolder.cpus("online");
        if (online == null || online.isEmpty()) {
            cpuFolder.problem("online", "names no CPU; took all present ones");
            return present;
        }
        if (!online.containsAll(allowed)) {
            // Seen where a container's sysfs is virtual, or for an instant when a CPU comes online.
            cpuFolder.problem(
                    "online",
                    "says " + online + ", yet the scheduler allows " + allowed + "; took those as online, too");
        }
        return online.and(present).or(allowed);
    }

    private Map<Integer, CpuSet> nodes(CpuSet online) {
        Map<Integer, CpuSet> nodes = new TreeMap<>();
        SysFolder folder = root.sub("sys/devices/system/node");
        CpuSet seen = CpuSet.empty();
        for (int node : folder.numbered("node")) {
            SysFolder one = folder.sub("node" + node);
            CpuSet cpus = one.cpus("cpulist");
            if (cpus == null) {
                one.problem("cpulist", "no list; took the node as one without CPUs");
                cpus = CpuSet.empty();
            }
            CpuSet twice = cpus.and(seen);
            if (!twice.isEmpty()) {
                one.problem("cpulist", "names CPUs of a node before it, " + twice + "; left them there");
            }
            nodes.put(node, cpus.and(online).minus(seen));
            seen = seen.or(cpus);
        }
        return nodes;
    }

    private static int nodeOf(int cpu, Map<Integer, CpuSet> nodes) {
        for (Map.Entry<Integer, CpuSet> node : nodes.entrySet()) {
            if (node.getValue().contains(cpu)) {
                return node.getKey();
            }
        }
        return -1;
    }

    /** Siblings hold only if every one of them says the same. */
    private Map<Integer, CpuSet> siblings(CpuSet online) {
        Map<Integer, CpuSet> claims = new HashMap<>();
        for (int cpu : online) {
            SysFolder topology = folderOf(cpu).sub("topology");
            // core_cpus_list is the name since Linux 5.3.
            CpuSet claim = topology.cpus("core_cpus_list");
            if (claim == null) {
                claim = topology.cpus("thread_siblings_list");
            }
            if (claim == null) {
                problem(cpu, "topology is missing; took it as a core of its own");
            } else {
                claims.put(cpu, claim.and(online));
            }
        }
        Map<Integer, CpuSet> siblings = new HashMap<>();
        CpuSet none = CpuSet.empty();
        claims.forEach((cpu, claim) -> {
            if (claim.contains(cpu)
                    && claim.stream().allMatch(other -> claim.equals(claims.getOrDefault(other, none)))) {
                siblings.put(cpu, claim);
            } else {
                problem(cpu, "disagrees with its siblings about who they are; took it as a core of its own");
            }
        });
        return siblings;
    }

    private Map<Integer, Integer> capacities(CpuSet present) {
        Map<Integer, Integer> capacities = new HashMap<>();
        for (int cpu : present) {
            int capacity = folderOf(cpu).number("cpu_capacity");
            if (capacity >= 1 && capacity <= STRONGEST) {
                capacities.put(cpu, capacity);
            } else if (capacity >= 0) {
                problem(cpu, "cpu_capacity: not 1 to " + STRONGEST + ", but " + capacity + "; took it as unknown");
            }
        }
        return capacities;
    }

    private record Kinds(boolean unlike, CpuSet performance, CpuSet efficiency) {
        Cpu.Kind of(int cpu) {
            if (!unlike) {
                return Cpu.Kind.UNIFORM;
            }
            if (performance.contains(cpu)) {
                return Cpu.Kind.PERFORMANCE;
            }
            return efficiency.contains(cpu) ? Cpu.Kind.EFFICIENCY : Cpu.Kind.UNKNOWN;
        }
    }

    /**
     * Hybrid x86 has one performance monitor device for each sort of core. Elsewhere the capacity tells: those below
     * three quarters of the strongest are the thrifty ones, since equal cores may differ by a few percent.
     */
    private Kinds kinds(Map<Integer, Integer> capacities) {
        SysFolder devices = root.sub("sys/devices");
        CpuSet core = devices.sub("cpu_core").cpus("cpus");
        CpuSet atom = devices.sub("cpu_atom").cpus("cpus");
        CpuSet lowPower = devices.sub("cpu_lowpower").cpus("cpus");
        if (core != null && (atom != null || lowPower != null)) {
            CpuSet thrifty = (atom == null ? CpuSet.empty() : atom).or(lowPower == null ? CpuSet.empty() : lowPower);
            return new Kinds(true, core.minus(thrifty), thrifty);
        }
        int strongest =
                capacities.values().stream().mapToInt(Integer::intValue).max().orElse(-1);
        CpuSet strong = withCapacity(capacities, strongest, true);
        CpuSet weak = withCapacity(capacities, strongest, false);
        return new Kinds(!weak.isEmpty(), strong, weak);
    }

    private static CpuSet withCapacity(Map<Integer, Integer> capacities, int strongest, boolean high) {
        return CpuSet.of(capacities.entrySet().stream()
                .filter(entry -> high == (entry.getValue() * 4 >= strongest * 3))
                .mapToInt(Map.Entry::getKey)
                .toArray());
    }

    private static List<Cpu.Cache> caches(int cpu, SysFolder folder) {
        List<Cpu.Cache> caches = new ArrayList<>();
        for (int index : folder.numbered("index")) {
            SysFolder cache = folder.sub("index" + index);
            int level = cache.number("level");
            String type = cache.text("type");
            if (level < 1 || type == null || !CACHE_TYPES.contains(type)) {
                cache.problem("", "level or type is missing or unknown; left this cache out");
                continue;
            }
            CpuSet shared = cache.cpus("shared_cpu_list");
            CpuSet self = CpuSet.of(cpu);
            caches.add(new Cpu.Cache(level, type, cache.size("size"), shared == null ? self : shared.or(self)));
        }
        return caches;
    }
}
