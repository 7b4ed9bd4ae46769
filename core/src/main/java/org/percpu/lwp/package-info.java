// SPDX-License-Identifier: BSD-2-Clause
/**
 * The part of a kernel that users do not see: its threads, its big lock, its boot and its registry; not exported.
 *
 * <p>{@link org.percpu.lwp.KernelCore} is what the packages of the library may do with a kernel and its users may not:
 * list a queue, take it off the list, make a thread that runs a queue. A {@code Kernel} of the package above hands its
 * core out only here, by {@link org.percpu.lwp.KernelCore#of}. This package knows nothing of the packages above it, so
 * a kernel, which is above, is an object to it.
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
