// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.util.List;
import java.util.Map;

/**
 * What was read of a machine. The reader has made the sets and the CPUs agree with each other.
 *
 * @param cpus all that are present
 * @param possible the CPU numbers that the kernel has room for
 * @param nohzFull those without a timer tick
 * @param nodes the online CPUs of each NUMA node
 * @param cgroup what the control groups grant
 * @param problems a line for each thing that was missing or made no sense
 * @param source a phrase for people
 */
record Machine(
        List<Cpu> cpus,
        CpuSet possible,
        CpuSet nohzFull,
        Map<Integer, CpuSet> nodes,
        CgroupCpuset.Found cgroup,
        List<String> problems,
        String source) {}
