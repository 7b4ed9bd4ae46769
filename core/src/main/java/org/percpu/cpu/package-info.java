// SPDX-License-Identifier: BSD-2-Clause
/**
 * The CPUs of a machine: which there are, how they lie to each other, and which of them this process may use.
 *
 * <h2>Types</h2>
 *
 * {@link org.percpu.cpu.CpuSet} is a value: numbers, lists, masks. {@link org.percpu.cpu.Cpu} is one CPU with its
 * attributes, the {@code struct cpu_info} of the BSD manual pages. {@link org.percpu.cpu.CpuTopology} is all of them at
 * one moment. {@link org.percpu.cpu.Placement} chooses some. Nothing here pins a thread.
 *
 * <h2>Two numbers</h2>
 *
 * A CPU has the kernel's number, {@link org.percpu.cpu.Cpu#id() id}, which is sparse: CPUs are offline, containers get
 * 4 and 6, firmware leaves gaps. And it has {@link org.percpu.cpu.Cpu#index() index}, its place among the CPUs that
 * this process may use, which is dense and fit for arrays. Neither fits a {@code long} of bits.
 *
 * <h2>Where things come from</h2>
 *
 * <ul>
 *   <li>What is <b>allowed</b>: sched_getaffinity(2) of the process's initial thread, whose mask the kernel has reduced
 *       to the cpuset already. A pinned caller thus does not narrow the world. The JVM's launcher runs Java's
 *       {@code main} in another thread, so pinning that one does not narrow it either.
 *   <li>What <b>exists</b>: {@code /sys/devices/system/cpu/}{@code {possible,present,online,isolated}}.
 *   <li><b>Cores</b>: {@code cpuN/topology/core_cpus_list} (before Linux 5.3 {@code thread_siblings_list}). Never
 *       {@code core_id}, which repeats across packages and dies.
 *   <li><b>NUMA nodes</b>: {@code /sys/devices/system/node/nodeN/cpulist}. <b>Caches</b>: {@code cpuN/cache/indexN}.
 *   <li><b>Unlike cores</b>: {@code /sys/devices/cpu_core/cpus}, {@code cpu_atom} and {@code cpu_lowpower} on x86, else
 *       {@code cpuN/cpu_capacity}.
 *   <li><b>cpuset</b>: the control group of {@code /proc/self/cgroup}, found through {@code /proc/self/mountinfo}. It
 *       explains why a CPU is not allowed; it does not decide what is.
 * </ul>
 *
 * Files are read below a root folder, so that captured machines are read by the same code as the one it runs on.
 *
 * <h2>When the kernel's files are broken</h2>
 *
 * Containers hide or fake parts of sysfs, CPUs vanish between two reads, firmware tells nonsense. A topology is read
 * nevertheless: each file that is missing or makes no sense costs one attribute its value, falls back to what its
 * method documents, and leaves a line in {@link org.percpu.cpu.CpuTopology#problems()}. If files contradict the
 * scheduler about what is online, the scheduler is believed. Files that many good machines lack (caches, NUMA,
 * frequency, capacity, cpuset) are no problem when they are absent.
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
