// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.util.HashMap;
import java.util.Map;
import java.util.function.IntConsumer;

/** Compares what CPUs say about the sets that they belong to, such as cores, caches and packages. */
final class Agreement {
    private Agreement() {}

    /**
     * A claim holds only if it contains the CPU that makes it and all of its members say the same.
     *
     * @param claims by CPU
     * @param all whether a member that claims nothing breaks the claim
     * @param refused called with each CPU whose claim does not hold
     * @return the claims that hold
     */
    static Map<Integer, CpuSet> among(Map<Integer, CpuSet> claims, boolean all, IntConsumer refused) {
        Map<CpuSet, CpuSet> claimants = new HashMap<>();
        for (Map.Entry<Integer, CpuSet> entry : claims.entrySet()) {
            CpuSet others = claimants.getOrDefault(entry.getValue(), CpuSet.empty());
            claimants.put(entry.getValue(), others.or(CpuSet.of(entry.getKey())));
        }
        CpuSet speakers = CpuSet.ofAll(claims.keySet());
        Map<Integer, CpuSet> agreed = new HashMap<>();
        for (Map.Entry<Integer, CpuSet> entry : claims.entrySet()) {
            int cpu = entry.getKey();
            CpuSet claim = entry.getValue();
            CpuSet same = claimants.getOrDefault(claim, CpuSet.empty());
            if (claim.contains(cpu) && same.containsAll(all ? claim : claim.and(speakers))) {
                agreed.put(cpu, claim);
            } else {
                refused.accept(cpu);
            }
        }
        return agreed;
    }
}
