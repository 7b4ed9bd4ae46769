// SPDX-License-Identifier: BSD-2-Clause
/**
 * NetBSD's deferred work: workqueue(9) as of NetBSD 7.1.2, kthread(9) as of 2011, softint(9), which is here and not in
 * {@code org.percpu.ipl} because it is made of queues, and callout(9) as of 2014: a {@code Callout} calls a function
 * after a time.
 *
 * <p>Functions of the page are methods of the same name without the prefix; flags and priorities keep the page's names
 * and numbers. What the page leaves undefined is an {@link org.percpu.bindings.spi.ErrnoException} at the call that
 * changes nothing. Rule ids in comments and tests (NWQ-12, NKT-6) are those of {@code affinity-tests/RULES.md}.
 *
 * <p>A {@code DelayedWork} is a work that can wait for its time before it goes to a workqueue. The page does not have
 * it.
 *
 * <p>The workers of a {@link org.percpu.netbsd.Workqueue} with {@code WQ_PERCPU} are threads of its own, as in NetBSD,
 * or, in a kernel with {@link org.percpu.kernel.KernelBuilder#sharedWorkers shared workers}, threads that it shares
 * with other queues of its priority. The javadoc there tells what a program sees of that: above all, a callback that
 * takes long or sleeps delays the works of the other queues on its CPU.
 */
@NullMarked
package org.percpu.netbsd;

import org.jspecify.annotations.NullMarked;
