// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.Cpu.Kind;

/** Which CPUs of a machine with unlike cores are fast ones, and which are thrifty. */
record CoreKinds(boolean unlike, CpuSet performance, CpuSet efficiency) {
    private static final CoreKinds ALIKE = new CoreKinds(false, CpuSet.empty(), CpuSet.empty());

    Kind of(int cpu) {
        if (!unlike) {
            return Kind.UNIFORM;
        }
        if (performance.contains(cpu)) {
            return Kind.PERFORMANCE;
        }
        return efficiency.contains(cpu) ? Kind.EFFICIENCY : Kind.UNKNOWN;
    }

    /**
     * Intel's hybrid x86 machines have one performance monitor device for each sort of core. Null if this machine has
     * not.
     */
    static @Nullable CoreKinds byMonitors(SysFolder devices) {
        CpuSet core = devices.sub("cpu_core").cpus("cpus");
        CpuSet atom = devices.sub("cpu_atom").cpus("cpus");
        CpuSet lowPower = devices.sub("cpu_lowpower").cpus("cpus");
        if (core == null || (atom == null && lowPower == null)) {
            return null;
        }
        CpuSet thrifty = (atom == null ? CpuSet.empty() : atom).or(lowPower == null ? CpuSet.empty() : lowPower);
        return new CoreKinds(true, core.minus(thrifty), thrifty);
    }

    /**
     * By the scheduler's capacity, those below three quarters of the strongest are the thrifty ones, since equal cores
     * may differ by a few percent. Null if all are alike by it.
     */
    static @Nullable CoreKinds byCapacity(Map<Integer, Integer> capacities) {
        long strongest = -1;
        for (int capacity : capacities.values()) {
            strongest = Math.max(strongest, capacity);
        }
        CpuSet all = cpus(capacities);
        CpuSet weak = CpuSet.empty();
        for (Map.Entry<Integer, Integer> entry : capacities.entrySet()) {
            if (entry.getValue() * 4L < strongest * 3) {
                weak = weak.or(CpuSet.of(entry.getKey()));
            }
        }
        return weak.isEmpty() ? null : new CoreKinds(true, all.minus(weak), weak);
    }

    /**
     * AMD's machines with dense cores beside full ones (Zen 5 and 5c) have neither monitors nor capacities. There the
     * highest clock and the highest performance of ACPI's CPPC differ by about a third between the two sorts of core.
     * Both values also rank equal cores, in small steps. So a gap in one value counts, if the other value steps down
     * across it as well. If the other value does not step down, the cores are unlike, but which core is of which sort
     * is not known.
     *
     * @param clocks kHz by CPU, without those that do not tell
     * @param performances highest_perf by CPU, without those that do not tell
     */
    static CoreKinds bySpeed(Map<Integer, Integer> clocks, Map<Integer, Integer> performances) {
        CpuSet slow = belowTheGap(clocks);
        CpuSet weak = belowTheGap(performances);
        if (slow.isEmpty() && weak.isEmpty()) {
            return ALIKE;
        }
        CpuSet all = cpus(clocks).or(cpus(performances));
        CpuSet thrifty = slow.isEmpty() ? weak : slow;
        if (stepsDown(thrifty, clocks) && stepsDown(thrifty, performances)) {
            return new CoreKinds(true, all.minus(thrifty), thrifty);
        }
        return new CoreKinds(true, CpuSet.empty(), CpuSet.empty());
    }

    /** Tells whether all values of the thrifty CPUs are below all others. True where no value is known. */
    private static boolean stepsDown(CpuSet thrifty, Map<Integer, Integer> values) {
        int most = Integer.MIN_VALUE;
        int least = Integer.MAX_VALUE;
        for (Map.Entry<Integer, Integer> value : values.entrySet()) {
            if (thrifty.contains(value.getKey())) {
                most = Math.max(most, value.getValue());
            } else {
                least = Math.min(least, value.getValue());
            }
        }
        return most < least;
    }

    /**
     * The CPUs below the widest step between neighbouring values, if the lower of both is at most three quarters of the
     * upper.
     */
    private static CpuSet belowTheGap(Map<Integer, Integer> values) {
        Map<Integer, CpuSet> byValue = new TreeMap<>();
        for (Map.Entry<Integer, Integer> entry : values.entrySet()) {
            CpuSet others = byValue.getOrDefault(entry.getValue(), CpuSet.empty());
            byValue.put(entry.getValue(), others.or(CpuSet.of(entry.getKey())));
        }
        CpuSet below = CpuSet.empty();
        CpuSet seen = CpuSet.empty();
        double widest = 0.75;
        int before = -1;
        for (Map.Entry<Integer, CpuSet> next : byValue.entrySet()) {
            double ratio = before / (double) next.getKey();
            if (before > 0 && ratio <= widest) {
                widest = ratio;
                below = seen;
            }
            seen = seen.or(next.getValue());
            before = next.getKey();
        }
        return below;
    }

    private static CpuSet cpus(Map<Integer, Integer> values) {
        return CpuSet.ofAll(values.keySet());
    }
}
