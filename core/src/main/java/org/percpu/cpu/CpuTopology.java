// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxException;

/**
 * The CPUs of a machine as they were at one moment, and which of them this process may use.
 *
 * <p>Three sets tell what a process may use. The {@linkplain #usable() usable} CPUs are those that a thread can be
 * pinned to: online and in the cpuset. The {@linkplain #allowed() allowed} ones are in the mask that the process was
 * started with; they are taken by default, where no CPUs are named. {@code taskset} and {@code isolcpus=} make the
 * allowed set smaller, not the usable one. The {@linkplain #isolated() isolated} CPUs are kept free of everything that
 * is not pinned to them: they are usable, and not allowed unless the starting mask names them.
 *
 * <p>A topology is a set of CPUs with attributes. Nothing is derived by multiplying packages, cores and threads: cores
 * may be unlike, numbers may have gaps, and a CPU that is offline has no place in any core.
 *
 * <p>Reading never fails because of what the kernel's files hold. What is missing or makes no sense is replaced by a
 * sensible default and leaves one line in {@link #problems()}; in the worst case the machine is its allowed CPUs, each
 * a core of its own.
 *
 * <p>Instances are immutable and may be shared among threads.
 */
public final class CpuTopology {
    private static volatile @Nullable CpuTopology system;

    private final SortedMap<Integer, Cpu> byId;
    private final List<Cpu> cpus;
    private final List<Cpu> allowedCpus;
    private final CpuSet usable;
    private final CpuSet nohzFull;
    private final CpuSet possible;
    private final CpuSet online;
    private final CpuSet allowed;
    private final CpuSet isolated;
    private final CpuSet present;
    private final SortedMap<Integer, CpuSet> nodes;
    private final SortedMap<Integer, CpuSet> packages;
    private final List<CpuSet> cores;
    private final CgroupCpuset.Found cgroup;
    private final List<String> problems;
    private final String source;

    /** Groups what was read. */
    private CpuTopology(Machine machine) {
        SortedMap<Integer, Cpu> ids = new TreeMap<>();
        SortedMap<Integer, CpuSet> sockets = new TreeMap<>();
        List<CpuSet> siblingSets = new ArrayList<>();
        List<Cpu> allowed = new ArrayList<>();
        List<Integer> onlineIds = new ArrayList<>();
        List<Integer> allowedIds = new ArrayList<>();
        List<Integer> usableIds = new ArrayList<>();
        List<Integer> isolatedIds = new ArrayList<>();
        for (Cpu cpu : machine.cpus()) {
            ids.put(cpu.id(), cpu);
            if (cpu.allowed()) {
                allowed.add(cpu);
                allowedIds.add(cpu.id());
            }
            if (cpu.usable()) {
                usableIds.add(cpu.id());
            }
            if (cpu.isolated()) {
                isolatedIds.add(cpu.id());
            }
            if (cpu.online()) {
                onlineIds.add(cpu.id());
                CpuSet others = sockets.getOrDefault(cpu.packageId(), CpuSet.empty());
                sockets.put(cpu.packageId(), others.or(CpuSet.of(cpu.id())));
                if (cpu.siblings().first() == cpu.id()) {
                    siblingSets.add(cpu.siblings());
                }
            }
        }
        this.byId = ids;
        this.cpus = List.copyOf(machine.cpus());
        this.allowedCpus = List.copyOf(allowed);
        this.present = CpuSet.ofAll(ids.keySet());
        this.possible = machine.possible().or(present);
        this.online = CpuSet.ofAll(onlineIds);
        this.allowed = CpuSet.ofAll(allowedIds);
        this.usable = CpuSet.ofAll(usableIds);
        this.nohzFull = machine.nohzFull().and(present);
        this.isolated = CpuSet.ofAll(isolatedIds);
        this.nodes = Collections.unmodifiableSortedMap(new TreeMap<>(machine.nodes()));
        this.packages = Collections.unmodifiableSortedMap(sockets);
        this.cores = List.copyOf(siblingSets);
        this.cgroup = machine.cgroup();
        this.problems = List.copyOf(machine.problems());
        this.source = machine.source();
    }

