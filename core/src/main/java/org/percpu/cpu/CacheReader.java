// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/** Reads the caches of CPUs and which CPUs share them. */
final class CacheReader {
    private static final Set<String> TYPES = Set.of("Data", "Instruction", "Unified");

    /** Written out, because a record's own methods are linked at run time. */
    private record Key(int level, String type) {
        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof Key key && key.level == level && key.type.equals(type);
        }

        @Override
        public int hashCode() {
            return 31 * level + type.hashCode();
        }
    }

    private final IntFunction<SysFolder> cachesOf;
    private final BiConsumer<Integer, String> problems;
    private final Map<Key, Map<Integer, CpuSet>> claims = new HashMap<>();

    CacheReader(IntFunction<SysFolder> cachesOf, BiConsumer<Integer, String> problems) {
        this.cachesOf = cachesOf;
        this.problems = problems;
    }

    /**
     * A set of CPUs that share a cache is used only if all its members with such a cache name the same set. Otherwise
     * the cache counts as private.
     */
    Map<Integer, List<Cpu.Cache>> read(CpuSet cpus) {
        Map<Integer, List<Cpu.Cache>> read = new HashMap<>();
        for (int cpu : cpus) {
            read.put(cpu, caches(cpu));
        }
        if (!claims.isEmpty()) {
            read.forEach((cpu, caches) -> {
                if (caches.isEmpty()) {
                    problems.accept(cpu, "no cache is told of, though other CPUs have some; took them as unknown");
                }
            });
        }
        Map<Key, Map<Integer, CpuSet>> agreed = new HashMap<>();
        for (Map.Entry<Key, Map<Integer, CpuSet>> entry : claims.entrySet()) {
            Key key = entry.getKey();
            String line = "disagrees with others about who shares the cache L" + key.level + " " + key.type
                    + "; took it as its own";
            agreed.put(key, Agreement.among(entry.getValue(), false, cpu -> problems.accept(cpu, line)));
        }
        for (Map.Entry<Integer, List<Cpu.Cache>> entry : read.entrySet()) {
            int cpu = entry.getKey();
            List<Cpu.Cache> caches = new ArrayList<>();
            for (Cpu.Cache cache : entry.getValue()) {
                CpuSet shared = agreed.getOrDefault(new Key(cache.level(), cache.type()), Map.of())
                        .getOrDefault(cpu, CpuSet.of(cpu));
                caches.add(new Cpu.Cache(cache.level(), cache.type(), cache.sizeBytes(), shared));
            }
            entry.setValue(List.copyOf(caches));
        }
        return read;
    }

    private List<Cpu.Cache> caches(int cpu) {
        List<Cpu.Cache> caches = new ArrayList<>();
        SysFolder folder = cachesOf.apply(cpu);
        for (int index : folder.numbered("index")) {
            SysFolder cache = folder.sub("index" + index);
            int level = cache.number("level");
            String type = cache.text("type");
            if (level < 1 || type == null || !TYPES.contains(type)) {
                cache.problem("", "level or type is missing or unknown; left this cache out");
                continue;
            }
            CpuSet self = CpuSet.of(cpu);
            CpuSet shared = cache.cpus("shared_cpu_list", "shared_cpu_map");
            if (shared == null || shared.isEmpty()) {
                cache.problem("shared_cpu_list", "names no CPU; took the cache as one of this CPU alone");
                shared = self;
            }
            claims.computeIfAbsent(new Key(level, type), any -> new HashMap<>()).put(cpu, shared.or(self));
            caches.add(new Cpu.Cache(level, type, cache.size("size"), self));
        }
        return caches;
    }
}
