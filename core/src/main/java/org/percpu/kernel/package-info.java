// SPDX-License-Identifier: BSD-2-Clause
/**
 * What the queue and thread interfaces stand on: a kernel, its big lock, its threads and its ways to sleep.
 *
 * <p>A {@link org.percpu.kernel.Kernel} is one kernel lock, one table of CPUs, one registry. {@link org.percpu.kernel.Lwp} is a
 * kernel thread; both kthread(9) interfaces and the workers of every queue are made of it.
 *
 * <p><b>The kernel lock</b> (rules KL-1 to KL-8). It is recursive. Whoever sleeps through this library drops every hold first and
 * has the same number again when it wakes: condition variables, tsleep, joins, destroys and the idle sleep of a worker all pass
 * through {@link org.percpu.kernel.Kernel#sleeping}, the only place where that happens. The holds are retaken before the
 * interlock is, so the lock order is kernel lock, then interlock. What a thread checked before it slept it must check again. A
 * thread that blocks by any other means, such as file I/O or {@code Object.wait}, keeps the lock unless it wraps the call in
 * {@code sleeping}.
 *
 * <p><b>Interrupts.</b> A thread that has a level runs its interrupts in every sleep of this package and while it waits for the kernel lock,
 * see {@link org.percpu.ipl.Sleep}. What blocks in the body of {@code sleeping} is not the library's, and hears none; nor does the retaking
 * of an interlock that is a {@code ReentrantLock}: use a {@link org.percpu.ipl.Mutex} there.
 *
 * <p><b>The end.</b> What is made enters the registry of its kernel under one monitor with the kernel's close, so a shutdown finds it or its
 * creator is refused. A queue ends in the steps of {@link org.percpu.kernel.QueueEnd}: closed, waited for, stopped, emptied, its threads gone. A
 * shutdown takes each step for all queues before the next one, with one limit; each step may be taken by several threads, so closes and
 * drains beside each other wait for the same end, and each work that is dropped is returned to one of them. Threads are gone when Linux
 * has them no more. Kernel threads are daemons: one shutdown hook for all open kernels drains those that asked for it, as the system kernel
 * does, and prints what the others held.
 *
 * <p><b>Errors.</b> {@link org.percpu.bindings.spi.ErrnoException} carries the manual page's errno and leaves the state as it was. A null
 * argument is EINVAL with its name in every package; only what promises never to throw takes it.
 */
@NullMarked
package org.percpu.kernel;

import org.jspecify.annotations.NullMarked;
