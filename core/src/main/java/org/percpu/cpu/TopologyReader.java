// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Reads a {@link Machine} from the kernel's files, and uses a default for each file that is missing. */
final class TopologyReader {
    private static final int STRONGEST = 1024;

    /** What the scheduler grants, as far as it can be asked. */
    interface Scheduler {
        /**
         * Asks which CPUs can be used.
         *
         * @param most the CPUs to ask for, null for all that it can name
         * @return those of them that a thread may be pinned to, null if it does not say
         */
        @Nullable
        CpuSet usable(@Nullable CpuSet most);

        /**
         * Asks for the mask of the initial thread, if the files do not say that it has every CPU.
         *
         * @return null if it does not say
         */
        default @Nullable CpuSet atStart() {
            return null;
        }
    }

    private final Path rootPath;
    private final Problems problems = new Problems();
    private final SysFolder root;
    private final SysFolder cpuFolder;
    private final @Nullable CpuSet mask;
    private final Scheduler scheduler;

    /**
     * @param mask what is allowed, null to ask files and scheduler
     */
    TopologyReader(Path root, @Nullable CpuSet mask, Scheduler scheduler) {
        this.rootPath = root;
        this.root = new SysFolder(root, "/", problems.ofMachine());
        this.cpuFolder = this.root.sub("sys/devices/system/cpu");
        this.mask = mask;
        this.scheduler = scheduler;
    }

    static Machine uniform(CpuSet cpus) {
        CgroupCpuset.Found unknown = new CgroupCpuset.Found(null, CpuSet.empty(), List.of());
        return new Machine(
                uniformCpus(cpus, cpus),
                cpus,
                CpuSet.empty(),
                Map.of(),
                unknown,
                List.of(),
                "uniform CPUs, nothing read");
    }

    private static List<Cpu> uniformCpus(CpuSet usable, CpuSet allowed) {
        List<Cpu> uniform = new ArrayList<>();
        for (int id : usable) {
            uniform.add(new Cpu(
                    id,
                    index(id, allowed, usable),
                    allowed.contains(id),
                    true,
                    false,
                    -1,
                    -1,
                    -1,
                    CpuSet.of(id),
                    Cpu.Kind.UNIFORM,
                    -1,
                    -1,
                    List.of()));
        }
        return uniform;
    }

    /** The allowed CPUs come first: their numbers do not depend on what else is usable. */
    private static int index(int cpu, CpuSet allowed, CpuSet usable) {
        CpuSet before = CpuSet.range(0, cpu);
        if (allowed.contains(cpu)) {
            return allowed.and(before).size() - 1;
        }
        return usable.contains(cpu)
                ? allowed.size() + usable.minus(allowed).and(before).size() - 1
                : -1;
    }

    Machine read() {
        CgroupCpuset.Found cgroup = new CgroupCpuset(root).read();
        boolean sysfs = cpuFolder.exists();
        CpuSet present = sysfs ? present() : CpuSet.empty();
        CpuSet online = sysfs ? online(present) : CpuSet.empty();
        CpuSet listed = sysfs ? cpuFolder.cpus("possible") : null;
        if (sysfs && listed == null) {
            cpuFolder.problem("possible", "no list; took the present CPUs");
        }
        CpuSet possible = listed == null ? present : listed;
        CpuSet isolated = (sysfs ? isolated() : CpuSet.empty()).or(cgroup.isolated());
        CpuSet allowed = mask == null ? allowed(online, cgroup.cpus()) : mask;

        // A process that may use every online CPU cannot get more.
        CpuSet granted = allowed.equals(online) ? online : scheduler.usable(listed == null ? null : listed.or(allowed));
        cgroup = checked(cgroup, allowed, online, granted);
        CpuSet usable = usable(allowed, online, isolated, cgroup.cpus(), granted);
        if (!sysfs) {
            cpuFolder.problem("", "no such folder; took the allowed CPUs as uniform, each a core of its own");
            return new Machine(
                    uniformCpus(usable, allowed),
                    usable,
                    CpuSet.empty(),
                    Map.of(),
                    cgroup,
                    problems.lines(),
                    "allowed CPUs only, no sysfs below " + rootPath);
        }
        if (!online.containsAll(usable)) {
            // Seen where a container's sysfs is virtual, or for an instant when a CPU comes online.
            cpuFolder.problem(
                    "online",
                    "says " + online + ", yet the scheduler allows " + usable + "; took those as online, too");
        }
        present = present.or(usable);
        online = online.or(usable);
        Map<Integer, CpuSet> nodes = nodes(online);
        List<Cpu> cpus = new Reading(present, online, allowed, usable, isolated, nodes).cpus();
        return new Machine(cpus, possible, nohzFull(), nodes, cgroup, problems.lines(), "sysfs below " + rootPath);
    }

