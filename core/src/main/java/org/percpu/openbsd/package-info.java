// SPDX-License-Identifier: BSD-2-Clause
/**
 * OpenBSD's deferred work: task_add(9) as of September 2015, workq_add_task(9) as of OpenBSD 5.6, kthread(9) as of 5.7,
 * and timeout(9) as of 2020: a {@code Timeout} calls a function after a time.
 *
 * <p>Functions of the pages are methods of the same name without the prefix; flags keep the pages' names and numbers.
 * What a page leaves undefined is an {@link org.percpu.bindings.spi.ErrnoException} at the call that changes nothing.
 * Rule ids in comments and tests (OTQ-11, OWQ-6) are those of {@code affinity-tests/RULES.md}.
 *
 * <p>A {@code DelayedTask} can wait for its time before it goes to a taskq, and a {@code DelayedWorkqTask} before it goes
 * to a workq. The pages do not have them.
 *
 * <p>A kernel that boots ({@link org.percpu.kernel.KernelBuilder#cold}) takes queues and tasks before it has threads:
 * they are made, and the tasks run, when {@link org.percpu.openbsd.Autoconf} has made it warm.
 */
@NullMarked
package org.percpu.openbsd;

import org.jspecify.annotations.NullMarked;
