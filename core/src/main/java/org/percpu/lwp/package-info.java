// SPDX-License-Identifier: BSD-2-Clause
/**
 * The part of a kernel that users do not see: its threads, its big lock, its boot and its registry; not exported.
 *
 * <p>{@link org.percpu.lwp.KernelCore} has the operations on a kernel that the library's own packages may use and
 * users may not: list a queue, take a queue off the list, make a thread that runs a queue. {@link
 * org.percpu.lwp.KernelCore#of} is the only way to the core of a {@code Kernel}. This package must not depend on the
 * packages above it. {@code Kernel} is in one of them, so this package declares a kernel as a plain {@code Object}.
 *
 * <p>{@link org.percpu.lwp.Lwp} is a kernel thread. Both kthread(9) interfaces, the workers of every queue and the
 * interrupt threads are made of it. Users see it as a {@link org.percpu.thread.KernelThread}.
 *
 * <p><b>The end of a queue</b> has the steps of {@link org.percpu.lwp.QueueEnd}: closed, waited for, stopped, emptied,
 * its threads gone. A shutdown takes each step for all queues before the next step, with one {@link
 * org.percpu.lwp.Deadline}.
 */
@NullMarked
package org.percpu.lwp;

import org.jspecify.annotations.NullMarked;