    /** For tests. */
    static CpuTopology of(Machine machine) {
        return new CpuTopology(machine);
    }

    private static CpuSet ids(List<Cpu> cpus, Predicate<Cpu> which) {
        return CpuSet.of(cpus.stream().filter(which).mapToInt(Cpu::id).toArray());
    }

    /**
     * This machine and this process, read at the first call and remembered; {@link #refresh()} reads again.
     *
     * <p>The allowed CPUs are those of the process's initial thread, because the caller may be pinned. If
     * {@code /proc/self/status} does not say that these are all online CPUs, sched_getaffinity(2) is asked. A thread
     * made for this purpose then tries with sched_setaffinity(2) which CPUs are usable, and ends.
     *
     * @return the topology, the same object until the next refresh
     * @throws UnsupportedOperationException if a backend is needed for that and none works here, see
     *     {@link Backend#get()}
     * @throws LinuxException if the kernel does not tell the allowed CPUs
     */
    public static CpuTopology system() {
        CpuTopology topology = system;
        if (topology == null) {
            synchronized (CpuTopology.class) {
                topology = system;
                if (topology == null) {
                    topology = readSystem();
                    system = topology;
                }
            }
        }
        return topology;
    }

    /**
     * Reads this machine and this process again, for instance after a CPU went offline or the cpuset changed, and
     * remembers the result for {@link #system()}. Topologies handed out before do not change.
     *
     * @return the new topology
     * @throws UnsupportedOperationException if a backend is needed and none works here, see {@link Backend#get()}
     * @throws LinuxException if the kernel does not tell the allowed CPUs
     */
    public static CpuTopology refresh() {
        synchronized (CpuTopology.class) {
            CpuTopology topology = readSystem();
            system = topology;
            return topology;
        }
    }

    private static CpuTopology readSystem() {
        return new CpuTopology(new TopologyReader(Backend.root(), null, new UsableCpus()).read());
    }

    /**
     * Reads a machine from the kernel's files below a directory: {@code sys/devices}, {@code proc/self} and the control
     * groups' file systems. The usable CPUs are those that are both in the cpuset and online. Where the cpuset is not
     * known, they are the allowed and the isolated CPUs.
     *
     * @param root {@code /}, or a directory that holds the files of a captured machine
     * @param allowed the CPUs that the process is started with, at least one. The scheduler counts more than the files:
     *     a CPU that it allows is taken as present and online
     * @return the topology
     * @throws IllegalArgumentException if {@code allowed} is empty
     */
    public static CpuTopology read(Path root, CpuSet allowed) {
        Argument.requireNonNull(root, "CpuTopology.read", "root");
        Argument.requireNonNull(allowed, "CpuTopology.read", "allowed");
        return new CpuTopology(new TopologyReader(root, requireSome(allowed), most -> null).read());
    }

    /**
     * Reads a captured machine without asking its scheduler. The allowed CPUs are those in {@code proc/self/status},
     * else the cpuset, else every online CPU.
     *
     * @param root a directory that holds the files of a captured machine
     * @return the topology
     * @throws IllegalArgumentException if the files name no CPU that is online
     */
    public static CpuTopology read(Path root) {
        Argument.requireNonNull(root, "CpuTopology.read", "root");
        return new CpuTopology(new TopologyReader(root, null, most -> null).read());
    }

    /**
     * A machine of like CPUs, one thread to a core, without reading any file.
     *
     * @param cpus the CPUs, all of them online and allowed; at least one
     * @return the topology
     * @throws IllegalArgumentException if {@code cpus} is empty
     */
    public static CpuTopology uniform(CpuSet cpus) {
        Argument.requireNonNull(cpus, "CpuTopology.uniform", "cpus");
        return new CpuTopology(TopologyReader.uniform(requireSome(cpus)));
    }

    private static CpuSet requireSome(CpuSet allowed) {
        if (allowed.isEmpty()) {
            throw new IllegalArgumentException("the allowed set is empty: a process has at least one CPU");
        }
        return allowed;
    }

