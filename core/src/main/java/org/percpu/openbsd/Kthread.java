// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.openbsd;

import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.KthreadExit;
import org.percpu.lwp.Lwp;
import org.percpu.queue.Args;
import org.percpu.thread.Sched;
import org.percpu.thread.ThreadState;

/**
 * kthread(9) of OpenBSD: kernel threads that hold the kernel lock.
 *
 * <pre>{@code
 * Kthread.createDeferred(kernel, device -> Kthread.create(kernel, Device::poll, device, "poll"), device);
 * }</pre>
 *
 * <p><b>Threading.</b> Everything may be called from any thread, except {@link #exit}, which a kernel thread calls
 * for itself. The function starts at IPL 0, with one hold of the kernel lock. So if the creator holds the kernel
 * lock, the function does not start before the creator releases it (OKT-2). An MP-safe function releases the kernel
 * lock when it starts, and takes it again before it exits (OKT-4).
 *
 * <p>Implements OKT-1 to OKT-13, U18 to U20.
 *
 * <h2>Deviations</h2>
 *
 * <ul>
 *   <li>{@code newpp} is the result.
 *   <li>The exit unwinds the function, so {@code finally} blocks run; in C they would not exist. It may be called
 *       without the kernel lock.
 *   <li>A function that returns exits with 0, reported on the console of a strict kernel (OKT-7); one that throws is
 *       reported to the fault handler.
 *   <li>Threads share everything in a Java process; signals that Linux sends to the process may reach them.
 * </ul>
 *
 * @see <a href="https://man.openbsd.org/OpenBSD-5.7/kthread.9">kthread(9)</a>
 */
public final class Kthread {
    /**
     * A function with one argument.
     *
     * @param <A> the type of its argument
     */
    @FunctionalInterface
    public interface Function<A extends @Nullable Object> {
        /**
         * Runs in the new thread, or when threads can be created.
         *
         * @param arg as given to create
         * @throws Exception reported to the kernel's fault handler; to the caller of {@link #createDeferred} if the
         *     kernel is warm
         */
        void run(A arg) throws Exception;
    }

    private final Lwp lwp;

    private Kthread(Lwp lwp) {
        this.lwp = lwp;
    }

    /**
     * kthread_create.
     *
     * @param kernel a warm kernel, whose CPUs, lock and policies the thread uses
     * @param func what it runs
     * @param arg given to the function, may be null
     * @param name plain text (OKT-3); Linux shows its first 15 bytes
     * @param <A> the type of the argument
     * @return the thread, running as soon as the kernel lock is free
     * @throws ErrnoException EINVAL (null function, null or empty name, a cold kernel: OKT-6), EAGAIN (no more
     *     threads), ENOMEM, ESHUTDOWN (the kernel is closed), EPERM (the caller must not sleep)
     * @throws LinuxException if it cannot be placed as the kernel's policies require
     */
    public static <A extends @Nullable Object> Kthread create(
            Kernel kernel, Function<? super A> func, A arg, String name) {
        Argument.requireNonNull(kernel, "kthread_create", "kernel");
        Argument.requireNonNull(func, "kthread_create", "func");
        Argument.requireNonNull(name, "kthread_create", "name");
        Args.name(name, "kthread_create");
        if (kernel.isCold()) {
            throw new ErrnoException(
                    Errno.EINVAL, "kthread_create of " + name + " in a cold kernel: use kthread_create_deferred");
        }
        KernelCore core = KernelCore.of(kernel);
        core.requireSleepable(name);
        try {
            return new Kthread(Lwp.create(
                    core,
                    kernel.thread(name, null, Sched.DEFAULT),
                    Set.of(),
                    () -> KthreadExit.call(() -> func.run(arg))));
        } catch (OutOfMemoryError e) {
            throw new ErrnoException(Errno.ENOMEM, "kthread_create of " + name + ": " + e.getMessage(), e);
        }
    }

    /**
     * kthread_create_deferred: calls a function when threads can be created (OKT-9): now, in the caller's context, if
     * the kernel is warm (OKT-10), else in the order of the calls when it becomes warm.
     *
     * @param kernel any kernel
     * @param func what to call; it creates the thread, this call does not
     * @param arg given to the function, may be null
     * @param <A> the type of the argument
     * @throws ErrnoException EINVAL (null function); in a warm kernel also what the function throws, a checked
     *     exception as the cause of an IllegalStateException
     */
    public static <A extends @Nullable Object> void createDeferred(Kernel kernel, Function<? super A> func, A arg) {
        Argument.requireNonNull(kernel, "kthread_create_deferred", "kernel");
        Argument.requireNonNull(func, "kthread_create_deferred", "func");
        kernel.whenWarm(() -> KthreadExit.call(() -> func.run(arg)));
    }

    /**
     * kthread_exit: ends the calling thread and does not return.
     *
     * @param ecode 0, or a number that is printed on the console with the thread's name and id; otherwise of no use
     *     (OKT-8)
     * @return never; {@code throw Kthread.exit(0)} tells the compiler so
     * @throws ErrnoException EPERM on a thread that is no kthread or is a worker of a queue (U18)
     */
    public static Error exit(int ecode) {
        return KthreadExit.exit(ecode);
    }

    /**
     * The full name.
     *
     * @return not cut to Linux's 15 bytes
     */
    public String name() {
        return lwp.name();
    }

    /**
     * What was asked for, and what the Linux kernel reports.
     *
     * @return the state now, or the last one if the thread has ended
     */
    public ThreadState state() {
        return lwp.state();
    }

    /** The state in one line. */
    @Override
    public String toString() {
        return lwp.toString();
    }
}
