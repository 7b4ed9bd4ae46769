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
 * <p><b>Null and errors.</b> Methods of the JDK's interfaces answer as those interfaces say: null is a
 * {@link java.lang.NullPointerException}, a task that is not taken a
 * {@link java.util.concurrent.RejectedExecutionException}. All other methods answer as the rest of the library does: null
 * is EINVAL.
 */
@NullMarked
package org.percpu.concurrent;

import org.jspecify.annotations.NullMarked;
