// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.util.List;

/**
 * One CPU of a machine: the {@code struct cpu_info} of the BSD manual pages. What Linux calls a CPU is a hardware
 * thread; several of them may be {@linkplain #siblings() siblings} on one core.
 *
 * <p>A CPU belongs to the {@link CpuTopology} that it was read with and says what was true then. It has identity: two
 * readings of the machine give two objects for the same CPU, which are not equal.
 */
public final class Cpu {
    /** The kind of a core, as a machine with unlike cores reports it. */
    public enum Kind {
        /** A fast core among slower ones, such as a P-core, or a big core on Arm. */
        PERFORMANCE,
        /** A slow and thrifty core among faster ones, such as an E-core, or a little core on Arm. */
        EFFICIENCY,
        /** The machine reports no difference between its cores. */
        UNIFORM,
        /**
         * The machine has unlike cores, but does not say which kind this one is. Some offline CPUs are of this kind.
         */
        UNKNOWN
    }

    /**
     * A cache that a CPU uses.
     *
     * @param level 1 for the nearest
     * @param type {@code Data}, {@code Instruction} or {@code Unified}
     * @param sizeBytes size in bytes, -1 if unknown
     * @param shared the CPUs that use this very cache
     */
    public record Cache(int level, String type, long sizeBytes, CpuSet shared) {}

    private final int id;
    private final int index;
    private final boolean allowed;
    private final boolean online;
    private final boolean isolated;
    private final int coreId;
    private final int packageId;
    private final int node;
    private final CpuSet siblings;
    private final Kind kind;
    private final int capacity;
    private final long maxFrequencyKHz;
    private final List<Cache> caches;

    Cpu(
            int id,
            int index,
            boolean allowed,
            boolean online,
            boolean isolated,
            int coreId,
            int packageId,
            int node,
            CpuSet siblings,
            Kind kind,
            int capacity,
            long maxFrequencyKHz,
            List<Cache> caches) {
        this.id = id;
        this.index = index;
        this.allowed = allowed;
        this.online = online;
        this.isolated = isolated;
        this.coreId = coreId;
        this.packageId = packageId;
        this.node = node;
        this.siblings = siblings;
        this.kind = kind;
        this.capacity = capacity;
        this.maxFrequencyKHz = maxFrequencyKHz;
        this.caches = List.copyOf(caches);
    }

    /**
     * The same CPU with another dense number, for a table of CPUs that already uses this CPU's number.
     *
     * @param number the new {@link #index()}, 0 or more
     * @return a copy
     */
    public Cpu withIndex(int number) {
        return new Cpu(
                id,
                number,
                allowed,
                online,
                isolated,
                coreId,
                packageId,
                node,
                siblings,
                kind,
                capacity,
                maxFrequencyKHz,
                caches);
    }

    /**
     * The kernel's number of this CPU.
     *
     * @return 0 or more; numbers may have gaps
     */
    public int id() {
        return id;
    }

    /**
     * The place of this CPU among those that this process may use: first the CPUs that it is allowed from its start,
     * then the other usable CPUs.
     *
     * @return 0 to the number of usable CPUs - 1; the allowed ones have 0 to their number - 1, ascending with
     *     {@link #id()}, and so do the others behind them; -1 if it is not usable
     */
    public int index() {
        return index;
    }

    /**
     * Tells whether this CPU is in the default set, which is taken where no CPUs are named.
     *
     * @return true if the CPU is in {@link CpuTopology#allowed()}
     */
    public boolean allowed() {
        return allowed;
    }

    /**
     * Tells whether a thread of this process may be pinned here.
     *
     * @return true if the CPU is in {@link CpuTopology#usable()}
     */
    public boolean usable() {
        return index >= 0;
    }

    /**
     * Tells whether the kernel had the CPU in service when the topology was read.
     *
     * @return true if it is in {@link CpuTopology#online()}
     */
    public boolean online() {
        return online;
    }

    /**
     * Tells whether the kernel keeps its load balancing away from this CPU ({@code isolcpus=}, or an isolated partition
     * of control groups). A thread runs here only if it is pinned to this CPU.
     *
     * @return true if it is in {@link CpuTopology#isolated()}
     */
    public boolean isolated() {
        return isolated;
    }

    /**
     * The platform's number of the core. Numbers repeat across packages and dies and say nothing by themselves:
     * {@link #siblings()} tells which CPUs are one core.
     *
     * @return the number, -1 if unknown
     */
    public int coreId() {
        return coreId;
    }

    /**
     * The platform's number of the package (socket). Where firmware gives two packages the same number, the second gets
     * a new number.
     *
     * @return the number, -1 if unknown
     */
    public int packageId() {
        return packageId;
    }

    /**
     * The NUMA node that this CPU is part of.
     *
     * @return the number, -1 if unknown or the kernel has no NUMA
     */
    public int node() {
        return node;
    }

    /**
     * The online CPUs that are hardware threads (SMT) of the same core.
     *
     * @return the set, which contains at least this CPU
     */
    public CpuSet siblings() {
        return siblings;
    }

    /**
     * Which sort of core this is on a machine with unlike cores.
     *
     * @return the kind; {@link Kind#UNIFORM} on most machines
     */
    public Kind kind() {
        return kind;
    }

    /**
     * The capacity of this CPU compared with the strongest CPU of the machine, by the scheduler's measure.
     *
     * @return 1 to 1024, where 1024 is the strongest; -1 if the kernel does not say
     */
    public int capacity() {
        return capacity;
    }

    /**
     * The highest clock rate of this CPU.
     *
     * @return kHz; -1 if the kernel does not say
     */
    public long maxFrequencyKHz() {
        return maxFrequencyKHz;
    }

    /**
     * The caches that this CPU uses, in the kernel's order, which goes from the nearest to the farthest.
     *
     * @return an immutable list, empty if the kernel does not say
     */
    public List<Cache> caches() {
        return caches;
    }

    /**
     * The kernel's name of this CPU.
     *
     * @return such as {@code cpu3}
     */
    @Override
    public String toString() {
        return "cpu" + id;
    }
}
