// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import static org.percpu.cpu.TopologyReader.plural;

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
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;

/**
 * The CPUs of a machine as they were at one moment, and which of them this process may use.
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
    private static final int FIRST_MASK_WORDS = 16;

    private static volatile @Nullable CpuTopology system;

    private final SortedMap<Integer, Cpu> byId;
    private final List<Cpu> cpus;
    private final List<Cpu> allowedCpus;
    private final CpuSet possible;
    private final CpuSet online;
    private final CpuSet allowed;
    private final CpuSet isolated;
    private final CpuSet present;
    private final SortedMap<Integer, CpuSet> nodes;
    private final SortedMap<Integer, CpuSet> packages;
    private final List<CpuSet> cores;
    private final @Nullable CpuSet cpuset;
    private final List<String> problems;
    private final String source;

    /** Groups what was read; the sets and the CPUs agree with each other already. */
    CpuTopology(
            List<Cpu> cpus,
            CpuSet possible,
            Map<Integer, CpuSet> nodes,
            @Nullable CpuSet cpuset,
            List<String> problems,
            String source) {
        SortedMap<Integer, Cpu> ids = new TreeMap<>();
        SortedMap<Integer, CpuSet> sockets = new TreeMap<>();
        List<CpuSet> siblingSets = new ArrayList<>();
        for (Cpu cpu : cpus) {
            ids.put(cpu.id(), cpu);
            if (cpu.online()) {
                sockets.merge(cpu.packageId(), CpuSet.of(cpu.id()), CpuSet::or);
                if (cpu.siblings().first() == cpu.id()) {
                    siblingSets.add(cpu.siblings());
                }
            }
        }
        this.byId = ids;
        this.cpus = List.copyOf(cpus);
        this.allowedCpus = cpus.stream().filter(Cpu::allowed).toList();
        this.present = ids(cpus, cpu -> true);
        this.possible = possible.or(present);
        this.online = ids(cpus, Cpu::online);
        this.allowed = ids(cpus, Cpu::allowed);
        this.isolated = ids(cpus, Cpu::isolated);
        this.nodes = Collections.unmodifiableSortedMap(new TreeMap<>(nodes));
        this.packages = Collections.unmodifiableSortedMap(sockets);
        this.cores = List.copyOf(siblingSets);
        this.cpuset = cpuset;
        this.problems = List.copyOf(problems);
        this.source = source;
    }

    private static CpuSet ids(List<Cpu> cpus, Predicate<Cpu> which) {
        return CpuSet.of(cpus.stream().filter(which).mapToInt(Cpu::id).toArray());
    }

    /**
     * This machine and this process, read at the first call and remembered; {@link #refresh()} reads again.
     *
     * <p>Allowed is what sched_getaffinity(2) says of the process's initial thread: that of the caller may be pinned.
     *
     * @return the topology, the same object until the next refresh
     * @throws UnsupportedOperationException if no backend works here, see {@link Backend#get()}
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
     * Reads this machine and this process anew, for instance after a CPU went offline or the cpuset changed, and
     * remembers the result for {@link #system()}. Topologies handed out before do not change.
     *
     * @return the new topology
     * @throws UnsupportedOperationException if no backend works here, see {@link Backend#get()}
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
        LinuxCalls linux = Backend.linux();
        return read(Path.of("/"), affinityOfProcess(linux));
    }

    /**
     * The kernel refuses a mask that is shorter than its own, whatever its content, so the mask grows until it fits.
     */
    private static CpuSet affinityOfProcess(LinuxCalls linux) {
        int pid = linux.getpid();
        for (int words = FIRST_MASK_WORDS; ; words *= 2) {
            long[] mask = new long[words];
            int result = linux.sched_getaffinity(pid, mask);
            if (result >= 0) {
                return CpuSet.fromMask(mask);
            }
            if (result != -Errno.EINVAL.number() || words >= CpuSet.LIMIT / Long.SIZE) {
                throw new LinuxException("sched_getaffinity(" + pid + ")", -result, linux.strerror(-result), null);
            }
        }
    }

    /**
     * Reads a machine from the kernel's files below a directory: {@code sys/devices} and {@code proc/self}.
     *
     * @param root {@code /}, or a directory that holds the files of a captured machine
     * @param allowed the CPUs that the process may use, at least one. The scheduler's word counts more than the files:
     *     a CPU that it allows is taken as present and online
     * @return the topology
     * @throws IllegalArgumentException if {@code allowed} is empty
     */
    public static CpuTopology read(Path root, CpuSet allowed) {
        return new TopologyReader(root, requireSome(allowed)).read();
    }

    /**
     * A machine of like CPUs, one thread to a core, without reading any file.
     *
     * @param cpus the CPUs, all of them online and allowed; at least one
     * @return the topology
     * @throws IllegalArgumentException if {@code cpus} is empty
     */
    public static CpuTopology uniform(CpuSet cpus) {
        return TopologyReader.uniform(requireSome(cpus));
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
     * The CPUs that this process may use, by their dense numbers: the element at {@code i} has {@link Cpu#index()}
     * {@code i}.
     *
     * @return an immutable list, never empty
     */
    public List<Cpu> allowedCpus() {
        return allowedCpus;
    }

    /**
     * The numbers of the CPUs that this process may use.
     *
     * @return the set, never empty
     */
    public CpuSet allowed() {
        return allowed;
    }

    /**
     * The numbers of the allowed CPUs that satisfy a condition, such as {@code cpu -> cpu.node() == 1}.
     *
     * @param which the condition
     * @return the set, perhaps empty
     */
    public CpuSet allowed(Predicate<Cpu> which) {
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
     * The CPU numbers that the kernel has room for, should a CPU be plugged in.
     *
     * @return the set, which contains {@link #present()}
     */
    public CpuSet possible() {
        return possible;
    }

    /**
     * The present CPUs that the kernel keeps its load balancing away from.
     *
     * @return the set, perhaps empty
     */
    public CpuSet isolated() {
        return isolated;
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
     * @return the effective cpuset; empty if there is no cpuset controller, or it cannot be read
     */
    public Optional<CpuSet> cpuset() {
        return Optional.ofNullable(cpuset);
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
     * The CPUs of the given numbers, if this process may use all of them.
     *
     * @param requested the kernel's numbers
     * @return the CPUs, ascending; each is allowed
     * @throws IllegalArgumentException if {@code requested} is empty or a CPU is not present, offline or not allowed;
     *     the message names every such CPU, the reason and the remedy
     */
    public List<Cpu> resolve(CpuSet requested) {
        if (requested.isEmpty()) {
            throw new IllegalArgumentException(
                    "the CPU list is empty: name at least one of the allowed CPUs " + allowed);
        }
        CpuSet refused = requested.minus(allowed);
        if (!refused.isEmpty()) {
            throw new IllegalArgumentException(whyRefused(refused));
        }
        return requested.stream().mapToObj(this::cpu).toList();
    }

    private String whyRefused(CpuSet refused) {
        List<String> lines = new ArrayList<>();
        explain(lines, refused.minus(present), "not present: the machine has " + present);
        CpuSet offline = refused.and(offline());
        String further = offline.size() > 1 ? ", and so on" : "";
        explain(
                lines,
                offline,
                "offline: online with: echo 1 > /sys/devices/system/cpu/cpu" + offline.first() + "/online" + further);
        CpuSet forbidden = refused.and(online);
        CpuSet masked = cpuset == null ? forbidden : forbidden.and(cpuset);
        String outside = "outside the allowed set: allowed are " + allowed + "; ";
        explain(lines, masked, outside + "start under taskset -c " + masked);
        explain(lines, forbidden.minus(masked), outside + "widen the cpuset of this process, which has " + cpuset);
        return String.join("; ", lines);
    }

    private static void explain(List<String> lines, CpuSet cpus, String reason) {
        if (!cpus.isEmpty()) {
            lines.add(plural(cpus) + (cpus.size() > 1 ? " are " : " is ") + reason);
        }
    }

    /**
     * A line for people.
     *
     * @return such as {@code 8 CPUs 0-7, allowed 0-3 (/)}
     */
    @Override
    public String toString() {
        return present.size() + " CPUs " + present + ", allowed " + allowed + " (" + source + ")";
    }
}