    private SysFolder folderOf(int cpu) {
        return cpuFolder.sub("cpu" + cpu, problems.of(cpu));
    }

    private CpuSet present() {
        CpuSet present = cpuFolder.cpus("present");
        if (present != null && !present.isEmpty()) {
            return present;
        }
        cpuFolder.problem("present", "names no CPU; took those that have a folder or are allowed");
        return CpuSet.of(cpuFolder.numbered("cpu").stream()
                .mapToInt(Integer::intValue)
                .filter(cpu -> cpu < CpuSet.LIMIT)
                .toArray());
    }

    private CpuSet online(CpuSet present) {
        CpuSet online = cpuFolder.cpus("online");
        if (online != null && !online.isEmpty()) {
            return online.and(present);
        }
        CpuSet offline = cpuFolder.cpus("offline");
        CpuSet off = CpuSet.of(present.stream()
                .filter(cpu -> folderOf(cpu).number("online") == 0)
                .toArray());
        off = off.or(offline == null ? CpuSet.empty() : offline.and(present));
        cpuFolder.problem(
                "online",
                off.isEmpty()
                        ? "names no CPU; took all present ones"
                        : "names no CPU; took all present ones but " + off + ", which other files call offline");
        return present.minus(off);
    }

    private CpuSet isolated() {
        CpuSet isolated = cpuFolder.cpus("isolated");
        if (isolated == null) {
            cpuFolder.problem("isolated", "no list; took none");
        }
        return isolated == null ? CpuSet.empty() : isolated;
    }

    /** Kernels that support nohz_full but were not told to use it print "(null)". */
    private CpuSet nohzFull() {
        String text = cpuFolder.text("nohz_full");
        CpuSet cpus = text == null || text.equals("(null)") ? null : cpuFolder.cpus("nohz_full");
        return cpus == null ? CpuSet.empty() : cpus;
    }

    /**
     * The mask at the start. Where the files say that it is every CPU, no further question is needed. Asking the
     * scheduler as well would link the C library, which takes longer than everything else.
     */
    private CpuSet allowed(CpuSet online, @Nullable CpuSet cpuset) {
        String list = maskOfFiles();
        CpuSet mask = null;
        boolean understood = true;
        try {
            mask = list == null ? null : CpuSet.parseKernel(list).and(online);
        } catch (IllegalArgumentException e) {
            understood = false;
        }
        if (mask != null && !mask.isEmpty() && mask.equals(online)) {
            return mask;
        }
        CpuSet atStart = scheduler.atStart();
        if (atStart != null) {
            return atStart;
        }
        if (!understood) {
            root.problem("proc/self/status", "the allowed CPUs are not a list; took the cpuset");
        }
        return mask != null && !mask.isEmpty() ? mask : withoutTaskset(online, cpuset);
    }

    private @Nullable String maskOfFiles() {
        String status = root.sub("proc").sub("self").text("status");
        String key = "Cpus_allowed_list:";
        for (String line : (status == null ? "" : status).split("\n", -1)) {
            if (line.startsWith(key)) {
                return line.substring(key.length());
            }
        }
        return null;
    }

    private CpuSet withoutTaskset(CpuSet online, @Nullable CpuSet cpuset) {
        CpuSet within = cpuset == null ? online : cpuset.and(online);
        if (within.isEmpty()) {
            throw new IllegalArgumentException(
                    rootPath + " names no CPU that is online: a captured machine has sys/devices/system/cpu");
        }
        return within;
    }

