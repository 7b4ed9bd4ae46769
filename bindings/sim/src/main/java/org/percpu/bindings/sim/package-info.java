// SPDX-License-Identifier: BSD-2-Clause
/**
 * A simulated machine: {@link org.percpu.bindings.spi.LinuxCalls} without Linux. It has any number of CPUs, and it
 * makes faults when a seed says so. It runs on every operating system.
 *
 * <p><b>How to choose it.</b> {@code -Dpercpu.backend=sim}. Nothing else leads here, and every report names the
 * backend, so a simulated result cannot pass for a real one. {@link org.percpu.bindings.sim.SimProvider} is how the
 * backend is found.
 *
 * <p><b>What is simulated.</b> {@link org.percpu.bindings.sim.SimMachine} holds CPUs, the cpuset, threads with their
 * masks, policies, names and signals. A Java thread becomes a thread of the machine at its first call. It inherits
 * mask, policy and nice value from the thread that constructed it, as a POSIX thread does. {@code Futexes} is futex(2)
 * on locks; {@code Signals} has pending signals and timers; {@code Faults} says which call fails; {@code Topology}
 * knows the files that a kernel would show under {@code /sys} and {@code /proc}, and {@code MachineFiles} shows them as
 * a file system in memory.
 *
 * <p><b>Schedules.</b> A controlled scheduler runs a program on this machine again and again, and must be able to repeat
 * one of these runs. So {@link org.percpu.bindings.sim.SimMachine#restart()} replaces the machine by a fresh one. And
 * nothing that such a scheduler sees depends on what the collector has found or on the address of a word: see
 * {@code WordLock} and {@code Memory}.
 *
 * <p><b>What is not.</b> No CPU is real: threads run where the host puts them, and {@code sched_getcpu} answers from
 * the mask. Priorities are kept and have no effect. There is no weak memory beyond that of the host.
 *
 * <p><b>Properties.</b>
 * <table>
 * <caption>System properties, read when the machine is made, and at each restart</caption>
 * <tr><th>Property</th><th>Meaning</th></tr>
 * <tr><td>{@code percpu.sim}</td><td>the machine: {@code 8} CPUs, {@code 2x8x2} packages, cores and threads, or the
 * path of a captured machine (a text file, or a folder with {@code sys} and {@code proc}); 4 unless set</td></tr>
 * <tr><td>{@code percpu.sim.mask}</td><td>the CPU list that the process may use at its start; all unless set</td></tr>
 * <tr><td>{@code percpu.sim.cpuset}</td><td>the CPU list of the cpuset; all unless set</td></tr>
 * <tr><td>{@code percpu.sim.rtprio}</td><td>RLIMIT_RTPRIO, 0 to 99; 99 unless set</td></tr>
 * <tr><td>{@code percpu.sim.threads}</td><td>how many threads the machine allows, its threads-max; 10000 unless
 * set</td></tr>
 * <tr><td>{@code percpu.sim.faults}</td><td>which faults happen, see {@link org.percpu.bindings.sim.Faults}; none
 * unless set</td></tr>
 * <tr><td>{@code percpu.sim.membarrier}</td><td>{@code yes} (the default), or {@code no}: a machine without
 * membarrier(2)</td></tr>
 * <tr><td>{@code percpu.sim.time}</td><td>{@code real} (the default), or {@code virtual}: waits with a time end when
 *     {@link org.percpu.bindings.sim.SimMachine#advance} has moved the clock</td></tr>
 * </table>
 */
@NullMarked
package org.percpu.bindings.sim;

import org.jspecify.annotations.NullMarked;
