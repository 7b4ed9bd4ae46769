// SPDX-License-Identifier: BSD-2-Clause
/**
 * The doors of {@code java.util.concurrent}: thread factories and executors on named CPUs, for code that was not written
 * for this library.
 *
 * <p><b>Factories.</b> A {@link org.percpu.concurrent.PinnedThreadFactory} gives each thread a CPU of its list, one to
 * one. A thread has its CPU from the moment when it is made until it ends. This matters for pools: a pool replaces a
 * worker that a task has ended by an exception, and the ending worker makes the next one while it still has its own CPU.
 * So a thread that a thread of the same factory makes, when no CPU is free, takes over the CPU of its maker, and waits
 * before its task until the maker has gone.
 *
 * <p><b>Executors.</b> A {@link org.percpu.concurrent.CpuExecutor} is a serial queue of the engine behind the JDK's
 * interface, and a {@link org.percpu.concurrent.PerCpuExecutor} has one for each CPU of a kernel. The future that
 * {@code submit} returns is the queue's item; {@code execute} wraps its Runnable in an item, unless it is a
 * {@link org.percpu.concurrent.CpuTask}, which is one. The engine's list cannot be left from the middle, so a cancelled
 * future stays linked, empty, until its turn, and its run does nothing. A shutdownNow takes everything back that has not
 * begun, also from the batch of a worker that is in a task, and does not wait for that task.
 *
 * <p><b>Time.</b> A delayed task is a future of the queue with a timer of the CPU's clock beside it. When its time is over,
 * the clock's thread appends the future to the queue, so that all tasks of an executor run on its one worker. The timers
 * of an executor are a group: a shutdown and a shutdownNow take them off the clock without a search. The queue of an
 * executor that is shut down stays open until the last timer that may still go off has handed its future over; a periodic
 * future counts until its run has ended, since it may be armed once more. A shutdownNow waits for the clock's thread if
 * it is handing a future over just then. What comes too late for the queue is returned with the rest.
 *
 * <p><b>A future</b> goes from new to running to its end by compare-and-set. {@code cancel(true)} takes a running one to
 * "interrupting", interrupts, and then to "interrupted"; the runner waits for that last step before it leaves the task,
 * and clears the interrupt, so the interrupt cannot reach the next task.
 *
 * <p><b>Null and errors.</b> Methods of the JDK's interfaces answer as those interfaces say: null is a
 * {@link java.lang.NullPointerException}, a task that is not taken a
 * {@link java.util.concurrent.RejectedExecutionException}. All other methods answer as the rest of the library does: null
 * is EINVAL.
 */
@NullMarked
package org.percpu.concurrent;

import org.jspecify.annotations.NullMarked;
