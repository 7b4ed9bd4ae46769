// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.cpu.Placement;

/** Which CPUs a user has named, in which order. */
final class CpuChoice {
    private final String owner;
    private @Nullable List<Integer> list;
    private @Nullable CpuSet set;
    private @Nullable String selector;
    private @Nullable Placement placement;
    private int limit = Integer.MAX_VALUE;
    private boolean nowhere;

    CpuChoice(String owner) {
        this.owner = owner;
    }

    void list(List<Cpu> cpus) {
        if (cpus.isEmpty()) {
            throw none();
        }
        Set<Integer> seen = new HashSet<>();
        for (Cpu cpu : cpus) {
            if (!seen.add(cpu.id())) {
                throw new IllegalArgumentException(owner + " is given CPU " + cpu.id()
                        + " twice: name each CPU once, and let threads share CPUs by whenFull(WRAP_ROUND)");
            }
        }
        forget();
        list = cpus.stream().map(Cpu::id).toList();
    }

    void set(CpuSet cpus) {
        if (cpus.isEmpty()) {
            throw none();
        }
        forget();
        set = cpus;
    }

    private IllegalArgumentException none() {
        return new IllegalArgumentException(owner + " is given no CPU: name at least one, or call unpinned()");
    }

    void select(String cpus) {
        forget();
        selector = cpus;
    }

    void nowhere() {
        forget();
        nowhere = true;
    }

    private void forget() {
        list = null;
        set = null;
        selector = null;
        nowhere = false;
    }

    void place(Placement order) {
        placement = order;
    }

    void limit(int count) {
        if (count < 1) {
            throw new IllegalArgumentException(owner + " is limited to " + count + " CPUs: give 1 or more");
        }
        limit = count;
    }

    /** The CPUs, the first one first; none if no thread is to be pinned. */
    List<Cpu> chosen() {
        if (nowhere) {
            return List.of();
        }
        CpuTopology topology = CpuTopology.refresh();
        List<Cpu> cpus = ordered(topology, among(topology));
        return cpus.subList(0, Math.min(limit, cpus.size()));
    }

    private CpuSet among(CpuTopology topology) {
        if (list != null) {
            return CpuSet.of(list.stream().mapToInt(Integer::intValue).toArray());
        }
        if (set != null) {
            return set;
        }
        return selector == null ? topology.allowed() : topology.select(selector);
    }

    private List<Cpu> ordered(CpuTopology topology, CpuSet among) {
        if (placement != null) {
            return placement.order(topology, among);
        }
        List<Cpu> usable = topology.resolve(among);
        return list == null ? usable : list.stream().map(topology::cpu).toList();
    }
}