    /** A cpuset that contradicts the scheduler belongs to another group. */
    private CgroupCpuset.Found checked(
            CgroupCpuset.Found cgroup, CpuSet allowed, CpuSet online, @Nullable CpuSet granted) {
        CpuSet cpuset = cgroup.cpus();
        if (cpuset == null) {
            return cgroup;
        }
        CpuSet certain = granted == null ? allowed : granted.or(allowed);
        boolean agrees = granted == null
                ? cpuset.containsAll(certain)
                : cpuset.and(online.or(certain)).equals(certain);
        if (agrees) {
            return cgroup;
        }
        root.problem(
                "proc/self/cgroup",
                "leads to the cpuset " + cpuset + ", yet the scheduler allows " + certain + "; took it as not known");
        return cgroup.withoutCpus();
    }

    /**
     * If neither the scheduler nor a cpuset is known, the isolated CPUs are added: a starting mask lacks them because
     * of their isolation, not because they are not usable.
     */
    private static CpuSet usable(
            CpuSet allowed, CpuSet online, CpuSet isolated, @Nullable CpuSet cpuset, @Nullable CpuSet granted) {
        if (granted != null) {
            return granted.or(allowed);
        }
        return allowed.or((cpuset == null ? isolated : cpuset).and(online));
    }

    private Map<Integer, CpuSet> nodes(CpuSet online) {
        Map<Integer, CpuSet> nodes = new TreeMap<>();
        SysFolder folder = root.sub("sys/devices/system/node");
        CpuSet seen = CpuSet.empty();
        for (int node : folder.numbered("node")) {
            SysFolder one = folder.sub("node" + node);
            CpuSet cpus = one.cpus("cpulist", "cpumap");
            if (cpus == null) {
                one.problem("cpulist", "no list; took the node as one without CPUs");
                cpus = CpuSet.empty();
            }
            CpuSet twice = cpus.and(seen);
            if (!twice.isEmpty()) {
                one.problem("cpulist", "names CPUs of a node before it, ", twice + "; left them there");
            }
            nodes.put(node, cpus.and(online).minus(seen));
            seen = seen.or(cpus);
        }
        return nodes;
    }

    /** The attributes of each CPU. */
    private final class Reading {
        private final CpuSet present;
        private final CpuSet online;
        private final CpuSet allowed;
        private final CpuSet usable;
        private final CpuSet isolated;
        private final Map<Integer, Integer> nodeOf = new HashMap<>();

        Reading(
                CpuSet present,
                CpuSet online,
                CpuSet allowed,
                CpuSet usable,
                CpuSet isolated,
                Map<Integer, CpuSet> nodes) {
            this.present = present;
            this.online = online;
            this.allowed = allowed;
            this.usable = usable;
            this.isolated = isolated;
            for (Map.Entry<Integer, CpuSet> node : nodes.entrySet()) {
                for (int cpu : node.getValue()) {
                    nodeOf.put(cpu, node.getKey());
                }
            }
        }

