// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.percpu.bindings.spi.Argument;

/**
 * Ways to choose some CPUs out of many. The choice depends only on the topology, so that equal runs use equal CPUs.
 *
 * <p>To choose among other CPUs, {@code among} can be any {@link CpuSet} of usable CPUs, for example
 * {@code topology.allowed().minus(topology.isolated())} or {@code topology.allowed(cpu -> cpu.node() == 0)}.
 */
public enum Placement {
    /**
     * As far apart as possible: packages take turns, and so do the NUMA nodes within them, the last-level caches within
     * a node, and the cores within a cache; no core gets a second thread before each has one.
     */
    SPREAD,
    /** As near to each other as possible: a core is filled before the next, then a NUMA node, then a package. */
    PACK,
    /** Near to each other like {@link #PACK}, but only the first hardware thread of each core. */
    ONE_PER_CORE;

    /**
     * Chooses among the CPUs that are taken by default, {@link CpuTopology#allowed()}.
     *
     * @param topology the machine
     * @param count how many, 1 or more
     * @return that many different CPUs, the preferred one first
     * @throws IllegalArgumentException if {@code count} is below 1 or there are not so many
     */
    public List<Cpu> choose(CpuTopology topology, int count) {
        Argument.requireNonNull(topology, "choose", "topology");
        return choose(topology, topology.allowed(), count);
    }

    /**
     * Chooses among some CPUs.
     *
     * @param topology the machine
     * @param among the candidates
     * @param count how many, 1 or more
     * @return that many different CPUs, the preferred one first
     * @throws IllegalArgumentException if {@code count} is below 1, there are not so many, or a candidate is one that
     *     this process may not use; the message says why
     */
    public List<Cpu> choose(CpuTopology topology, CpuSet among, int count) {
        Argument.requireNonNull(topology, "choose", "topology");
        Argument.requireNonNull(among, "choose", "among");
        List<Cpu> candidates = ordered(topology.resolve(among));
        if (count < 1 || count > candidates.size()) {
            throw new IllegalArgumentException(
                    "cannot choose " + count + " CPUs by " + this + ": there are " + candidates.size()
                            + (this == ONE_PER_CORE ? " cores" : "") + " to choose from among CPUs " + among);
        }
        return List.copyOf(candidates.subList(0, count));
    }

    /**
     * All CPUs that this placement chooses from some, in its order.
     *
     * @param topology the machine
     * @param among the candidates
     * @return the candidates, the preferred one first; with {@link #ONE_PER_CORE} one of each core
     * @throws IllegalArgumentException if there is no candidate, or one is a CPU that this process may not use; the
     *     message says why
     */
    public List<Cpu> order(CpuTopology topology, CpuSet among) {
        Argument.requireNonNull(topology, "order", "topology");
        Argument.requireNonNull(among, "order", "among");
        return List.copyOf(ordered(topology.resolve(among)));
    }

    private List<Cpu> ordered(List<Cpu> candidates) {
        List<Cpu> packed = new ArrayList<>(candidates);
        packed.sort(Comparator.comparingInt(Cpu::packageId)
                .thenComparingInt(Cpu::node)
                .thenComparingInt(cpu -> cpu.siblings().first())
                .thenComparingInt(Cpu::id));
        if (this == PACK) {
            return packed;
        }
        // Ranks are counted over the candidates: of a thread in its core, a core in its cache, a cache in its node, a
        // node in its package.
        Map<Object, Map<Object, Integer>> ranks = new HashMap<>();
        Map<Cpu, int[]> keys = new HashMap<>();
        for (Cpu cpu : packed) {
            List<Integer> place = List.of(cpu.packageId(), cpu.node());
            int thread = rank(ranks, cpu.siblings(), cpu);
            List<Object> lastCache = List.of(place, lastCacheOf(cpu));
            int core = rank(ranks, lastCache, cpu.siblings());
            int cache = rank(ranks, place, lastCache);
            int node = rank(ranks, cpu.packageId(), place);
            keys.put(cpu, new int[] {thread, core, cache, node, cpu.packageId(), cpu.id()});
        }
        if (this == ONE_PER_CORE) {
            packed.removeIf(cpu -> requireNonNull(keys.get(cpu))[0] > 0);
        } else {
            packed.sort(Comparator.comparing(cpu -> requireNonNull(keys.get(cpu)), Arrays::compare));
        }
        return packed;
    }

    /** The CPUs that share the farthest cache; none where the kernel does not tell of caches. */
    private static CpuSet lastCacheOf(Cpu cpu) {
        return cpu.caches().stream()
                .max(Comparator.comparingInt(Cpu.Cache::level))
                .map(Cpu.Cache::shared)
                .orElse(CpuSet.empty());
    }

    /** How many other members of the CPU's group came before it. */
    private static int rank(Map<Object, Map<Object, Integer>> ranks, Object group, Object member) {
        Map<Object, Integer> members = ranks.computeIfAbsent(group, any -> new HashMap<>());
        Integer next = members.size();
        Integer known = members.putIfAbsent(member, next);
        return known == null ? next : known;
    }
}
