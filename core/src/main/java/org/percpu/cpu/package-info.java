// SPDX-License-Identifier: BSD-2-Clause
/**
 * The CPUs of a machine: which there are, how they lie to each other, and which of them this process may use.
 *
 * <h2>Types</h2>
 *
 * {@link org.percpu.cpu.CpuSet} is a value: numbers, lists, masks. {@link org.percpu.cpu.Cpu} is one CPU with its
 * attributes, the {@code struct cpu_info} of the BSD manual pages. {@link org.percpu.cpu.CpuTopology} is all of them at
 * one moment, and reads lists that name CPUs by what they are ({@link org.percpu.cpu.CpuTopology#select}).
 * {@link org.percpu.cpu.Placement} chooses some. Nothing here pins a thread.
 *
 * <h2>Three sets</h2>
 *
 * {@code taskset} and {@code isolcpus=} take CPUs out of the mask that a process is started with, not out of what it may use:
 * sched_setaffinity(2) accepts every CPU that is online and in the cpuset. So there are three sets.
 *
 * <ul>
 *   <li><b>Usable</b> is what may be named. Wherever this library takes CPUs, it takes any usable one.
 *   <li><b>Default</b>, called {@linkplain org.percpu.cpu.CpuTopology#allowed() allowed}, is the starting mask: what is taken where
 *       nobody names CPUs.
 *   <li><b>Isolated</b> is what the kernel keeps free of everything that is not pinned there.
 * </ul>
 *
 * <h2>Two numbers</h2>
 *
 * A CPU has the kernel's number, {@link org.percpu.cpu.Cpu#id() id}, which is sparse: CPUs are offline, containers get
 * 4 and 6, firmware leaves gaps. And it has {@link org.percpu.cpu.Cpu#index() index}, its place among the CPUs that
 * this process may use, which is dense and fit for arrays: the allowed ones first, so that their places do not depend on what
 * else is usable. Neither fits a {@code long} of bits.
 *
 * <h2>Where things come from</h2>
 *
 * <ul>
 *   <li>What is <b>allowed</b>: sched_getaffinity(2) of the process's initial thread, whose mask the kernel has reduced
 *       to the cpuset already. A pinned caller thus does not narrow the world. The JVM's launcher runs Java's
 *       {@code main} in another thread, so pinning that one does not narrow it either.
 *   <li>What is <b>usable</b>: the same set if it is all that is online. Else a thread that is made for it asks
 *       sched_setaffinity(2) for every possible CPU, reads back what it got, and ends: no mask changes that matters to anybody. If
 *       the call is forbidden, and for captured machines, it is what cpuset and online CPUs have in common.
 *   <li>What <b>exists</b>: {@code /sys/devices/system/cpu/}{@code {possible,present,online,isolated,nohz_full}}; without
 *       {@code online}, {@code cpuN/online}.
 *   <li><b>Cores</b>: {@code cpuN/topology/core_cpus_list} (before Linux 5.3 {@code thread_siblings_list}). Never
 *       {@code core_id}, which repeats across packages and dies. <b>Packages</b>: {@code physical_package_id}; where two share a
 *       number, {@code core_siblings_list} tells them apart.
 *   <li><b>NUMA nodes</b>: {@code /sys/devices/system/node/nodeN/cpulist}. <b>Caches</b>: {@code cpuN/cache/indexN}.
 *   <li>Masks ({@code thread_siblings}, {@code cpumap}, {@code shared_cpu_map}) where such a list is missing or empty.
 *   <li><b>Unlike cores</b>: {@code /sys/devices/cpu_core/cpus}, {@code cpu_atom} and {@code cpu_lowpower} on x86, else
 *       {@code cpuN/cpu_capacity}, else {@code cpuN/cpufreq/cpuinfo_max_freq} and {@code cpuN/acpi_cppc/highest_perf}.
 *   <li><b>cpuset</b>: the control group of {@code /proc/self/cgroup}, in the mount of {@code /proc/self/mountinfo} that shows
 *       it and that no other mount covers. It explains why a CPU is not usable; it does not decide what is. Where it contradicts the
 *       scheduler it is another group's, and not known.
 *   <li><b>Isolated</b>: the file of that name ({@code isolcpus=}), {@code cpuset.cpus.isolated} of the root group (Linux 6.7)
 *       and the partition that the process is in; with version 1 the CPUs of no cpuset that has {@code sched_load_balance}.
 * </ul>
 *
 * Files are read below a root folder, so that captured machines are read by the same code as the one it runs on.
 *
 * <h2>When the kernel's files are broken</h2>
 *
 * Containers hide or fake parts of sysfs, CPUs vanish between two reads, firmware tells nonsense. A topology is read
 * nevertheless: each file that is missing or makes no sense costs one attribute its value, falls back to what its
 * method documents, and leaves a line in {@link org.percpu.cpu.CpuTopology#problems()}, one for each kind of problem, however
 * many CPUs have it. If files contradict the scheduler about what is online, the scheduler is believed. Sets that must be the same for all
 * their members, such as cores and caches, hold only if they are. Files that many good machines lack (caches, NUMA, frequency, capacity,
 * cpuset) are no problem when they are absent for all CPUs.
 *
 * <h2>When it is read</h2>
 *
 * {@link org.percpu.cpu.CpuTopology#system()} reads at its first call and remembers; no class reads anything when it is
 * initialised. A topology never changes afterwards: call {@link org.percpu.cpu.CpuTopology#refresh()} after hot-plug or
 * a change of the cpuset. Code that has to be sure asks the kernel when it pins, and does not trust a topology.
 */
@NullMarked
package org.percpu.cpu;

import org.jspecify.annotations.NullMarked;