    /**
     * All CPUs that are present, online or not.
     *
     * @return an immutable list, ascending by {@link Cpu#id()}
     */
    public List<Cpu> cpus() {
        return cpus;
    }

    /**
     * The CPU of a number.
     *
     * @param id the kernel's number
     * @return the CPU, which may be offline or not allowed
     * @throws IllegalArgumentException if it is not present; the message says which are
     */
    public Cpu cpu(int id) {
        Cpu cpu = byId.get(id);
        if (cpu == null) {
            throw new IllegalArgumentException("CPU " + id + " does not exist: present are " + present);
        }
        return cpu;
    }

    /**
     * The CPUs that are taken where none are named, by their dense numbers: the element at {@code i} has
     * {@link Cpu#index()} {@code i}.
     *
     * @return an immutable list, never empty
     */
    public List<Cpu> allowedCpus() {
        return allowedCpus;
    }

    /**
     * The default set: the CPUs that the process was started with, by the mask of its initial thread.
     *
     * @return the numbers, never none; all of them are {@linkplain #usable() usable}
     */
    public CpuSet allowed() {
        return allowed;
    }

    /**
     * The CPUs that can be named: sched_setaffinity(2) accepts them. They are online and in the cpuset, whatever mask
     * the process was started with.
     *
     * @return the numbers, never none
     */
    public CpuSet usable() {
        return usable;
    }

    /**
     * The numbers of the usable CPUs that satisfy a condition, such as {@code cpu -> cpu.node() == 1}.
     *
     * @param which the condition
     * @return the set, perhaps empty
     */
    public CpuSet usable(Predicate<Cpu> which) {
        Argument.requireNonNull(which, "usable", "which");
        return ids(cpus, which.and(Cpu::usable));
    }

    /**
     * The numbers of the allowed CPUs that satisfy a condition, such as {@code cpu -> cpu.node() == 1}.
     *
     * @param which the condition
     * @return the set, perhaps empty
     */
    public CpuSet allowed(Predicate<Cpu> which) {
        Argument.requireNonNull(which, "allowed", "which");
        return ids(allowedCpus, which);
    }

    /**
     * The CPUs that the kernel has in service.
     *
     * @return the set, never empty
     */
    public CpuSet online() {
        return online;
    }

    /**
     * The CPUs that are present and not in service.
     *
     * @return the set, perhaps empty
     */
    public CpuSet offline() {
        return present.minus(online);
    }

    /**
     * The CPUs that the machine has.
     *
     * @return the set, never empty
     */
    public CpuSet present() {
        return present;
    }

    /**
     * The CPU numbers that the kernel has room for, in case a CPU is plugged in.
     *
     * @return the set, which contains {@link #present()}
     */
    public CpuSet possible() {
        return possible;
    }

    /**
     * The present CPUs that the kernel keeps its load balancing away from: by {@code isolcpus=}, or as an isolated
     * partition of control groups of version 2. Since 6.7 Linux shows the partitions of other groups; before, it showed
     * only the process's own.
     *
     * @return the set, perhaps empty
     */
    public CpuSet isolated() {
        return isolated;
    }

    /**
     * The present CPUs that have no timer tick while one thread runs there ({@code nohz_full=}).
     *
     * @return the set, perhaps empty
     */
    public CpuSet nohzFull() {
        return nohzFull;
    }

    /**
     * The NUMA nodes, those without CPUs included.
     *
     * @return an immutable map from node number to online CPUs, ascending; empty if the kernel has no NUMA
     */
    public Map<Integer, CpuSet> nodes() {
        return nodes;
    }

    /**
     * The packages (sockets) with their online CPUs.
     *
     * @return an immutable map from package number to CPUs, ascending; -1 stands for "unknown"
     */
    public Map<Integer, CpuSet> packages() {
        return packages;
    }

    /**
     * The cores, each as the set of its online hardware threads. Every online CPU is in exactly one.
     *
     * @return an immutable list, ascending by first CPU
     */
    public List<CpuSet> cores() {
        return cores;
    }

