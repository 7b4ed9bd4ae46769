// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToIntFunction;

/** Reads lists that name CPUs by their properties. {@link CpuTopology#select} describes the grammar. */
final class CpuSelector {
    private static final String REMEDY =
            "write a list such as 0-3,8, or isolated, nohz_full, default, all, node:N, package:N, core:N, last,"
                    + " last-N, or ! and one of these for all but it";

    private final CpuTopology topology;
    private final CpuSet usable;

    CpuSelector(CpuTopology topology) {
        this.topology = topology;
        this.usable = topology.usable();
    }

    CpuSet select(String text) {
        if (text.isBlank()) {
            return CpuSet.parse(text); // which says what to write
        }
        CpuSet wanted = CpuSet.empty();
        CpuSet unwanted = CpuSet.empty();
        boolean onlyUnwanted = true;
        String[] parts = text.split(",", -1);
        for (String part : parts) {
            String entry = part.strip();
            try {
                if (entry.startsWith("!")) {
                    unwanted = unwanted.or(named(entry.substring(1).strip(), entry));
                } else {
                    onlyUnwanted = false;
                    wanted = wanted.or(named(entry, entry));
                }
            } catch (IllegalArgumentException e) {
                String where = parts.length == 1 ? "" : " (in the CPU list " + CpuSet.quote(text) + ")";
                throw new IllegalArgumentException(e.getMessage() + where, e);
            }
        }
        CpuSet rest = (onlyUnwanted ? usable : wanted).minus(unwanted);
        if (rest.isEmpty()) {
            throw new IllegalArgumentException(CpuSet.quote(text) + ": leaves no CPU: usable are " + usable);
        }
        return rest;
    }

    private CpuSet named(String name, String entry) {
        String word = name.toLowerCase(Locale.ROOT);
        int colon = word.indexOf(':');
        if (word.isEmpty() || !Character.isLetter(word.charAt(0))) {
            if (name.isEmpty() && !entry.isEmpty()) {
                throw new IllegalArgumentException("!: names no CPU; " + REMEDY);
            }
            return list(name);
        }
        if (word.equals("last") || word.startsWith("last-")) {
            return last(word);
        }
        return switch (colon < 0 ? word : word.substring(0, colon + 1)) {
            case "all" -> usable;
            case "default" -> topology.allowed();
            case "isolated" ->
                some(
                        word,
                        topology.isolated(),
                        "this machine isolates no CPU; isolcpus= on the kernel command line or an isolated cpuset partition does");
            case "nohz_full" ->
                some(
                        word,
                        topology.nohzFull(),
                        "no CPU of this machine is free of ticks; nohz_full= on the kernel command line makes some");
            case "node:" -> numbered(word, topology.nodes(), "node", "this kernel tells of no NUMA nodes");
            case "package:" ->
                numbered(word, byNumber(Cpu::packageId), "package", "this machine does not tell its packages");
            case "core:" -> numbered(word, cores(), "core", "this machine does not tell its cores");
            default ->
                throw new IllegalArgumentException(
                        CpuSet.quote(name) + ": not a CPU number nor a name of CPUs; " + REMEDY);
        };
    }

    /** A list of CPU numbers, in which a range may end with the last one: 2-last. */
    private CpuSet list(String list) {
        String last = "-last";
        if (list.toLowerCase(Locale.ROOT).endsWith(last)) {
            String first = list.substring(0, list.length() - last.length());
            return CpuSet.parse(first + "-" + usable.last()).and(usable);
        }
        return CpuSet.parse(list.isEmpty() ? "," : list); // an empty entry among others says so
    }

    /** The last usable CPU, or the one that many places before it. */
    private CpuSet last(String word) {
        int back = word.equals("last")
                ? 0
                : CpuSet.parse(word.substring("last-".length())).first();
        if (back >= usable.size()) {
            throw new IllegalArgumentException(CpuSet.quote(word) + ": there are " + usable.size() + " usable CPUs, "
                    + usable + ": last-" + (usable.size() - 1) + " is the first of them");
        }
        return CpuSet.of(
                usable.stream().skip(usable.size() - 1L - back).findFirst().orElseThrow());
    }

    private CpuSet some(String word, CpuSet cpus, String none) {
        if (cpus.isEmpty()) {
            throw new IllegalArgumentException(word + ": " + none + ". Usable are " + usable);
        }
        if (cpus.and(usable).isEmpty()) {
            throw new IllegalArgumentException(word + ": " + new Refusal(topology, topology.limits()).of(cpus));
        }
        return cpus.and(usable);
    }

    private CpuSet numbered(String word, Map<Integer, CpuSet> groups, String kind, String none) {
        Map<Integer, CpuSet> withCpus = new TreeMap<>();
        groups.forEach((number, cpus) -> {
            if (number >= 0 && !cpus.and(usable).isEmpty()) {
                withCpus.put(number, cpus.and(usable));
            }
        });
        if (withCpus.isEmpty()) {
            throw new IllegalArgumentException(word + ": " + none + ". Usable are CPUs " + usable);
        }
        CpuSet known =
                CpuSet.of(withCpus.keySet().stream().mapToInt(Integer::intValue).toArray());
        CpuSet numbers;
        try {
            numbers = CpuSet.parse(word.substring(kind.length() + 1));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    CpuSet.quote(word) + ": write " + kind + ": and a number or a range of " + known, e);
        }
        CpuSet unknown = numbers.minus(known);
        if (!unknown.isEmpty()) {
            throw new IllegalArgumentException(CpuSet.quote(word) + ": there is no " + kind + " " + unknown
                    + " with usable CPUs: write a number or a range of " + known);
        }
        return numbers.stream()
                .mapToObj(number -> withCpus.getOrDefault(number, CpuSet.empty()))
                .reduce(CpuSet.empty(), CpuSet::or);
    }

    private Map<Integer, CpuSet> byNumber(ToIntFunction<Cpu> number) {
        Map<Integer, CpuSet> groups = new TreeMap<>();
        topology.cpus().forEach(cpu -> groups.merge(number.applyAsInt(cpu), CpuSet.of(cpu.id()), CpuSet::or));
        return groups;
    }

    private Map<Integer, CpuSet> cores() {
        List<CpuSet> cores = new ArrayList<>(topology.cores());
        Map<Integer, CpuSet> groups = new TreeMap<>();
        cores.forEach(core -> groups.put(groups.size(), core));
        return groups;
    }
}
