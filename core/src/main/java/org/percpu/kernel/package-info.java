// SPDX-License-Identifier: BSD-2-Clause
/**
 * What the queue and thread interfaces stand on: a kernel, its big lock, its threads and its ways to sleep.
 *
 * <p>A {@link org.percpu.kernel.Kernel} is one kernel lock, one table of CPUs, one registry. What its threads and
 * queues may do with it, and its users may not, is in a package that is not exported ({@code org.percpu.lwp}).
 *
 * <p><b>The kernel lock</b> (rules KL-1 to KL-8). It is recursive. A thread that sleeps through this library drops
 * every hold first and has the same number of holds again when it wakes. Condition variables, tsleep, joins, destroys
 * and the idle sleep of a worker all pass through {@link org.percpu.kernel.Kernel#sleeping}, the only place where that
 * happens. The holds are retaken before the interlock is, so the lock order is kernel lock, then interlock. What a
 * thread checked before it slept it must check again. A thread that blocks by any other means, such as file I/O or
 * {@code Object.wait}, keeps the lock unless it wraps the call in {@code sleeping}.
 *
 * <p><b>At the end of a stack</b> a sleep throws StackOverflowError before it releases anything: it first tries whether
 * there is room on the stack to take its locks again. So a thread comes back with the locks that it had.
 *
 * <p><b>Interrupts.</b> A thread that has a level runs its interrupts in every sleep of this package and while it waits
 * for the kernel lock, see {@code org.percpu.dispatch.Sleep}. The body of {@code sleeping} blocks outside the library
 * and runs no interrupts. A thread that retakes an interlock that is a {@code ReentrantLock} runs none either: use a
 * {@link org.percpu.ipl.Mutex} there.
 *
 * <p><b>What a thread does</b> is not in {@code Thread.getState()}: a thread that sleeps in a futex, as an idle worker
 * and a sleeping thread with a level do, is RUNNABLE there, and in thread dumps and profiles. Look at
 * {@link org.percpu.thread.KernelThread#stat}, {@link org.percpu.thread.KernelThread#waitsFor} and the
 * {@linkplain org.percpu.kernel.WorkerState states of workers}; a thread dump shows the blocker of such a thread.
 *
 * <p><b>Counters.</b> Each worker counts what it does, with plain stores that only it makes. {@link
 * org.percpu.kernel.KernelQueue#counters} reads them without a lock or a system call. The number of enqueued works is
 * not counted where they are enqueued, which would make the producers share one more cache line: it is the sum of what
 * has run, what was taken back, and what waits.
 *
 * <p><b>Stalls.</b> The watch of a kernel looks for what makes no progress ({@code StallWatch}). It compares counters of
 * one look with those of the next, so the workers do nothing for it. Its time is its own progress, so a process that is
 * stopped does not stall.
 *
 * <p><b>The end.</b> Threads and queues enter the registry of their kernel under the same monitor as the kernel's
 * close. So a shutdown finds a new thread or queue, or its creator is refused. A queue ends in steps:
 * closed, waited for, stopped, emptied, its threads gone. A shutdown takes each
 * step for all queues before the next step, with one time limit. Several threads may take each step. So concurrent
 * closes and drains wait for the same end, and each dropped work is returned to one of them. Threads are gone when
 * Linux no longer has them. Kernel threads are daemons. One shutdown hook serves all open kernels: it drains the
 * kernels that asked for it, as the system kernel does, and prints what the other kernels held.
 *
 * <p><b>Errors.</b> {@link org.percpu.bindings.spi.ErrnoException} carries the manual page's errno and leaves the state
 * as it was. A null argument is EINVAL with its name in every package. Only methods that promise never to throw accept
 * null.
 *
 * <p><b>Names.</b>
 *
 * <ul>
 * <li>{@code KernelLock}: the big lock of a kernel.
 * <li>{@code Sleepq}: tsleep and wakeup on an object.
 * <li>{@code Condvar}: a condition variable with an interlock.
 * <li>{@code Sleeper}: code that blocks while the kernel lock is dropped.
 * <li>{@code ClockState}: the clock of a CPU, which runs its timers.
 * <li>{@code DelayState}: where a call has found a work that can wait for its time.
 * <li>{@code KernelQueue}: a queue, as its kernel lists it.
 * <li>{@code CpuListener}: told of CPUs that come and go.
 * <li>{@code FaultHandler}: told of callbacks that throw.
 * <li>{@code WorkerCounters}: what a worker counts, cheap to read.
 * <li>{@code TimeHistogram}: how long works have waited or run.
 * <li>{@code Stall}: something that makes no progress.
 * <li>{@code KernelMXBean}: what JMX shows of a kernel.
 * <li>{@code ShutdownReport}: what a shutdown has found and left.
 * </ul>
 */
@NullMarked
package org.percpu.kernel;

import org.jspecify.annotations.NullMarked;