    /**
     * The CPUs that the control group of this process grants, version 1 or 2.
     *
     * @return the effective cpuset; empty if it is not known: there is no cpuset controller, no mount shows the
     *     process's own group, or what was found contradicts the scheduler
     */
    public Optional<CpuSet> cpuset() {
        return Optional.ofNullable(cgroup.cpus());
    }

    /** The groups that limit this process, as far as they can be seen. */
    List<CgroupCpuset.Limit> limits() {
        return cgroup.limits();
    }

    /**
     * What was missing or made no sense, and what was assumed instead.
     *
     * @return an immutable list of lines for people, empty if all was well
     */
    public List<String> problems() {
        return problems;
    }

    /**
     * Tells whether everything was read and made sense.
     *
     * @return true if there are no {@link #problems()}
     */
    public boolean complete() {
        return problems.isEmpty();
    }

    /**
     * Where this topology comes from.
     *
     * @return a phrase for people
     */
    public String source() {
        return source;
    }

    /**
     * The CPUs of the given numbers, if all of them are usable.
     *
     * @param requested the kernel's numbers
     * @return the CPUs, ascending
     * @throws IllegalArgumentException if {@code requested} is empty or a CPU is not present, offline or not usable;
     *     the message names every such CPU, the reason and the remedy
     */
    public List<Cpu> resolve(CpuSet requested) {
        Argument.requireNonNull(requested, "resolve", "requested");
        if (requested.isEmpty()) {
            throw new IllegalArgumentException("the CPU list is empty: name at least one of the usable CPUs " + usable);
        }
        if (!usable.containsAll(requested)) {
            throw new IllegalArgumentException(new Refusal(this, cgroup.limits()).of(requested));
        }
        return requested.stream().mapToObj(this::cpu).toList();
    }

    /**
     * Reads a list that names CPUs by number or by their properties, with commas between its entries:
     *
     * <table>
     * <caption>Entries</caption>
     * <tr><td>{@code 3}, {@code 0-3}, {@code 0-15:2}, {@code 2-last}, {@code 0-last:2}</td><td>the kernel's numbers, as
     * in {@link CpuSet#parse}</td></tr>
     * <tr><td>{@code all}, {@code default}</td><td>the usable CPUs, the {@linkplain #allowed() allowed} ones</td></tr>
     * <tr><td>{@code isolated}, {@code nohz_full}</td><td>{@link #isolated()}, {@link #nohzFull()}</td></tr>
     * <tr><td>{@code node:1}, {@code package:0}, {@code node:0-1}</td><td>those of NUMA nodes or packages, by the
     * kernel's numbers</td></tr>
     * <tr><td>{@code core:3}</td><td>the threads of the fourth of {@link #cores()}</td></tr>
     * <tr><td>{@code last}, {@code last-1}</td><td>the last usable CPU, the one before it</td></tr>
     * <tr><td>{@code !0}, {@code !node:1}</td><td>not these: taken from what the other entries name, or from the usable
     * CPUs if there is none; {@code !isolated} takes nothing away where nothing is isolated</td></tr>
     * </table>
     *
     * <p>Names mean usable CPUs only. A number is taken as given; {@link #resolve} says whether it is usable.
     *
     * @param text at least one entry
     * @return the set, never empty
     * @throws IllegalArgumentException if an entry is not understood, or names no usable CPU, or nothing is left; the
     *     message quotes the entry and says what to write
     */
    public CpuSet select(String text) {
        Argument.requireNonNull(text, "select", "text");
        return new CpuSelector(this).select(text);
    }

    /**
     * A line for people.
     *
     * @return such as {@code 8 CPUs 0-7, usable 0-5, allowed 0-3 (/)}; what is usable is left out if it is what is
     *     allowed
     */
    @Override
    public String toString() {
        String more = usable.equals(allowed) ? "" : ", usable " + usable;
        return present.size() + " CPUs " + present + more + ", allowed " + allowed + " (" + source + ")";
    }
}
