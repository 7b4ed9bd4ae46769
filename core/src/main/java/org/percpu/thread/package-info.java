// SPDX-License-Identifier: BSD-2-Clause
/**
 * Platform threads that are really where they were asked to be.
 *
 * <p>{@link org.percpu.thread.CpuThread} starts one: the new thread sets its own affinity, policy and name before it
 * runs any of the caller's code, reads the affinity back from the kernel, and only then does {@code start} return. A
 * thread that could not be pinned is an exception at its creator ({@link org.percpu.thread.PinPolicy#REQUIRE}) or,
 * where the caller chose so, a visible fact in its {@link org.percpu.thread.ThreadState}. {@link org.percpu.thread.Pri}
 * is the one place where BSD priorities become Linux policies.
 *
 * <p><b>Inheritance.</b> On Linux a new thread inherits affinity, nice value and signal mask from its creator. A thread
 * pool, a parallel stream or an {@code HttpClient} first used on a pinned thread therefore lands on that one CPU. There
 * are three measures. First, before the first pin of the process, the common pool and the virtual-thread scheduler are
 * used once, so that they are sized for the whole machine. Second, the watch of any kernel finds and frees threads that
 * a pinned thread makes for these pools later ({@link org.percpu.thread.PoolThreads}). Third, a {@code CpuThread} built
 * without a CPU resets its mask to the CPUs the process started with; this is the way to start an unpinned thread from
 * a pinned one. The real-time policy of a {@code CpuThread} is never inherited (SCHED_RESET_ON_FORK). A nice value
 * above 0 is inherited, and so is the policy that the process was started with. A {@code CpuThread} replaces that
 * policy by the one asked for.
 *
 * <p><b>Bound or not.</b> A thread that was given CPUs is bound to them: it has exactly those CPUs, or has lost its
 * pin. The loss is reported once, and so is the restoration. A thread that was given no CPUs runs on those of its
 * kernel's or its process's CPUs that are there, and has no pin to lose.
 *
 * <p><b>Granted</b> is what the kernel reports afterwards, for masks and for policies: a sandbox may answer with
 * success and do nothing. Where time-sharing cannot be had, the thread runs and its state says why; a real-time policy
 * that is required is an exception.
 *
 * <p><b>Virtual threads</b> are refused by every call that would change affinity, policy or mask: it would change the
 * carrier.
 *
 * <p>{@link org.percpu.thread.Sched} is a scheduling policy with its priority.
 */
@NullMarked
package org.percpu.thread;

import org.jspecify.annotations.NullMarked;
