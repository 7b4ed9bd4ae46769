// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The packages by their numbers. Some firmware gives two packages the same number; the lists of their CPUs tell them
 * apart.
 */
final class Packages {
    private final IntFunction<SysFolder> topologyOf;

    Packages(IntFunction<SysFolder> topologyOf) {
        this.topologyOf = topologyOf;
    }

    /**
     * Gives new numbers, above all others, to packages that share one.
     *
     * @param ids the number of each online CPU's package
     * @return the same with the new numbers
     */
    Map<Integer, Integer> toldApart(Map<Integer, Integer> ids) {
        Map<Integer, CpuSet> byId = new TreeMap<>();
        int free = 0;
        for (Map.Entry<Integer, Integer> entry : ids.entrySet()) {
            CpuSet others = byId.getOrDefault(entry.getValue(), CpuSet.empty());
            byId.put(entry.getValue(), others.or(CpuSet.of(entry.getKey())));
            free = Math.max(free, entry.getValue() + 1);
        }
        Map<Integer, Integer> apart = new HashMap<>(ids);
        for (Map.Entry<Integer, CpuSet> entry : byId.entrySet()) {
            int id = entry.getKey();
            CpuSet cpus = entry.getValue();
            CpuSet first = members(cpus.first());
            if (id < 0 || first == null || first.containsAll(cpus)) {
                continue;
            }
            boolean isFirst = true;
            for (CpuSet part : parts(cpus)) {
                if (!isFirst) {
                    int number = free++;
                    part.forEach(cpu -> apart.put(cpu, number));
                    topologyOf
                            .apply(part.first())
                            .problem(
                                    "physical_package_id",
                                    "the number of another package as well, as core_siblings shows; numbered this one ",
                                    Integer.toString(number));
                }
                isFirst = false;
            }
        }
        return apart;
    }

    /**
     * The packages that the CPUs with one number form, as their files say, ordered by first CPU. A single package if
     * the files contradict each other.
     */
    private List<CpuSet> parts(CpuSet cpus) {
        Map<Integer, CpuSet> claims = new HashMap<>();
        for (int cpu : cpus) {
            CpuSet claim = members(cpu);
            claims.put(cpu, claim == null ? CpuSet.empty() : claim.and(cpus));
        }
        Map<Integer, CpuSet> agreed = Agreement.among(claims, true, cpu -> {});
        if (agreed.size() < cpus.size()) {
            return List.of(cpus);
        }
        TreeSet<Integer> firsts = new TreeSet<>();
        agreed.values().forEach(part -> firsts.add(part.first()));
        return firsts.stream()
                .map(first -> agreed.getOrDefault(first, CpuSet.empty()))
                .toList();
    }

    private @Nullable CpuSet members(int cpu) {
        SysFolder topology = topologyOf.apply(cpu);
        // package_cpus_list is the name since Linux 5.3.
        CpuSet members = topology.cpus("package_cpus_list", "package_cpus");
        if (members == null || members.isEmpty()) {
            members = topology.cpus("core_siblings_list", "core_siblings");
        }
        return members == null || members.isEmpty() ? null : members;
    }
}
