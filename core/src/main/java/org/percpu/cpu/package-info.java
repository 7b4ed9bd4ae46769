// SPDX-License-Identifier: BSD-2-Clause
/**
 * The CPUs of a machine: which CPUs there are, how they are arranged, and which of them this process may use.
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
 * {@code taskset} and {@code isolcpus=} take CPUs out of the mask that a process is started with, not out of what it
 * may use: sched_setaffinity(2) accepts every CPU that is online and in the cpuset. So there are three sets.
 *
 * <ul>
 *   <li><b>Usable</b> CPUs may be named. Wherever this library takes CPUs, it takes any usable CPU.
 *   <li><b>Default</b>, called {@linkplain org.percpu.cpu.CpuTopology#allowed() allowed}, is the starting mask: the
 *       CPUs that are taken where none are named.
 *   <li><b>Isolated</b> CPUs are kept free by the kernel of everything that is not pinned there.
 * </ul>
 *
 * <h2>Two numbers</h2>
 *
 * A CPU has the kernel's number, {@link org.percpu.cpu.Cpu#id() id}, which is sparse: CPUs are offline, containers get
 * 4 and 6, firmware leaves gaps. And it has an {@link org.percpu.cpu.Cpu#index() index}, its place among the CPUs that
 * this process may use. The index is dense and fit for arrays. The allowed CPUs come first, so their places do not
 * depend on which others are usable. Neither number fits a {@code long} of bits.
 *
 * <h2>Where things come from</h2>
 *
 * <ul>
 *   <li>What is <b>allowed</b>: sched_getaffinity(2) of the process's initial thread. The kernel has reduced that mask
 *       to the cpuset already. So a pinned caller does not narrow the result. The JVM's launcher runs Java's
 *       {@code main} in another thread, so pinning {@code main} does not narrow the result either.
 *   <li>What is <b>usable</b>: the same set if it holds every online CPU. Otherwise a thread made for this purpose asks
 *       sched_setaffinity(2) for every possible CPU, reads back what it got, and ends; so no other thread's mask
 *       changes. If the call is forbidden, and for captured machines, the set is the CPUs that are both in the cpuset
 *       and online.
 *   <li>What <b>exists</b>: {@code /sys/devices/system/cpu/}{@code {possible,present,online,isolated,nohz_full}};
 *       without {@code online}, {@code cpuN/online}.
 *   <li><b>Cores</b>: {@code cpuN/topology/core_cpus_list} (before Linux 5.3 {@code thread_siblings_list}). Never
 *       {@code core_id}, which repeats across packages and dies. <b>Packages</b>: {@code physical_package_id}; where
 *       two share a number, {@code core_siblings_list} tells them apart.
 *   <li><b>NUMA nodes</b>: {@code /sys/devices/system/node/nodeN/cpulist}. <b>Caches</b>: {@code cpuN/cache/indexN}.
 *   <li>Masks ({@code thread_siblings}, {@code cpumap}, {@code shared_cpu_map}) where such a list is missing or empty.
 *   <li><b>Unlike cores</b>: {@code /sys/devices/cpu_core/cpus}, {@code cpu_atom} and {@code cpu_lowpower} on x86, else
 *       {@code cpuN/cpu_capacity}, else {@code cpuN/cpufreq/cpuinfo_max_freq} and {@code cpuN/acpi_cppc/highest_perf}.
 *   <li><b>cpuset</b>: the control group of {@code /proc/self/cgroup}, in the mount of {@code /proc/self/mountinfo}
 *       that shows it and that no other mount covers. The cpuset explains why a CPU is not usable; it does not decide
 *       which CPUs are usable. A cpuset that contradicts the scheduler belongs to another group; the process's own is
 *       then not known.
 *   <li><b>Isolated</b>: the file {@code isolated} ({@code isolcpus=}), {@code cpuset.cpus.isolated} of the root group
 *       (Linux 6.7) and the partition that the process is in; with version 1 the CPUs that are in no cpuset with
 *       {@code sched_load_balance}.
 * </ul>
 *
 * Files are read below a root folder, so the same code reads captured machines and the machine it runs on.
 *
 * <h2>When the kernel's files are broken</h2>
 *
 * Containers hide or fake parts of sysfs, CPUs vanish between two reads, and firmware gives nonsense. A topology is
 * read nevertheless. Each file that is missing or makes no sense costs one attribute its value. The attribute then has
 * the default that its method documents. {@link org.percpu.cpu.CpuTopology#problems()} gets one line for each kind of
 * problem, however many CPUs have it. If files contradict the scheduler about what is online, the scheduler is
 * believed. Sets such as cores and caches must be the same for all their members; a set that differs among its members
 * is not used. Many good machines lack some files (caches, NUMA, frequency, capacity, cpuset): these are no problem
 * when they are absent for all CPUs.
 *
 * <h2>When it is read</h2>
 *
 * {@link org.percpu.cpu.CpuTopology#system()} reads at its first call and keeps the result. No class reads anything
 * when it is initialised. A topology never changes afterwards: call {@link org.percpu.cpu.CpuTopology#refresh()} after
 * hot-plug or a change of the cpuset. Code that has to be sure asks the kernel when it pins, and does not trust a
 * topology.
 */
@NullMarked
package org.percpu.cpu;

import org.jspecify.annotations.NullMarked;
