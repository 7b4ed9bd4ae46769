// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;

/** The CPUs of a kernel, with their positions. Immutable. */
final class CpuTable {
    final List<Cpu> cpus;
    final CpuSet ids;
    private final int[] indexById;

    CpuTable(List<Cpu> cpus) {
        this.cpus = List.copyOf(cpus);
        this.ids = CpuSet.of(cpus.stream().mapToInt(Cpu::id).toArray());
        this.indexById = new int[ids.last() + 1];
        Arrays.fill(indexById, -1);
        for (int i = 0; i < cpus.size(); i++) {
            indexById[cpus.get(i).id()] = i;
        }
    }

    CpuTable with(List<Cpu> more) {
        List<Cpu> all = new ArrayList<>(cpus);
        all.addAll(more);
        return new CpuTable(all);
    }

    /** The position of a CPU number, or -1. */
    int index(int id) {
        return id < indexById.length ? indexById[id] : -1;
    }
}
