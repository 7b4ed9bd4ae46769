// SPDX-License-Identifier: BSD-2-Clause
/**
 * Time: the one engine under all timers; not exported.
 *
 * <p><b>A clock for each CPU.</b> The first timer of a kernel makes {@link org.percpu.clock.Clocks}: for each CPU a
 * {@link org.percpu.clock.Wheel} and a thread that is pinned there, FIFO at the priority of softclock. A kernel without
 * timers has none of these. All are made at once, because arming must neither fail nor block, in a handler neither.
 *
 * <p><b>Timers are the caller's.</b> A {@link org.percpu.clock.Timer} carries its links, its time, its state, its
 * function and its argument. Arming, moving and cancelling take constant time, allocate nothing and unlink at once. A
 * timer goes to the CPU on which it is first armed and stays there. It changes its clock only while it is neither pending
 * nor running.
 *
 * <p><b>Time</b> is CLOCK_MONOTONIC in nanoseconds, absolute. A tick is a unit in which callers count, not a grid. So a
 * timer is never early, and a change of the wall clock does not matter. Timers of one time run in the order in which
 * they were armed, others in the order of their times. After a stop of the process each timer that is over runs once.
 * {@link org.percpu.clock.Timer#armNext} counts the periods that were left out.
 *
 * <p><b>Tickless.</b> The thread sleeps until the earliest time on its wheel, on the word that the interrupts of this
 * thread ring, from C too. A caller that arms an earlier timer rings; nobody else makes a system call. With
 * {@code BUSY_SPIN} the thread sleeps until shortly before that time and spins for the rest.
 *
 * <p><b>The lock</b> of a clock is one word, held for some ten nanoseconds. A thread that finds it taken spins, and then
 * sleeps for moments, since the holder may be preempted by the very thread that waits. Nothing is allocated, called back
 * or awaited under it. There is no interrupt in between, because handlers of lines run only where a thread looks for
 * them. So handlers may arm and cancel timers. A signal handler in C may not: it can interrupt a holder of the lock. C
 * code posts a work or triggers a line, and Java code arms the timer there.
 *
 * <p><b>Functions</b> run on the clock's thread as interrupts of the level SOFTCLOCK, one after the other. They must not
 * sleep. A function that takes long delays the other timers of its CPU, and the clock counts them as late. What is left
 * of a function that throws, raises the level or leaves mutexes or the kernel lock is put right and reported, and the
 * other timers go on.
 *
 * <p><b>Groups.</b> The timers of an executor are a {@link org.percpu.clock.TimerGroup}: a list beside the wheel, under the
 * same lock, so that their owner can take back those that are pending without a search. A group that is closed tells its
 * owner, once, when none of its timers can fire any more.
 *
 * <p><b>The end.</b> From the beginning of a shutdown nothing can be armed. Timers whose time comes within the time of
 * the shutdown run; the others are taken back and reported. When the shutdown returns, no function runs.
 *
 * <p><b>A CPU that goes away</b> takes no timers with it. The thread goes on elsewhere, the loss of its pin is reported,
 * and it is pinned again when the CPU is back.
 *
 * <p><b>Names.</b>
 *
 * <ul>
 * <li>{@code Entry}: the links and the time, all that the wheel sees of a timer.
 * <li>{@code Wheel}: the timing wheel, which knows nothing of threads.
 * <li>{@code Timer}: what the interfaces arm and cancel.
 * <li>{@code TimerGroup}: timers that end together.
 * <li>{@code GroupTimer}: one of them.
 * <li>{@code Change}: what an operation on a timer changes.
 * <li>{@code Clock}: the wheel, the lock and the thread of a CPU.
 * <li>{@code Clocks}: the clocks of a kernel.
 * <li>{@code ClocksEnd}: their end.
 * <li>{@code WordLock}: its lock.
 * <li>{@code Softclock}: the call of a function, as an interrupt.
 * <li>{@code Halt}: a wait for the end of such a call.
 * <li>{@code Time}: the time, and spans of it.
 * </ul>
 */
@NullMarked
package org.percpu.clock;

import org.jspecify.annotations.NullMarked;
