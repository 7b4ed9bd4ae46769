// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToIntFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads lists that name CPUs by their properties. {@link CpuTopology#select} describes the grammar. */
final class CpuSelector {
    private static final String REMEDY =
            "write a list such as 0-3,8, or isolated, nohz_full, default, all, node:N, package:N, core:N, last,"
                    + " last-N, or ! and one of these for all but it";

    private static final String LAST_REMEDY =
            "write last for the last usable CPU, last-1 for the one before it, or such as 0-last for a range up to it";
    private static final Pattern UP_TO_LAST = Pattern.compile("(-?\\d*)-last(:.*)?");

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
                if (entry.isEmpty()) {
                    throw new IllegalArgumentException(
                            "an entry is empty: write one comma between two entries, none at the ends");
                }
                if (entry.startsWith("!")) {
                    unwanted = unwanted.or(unwanted(entry.substring(1).strip(), entry));
                } else {
                    onlyUnwanted = false;
                    wanted = wanted.or(wanted(entry));
                }
            } catch (IllegalArgumentException e) {
                String where = parts.length == 1 ? "" : " (in the CPU list " + CpuList.quote(text) + ")";
                throw new IllegalArgumentException(e.getMessage() + where, e);
            }
        }
        CpuSet rest = (onlyUnwanted ? usable : wanted).minus(unwanted);
        if (rest.isEmpty()) {
            throw new IllegalArgumentException(CpuList.quote(text) + ": leaves no CPU: usable are " + usable);
        }
        return rest;
    }

    /** Where nothing is isolated, all CPUs but the isolated ones are all CPUs. */
    private CpuSet unwanted(String name, String entry) {
        if (name.isEmpty()) {
            throw new IllegalArgumentException("!: names no CPU; " + REMEDY);
        }
        if (name.startsWith("!")) {
            throw new IllegalArgumentException(
                    CpuList.quote(entry) + ": one ! is enough, two do not give the CPUs back; " + REMEDY);
        }
        return switch (name.toLowerCase(Locale.ROOT)) {
            case "isolated" -> topology.isolated();
            case "nohz_full" -> topology.nohzFull();
            default -> wanted(name);
        };
    }

    private CpuSet wanted(String name) {
        String word = name.toLowerCase(Locale.ROOT);
        if (word.contains("last")) {
            return last(word, name);
        }
        if (!Character.isLetter(word.charAt(0))) {
            return CpuSet.parse(name);
        }
        int colon = word.indexOf(':');
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
                        CpuList.quote(name) + ": not a CPU number nor a name of CPUs; " + REMEDY);
        };
    }

    private CpuSet last(String word, String name) {
        Matcher range = UP_TO_LAST.matcher(word);
        if (range.matches() && !range.group(1).isEmpty()) {
            return upToLast(CpuSet.parse(range.group(1)).first(), range.group(2), name);
        }
        String back = word.equals("last") ? "0" : word.startsWith("last-") ? word.substring("last-".length()) : "";
        if (back.isEmpty() || !back.chars().allMatch(c -> c >= '0' && c <= '9')) {
            throw new IllegalArgumentException(CpuList.quote(name) + ": not understood; " + LAST_REMEDY);
        }
        int places = CpuSet.parse(back).first();
        if (places >= usable.size()) {
            throw new IllegalArgumentException(CpuList.quote(name) + ": there are " + usable.size() + " usable CPUs, "
                    + usable + ": last-" + (usable.size() - 1) + " is the first of them");
        }
        return CpuSet.of(
                usable.stream().skip(usable.size() - 1L - places).findFirst().orElseThrow());
    }

    /** A range of CPU numbers that ends with the last usable one: 2-last, or 0-last:2. */
    private CpuSet upToLast(int first, @Nullable String stride, String name) {
        if (first > usable.last()) {
            throw new IllegalArgumentException(
                    CpuList.quote(name) + ": the last usable CPU is " + usable.last() + ": begin there or below");
        }
        return CpuSet.parse(first + "-" + usable.last() + (stride == null ? "" : stride))
                .and(usable);
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
        String numbersOf = "a number or a range of " + known;
        boolean single = known.size() == 1;
        String remedy = "write " + (single ? kind + ":" + known : kind + ": and " + numbersOf);
        String numbersText = word.substring(kind.length() + 1).strip();
        if (numbersText.isEmpty()) {
            throw new IllegalArgumentException(word + " needs a number: " + remedy);
        }
        CpuSet numbers;
        try {
            numbers = CpuSet.parse(numbersText);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(CpuList.quote(word) + ": " + remedy, e);
        }
        CpuSet unknown = numbers.minus(known);
        if (!unknown.isEmpty()) {
            throw new IllegalArgumentException(CpuList.quote(word) + ": there is no " + kind + " " + unknown
                    + " with usable CPUs: " + (single ? remedy : "write " + numbersOf));
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