        List<Cpu> cpus() {
            for (int cpu : online) {
                if (!nodeOf.isEmpty() && !nodeOf.containsKey(cpu)) {
                    problems.of(cpu).report("", "in no NUMA node, though there are some; took it as unknown", "");
                }
            }
            List<Integer> withTopology = new ArrayList<>();
            for (int cpu : online) {
                if (folderOf(cpu).sub("topology").exists()) {
                    withTopology.add(cpu);
                }
            }
            CpuSet described = CpuSet.ofAll(withTopology);
            for (int cpu : online.minus(described)) {
                problems.of(cpu).report("", "topology is missing; took it as a core of its own", "");
            }
            Map<Integer, Integer> coreIds = new HashMap<>();
            Map<Integer, Integer> packageIds = new HashMap<>();
            for (int cpu : described) {
                SysFolder topology = folderOf(cpu).sub("topology");
                coreIds.put(cpu, topology.knownNumber("core_id"));
                packageIds.put(cpu, topology.knownNumber("physical_package_id"));
            }
            Map<Integer, Integer> packages = new Packages(cpu -> folderOf(cpu).sub("topology")).toldApart(packageIds);
            Map<Integer, CpuSet> siblings = siblings(described);
            Map<Integer, Integer> capacities = capacities();
            Map<Integer, Integer> clocks = clocks();
            CoreKinds kinds = kinds(capacities, clocks);
            Map<Integer, List<Cpu.Cache>> caches = new CacheReader(
                            cpu -> folderOf(cpu).sub("cache"),
                            (cpu, line) -> problems.of(cpu).report("", line, ""))
                    .read(online);

            List<Cpu> cpus = new ArrayList<>();
            for (int id : present) {
                cpus.add(new Cpu(
                        id,
                        index(id, allowed, usable),
                        allowed.contains(id),
                        online.contains(id),
                        isolated.contains(id),
                        coreIds.getOrDefault(id, -1),
                        packages.getOrDefault(id, -1),
                        nodeOf.getOrDefault(id, -1),
                        siblings.getOrDefault(id, CpuSet.of(id)),
                        kinds.of(id),
                        capacities.getOrDefault(id, -1),
                        clocks.getOrDefault(id, -1),
                        caches.getOrDefault(id, List.of())));
            }
            return cpus;
        }

        /** Siblings hold only if every one of them says the same. */
        private Map<Integer, CpuSet> siblings(CpuSet described) {
            Map<Integer, CpuSet> claims = new HashMap<>();
            for (int cpu : described) {
                SysFolder topology = folderOf(cpu).sub("topology");
                // core_cpus_list is the name since Linux 5.3. Some kernels have it, but leave it empty.
                CpuSet claim = topology.cpus("core_cpus_list", "core_cpus");
                if (claim == null || !claim.contains(cpu)) {
                    CpuSet older = topology.cpus("thread_siblings_list", "thread_siblings");
                    claim = older == null || older.isEmpty() ? claim : older;
                }
                if (claim == null || claim.isEmpty()) {
                    topology.problem("core_cpus_list", "names no CPU; took it as a core of its own");
                } else {
                    claims.put(cpu, claim.and(online));
                }
            }
            return Agreement.among(claims, true, cpu -> problems.of(cpu)
                    .report("", "disagrees with its siblings about who they are; took it as a core of its own", ""));
        }

        private Map<Integer, Integer> capacities() {
            Map<Integer, Integer> capacities = new HashMap<>();
            for (int cpu : present) {
                int capacity = folderOf(cpu).number("cpu_capacity");
                if (capacity >= 1 && capacity <= STRONGEST) {
                    capacities.put(cpu, capacity);
                } else if (capacity >= 0) {
                    folderOf(cpu)
                            .problem(
                                    "cpu_capacity",
                                    "not 1 to " + STRONGEST + ", so it was taken as unknown, but ",
                                    Integer.toString(capacity));
                }
            }
            return capacities;
        }

        private Map<Integer, Integer> clocks() {
            Map<Integer, Integer> clocks = new HashMap<>();
            for (int cpu : present) {
                int clock = folderOf(cpu).sub("cpufreq").number("cpuinfo_max_freq");
                if (clock > 0) {
                    clocks.put(cpu, clock);
                }
            }
            return clocks;
        }

        private CoreKinds kinds(Map<Integer, Integer> capacities, Map<Integer, Integer> clocks) {
            CoreKinds kinds = CoreKinds.byMonitors(root.sub("sys/devices"));
            if (kinds == null) {
                kinds = CoreKinds.byCapacity(capacities);
            }
            if (kinds == null) {
                Map<Integer, Integer> performances = new HashMap<>();
                for (int cpu : online) {
                    int performance = folderOf(cpu).sub("acpi_cppc").number("highest_perf");
                    if (performance > 0) {
                        performances.put(cpu, performance);
                    } else if (performances.isEmpty()) {
                        break; // most machines have none
                    }
                }
                kinds = CoreKinds.bySpeed(clocks, performances);
            }
            return kinds;
        }
    }
}
