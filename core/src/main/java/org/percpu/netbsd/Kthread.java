// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.netbsd;

import java.time.Duration;
import java.util.EnumSet;
import java.util.IllegalFormatException;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.cpu.Cpu;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.KthreadExit;
import org.percpu.lwp.Lwp;
import org.percpu.queue.Args;
import org.percpu.thread.Pri;
import org.percpu.thread.Sched;
import org.percpu.thread.ThreadState;

/**
 * kthread(9) of NetBSD: kernel threads.
 *
 * <pre>{@code
 * Kthread thread = Kthread.create(kernel, Pri.PRI_NONE, Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_MUSTJOIN, cpu,
 *         device -> { device.poll(); throw Kthread.exit(0); }, device, "poll%d", unit);
 * thread.join();
 * }</pre>
 *
 * <p><b>Threading.</b> Everything may be called from any thread that may sleep, except {@link #exit}, which a kernel
 * thread calls for itself. The function starts at IPL 0. Without {@link #KTHREAD_MPSAFE} it starts holding the kernel
 * lock once (NKT-5).
 *
 * <p>Implements NKT-1 to NKT-21, U5, U12, U15 to U19.
 *
 * <h2>Deviations</h2>
 *
 * <ul>
 *   <li>{@code newlp} is the result. The function finds itself by {@link #current()}, so the race of NKT-1 does not
 *       arise, and a null argument arrives as null (NKT-2).
 *   <li>{@link #start} is an addition: the page creates idle threads but has no call to start them.
 *   <li>The exit unwinds the function, so {@code finally} blocks run; in C they would not exist.
 *   <li>A function that returns exits with 0, reported on the console of a strict kernel (NKT-6); one that throws is
 *       reported to the fault handler.
 *   <li>Joins do not wait for each other (NKT-15). It is an error, and not a hang, to join a thread twice, to join the
 *       calling thread itself, a thread without {@link #KTHREAD_MUSTJOIN} or a destroyed thread (NKT-16).
 *   <li>The priority is a Linux setting of the classes given at {@link Pri}; it may be denied, see {@link #state()}.
 * </ul>
 *
 * @see <a href="https://man.netbsd.org/kthread.9">kthread(9)</a>
 */
public final class Kthread {
    /** Made but not runnable until {@link #start}. */
    public static final int KTHREAD_IDLE = 0x01;
    /** Does its own locking: does not hold the kernel lock. */
    public static final int KTHREAD_MPSAFE = 0x02;
    /** Services interrupts: SCHED_FIFO, must not sleep. Needs {@link #KTHREAD_MPSAFE}. */
    public static final int KTHREAD_INTR = 0x04;
    /** Time-sharing (SCHED_OTHER) instead of SCHED_RR. */
    public static final int KTHREAD_TS = 0x08;
    /** Waits in its exit until {@link #join}. */
    public static final int KTHREAD_MUSTJOIN = 0x10;

    private static final int ALL_FLAGS = KTHREAD_IDLE | KTHREAD_MPSAFE | KTHREAD_INTR | KTHREAD_TS | KTHREAD_MUSTJOIN;

    private static final ThreadLocal<@Nullable Kthread> CURRENT = new ThreadLocal<>();

    /**
     * The function of a kernel thread.
     *
     * @param <A> the type of its argument
     */
    @FunctionalInterface
    public interface Function<A extends @Nullable Object> {
        /**
         * Runs in the new thread. It ends by {@link Kthread#exit}.
         *
         * @param arg as given to create
         * @throws Exception reported to the kernel's fault handler
         */
        void run(A arg) throws Exception;
    }

    private volatile @Nullable Lwp lwp;

    private Kthread() {}

    /**
     * kthread_create.
     *
     * @param kernel whose CPUs, lock and policies the thread uses
     * @param pri {@link Pri#PRI_NONE} for 96, or 63 with {@link #KTHREAD_TS}; or 0 to 223
     * @param flags 0, or some of the KTHREAD flags
     * @param ci the only CPU it will run on (NKT-7), or null for any
     * @param func what it runs
     * @param arg given to the function, may be null
     * @param fmt the name, as {@link String#format(Locale, String, Object...)} takes it with {@link Locale#ROOT}; Linux
     *     shows its first 15 bytes
     * @param args for the name
     * @param <A> the type of the argument
     * @return the thread, in place, and running unless {@link #KTHREAD_IDLE}
     * @throws ErrnoException EINVAL (null or bad name, priority, flags, a CPU that the kernel does not have,
     *     KTHREAD_INTR without KTHREAD_MPSAFE); EAGAIN (no more threads), ENOMEM, EPERM (the caller must not sleep),
     *     ESHUTDOWN (the kernel is closed)
     * @throws LinuxException if it cannot be pinned or scheduled as the kernel's policies require
     */
    public static <A extends @Nullable Object> Kthread create(
            Kernel kernel,
            int pri,
            int flags,
            @Nullable Cpu ci,
            Function<? super A> func,
            A arg,
            String fmt,
            @Nullable Object... args) {
        Argument.requireNonNull(kernel, "kthread_create", "kernel");
        Argument.requireNonNull(func, "kthread_create", "func");
        Argument.requireNonNull(fmt, "kthread_create", "fmt");
        String name = format(fmt, Argument.requireNonNull(args, "kthread_create", "args"));
        String call = "kthread_create of " + name;
        Args.name(name, "kthread_create");
        Args.priority(pri, call);
        Args.flags(flags, ALL_FLAGS, call);
        if ((flags & KTHREAD_INTR) != 0 && (flags & KTHREAD_MPSAFE) == 0) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    call + ": KTHREAD_INTR needs KTHREAD_MPSAFE, an interrupt must not wait for the kernel lock");
        }
        if (ci != null && kernel.tableIndex(ci) < 0) {
            throw new ErrnoException(
                    Errno.EINVAL, call + " names " + ci + ", which the kernel does not have: it has " + kernel.cpus());
        }
        KernelCore core = KernelCore.of(kernel);
        core.requireSleepable(name);

        Kthread thread = new Kthread();
        try {
            thread.lwp = Lwp.create(core, kernel.thread(name, ci, sched(pri, flags)), lwpFlags(flags), () -> {
                // The function may hand itself out before the assignment that follows create.
                thread.lwp = Lwp.current();
                CURRENT.set(thread);
                KthreadExit.call(() -> func.run(arg));
            });
        } catch (OutOfMemoryError e) {
            throw new ErrnoException(Errno.ENOMEM, call + ": " + e.getMessage(), e);
        }
        return thread;
    }

    @SuppressWarnings("AnnotateFormatMethod") // the annotation would be a dependency
    private static String format(String fmt, @Nullable Object... args) {
        try {
            return String.format(Locale.ROOT, fmt, args);
        } catch (IllegalFormatException e) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    "kthread_create: the name \"" + fmt
                            + "\" is no format for its arguments; write %% for a percent sign",
                    e);
        }
    }

    private static Sched sched(int pri, int flags) {
        if ((flags & KTHREAD_TS) != 0) {
            return Pri.timeSharing(pri == Pri.PRI_NONE ? Pri.MAXPRI_USER : pri);
        }
        int fixed = pri == Pri.PRI_NONE ? Pri.PRI_KTHREAD : pri;
        return (flags & KTHREAD_INTR) != 0 ? Pri.interrupt(fixed) : Pri.fixed(fixed);
    }

    private static Set<Lwp.Flag> lwpFlags(int flags) {
        Set<Lwp.Flag> set = EnumSet.noneOf(Lwp.Flag.class);
        if ((flags & KTHREAD_IDLE) != 0) {
            set.add(Lwp.Flag.IDLE);
        }
        if ((flags & KTHREAD_MPSAFE) != 0) {
            set.add(Lwp.Flag.MPSAFE);
        }
        if ((flags & KTHREAD_INTR) != 0) {
            set.add(Lwp.Flag.INTR);
        }
        if ((flags & KTHREAD_MUSTJOIN) != 0) {
            set.add(Lwp.Flag.MUSTJOIN);
        }
        return set;
    }

    /**
     * The kernel thread that runs the caller, made by {@link #create} (curlwp).
     *
     * @return null on every other thread
     */
    public static @Nullable Kthread current() {
        return CURRENT.get();
    }

    /**
     * kthread_exit: ends the calling thread and does not return. A {@link #KTHREAD_MUSTJOIN} thread stays in its exit
     * until it is joined (NKT-11). All holds of the kernel lock are dropped (KL-7).
     *
     * @param ecode 0, or a number that is printed on the console with the thread's name and id; otherwise of no use
     *     (NKT-10)
     * @return never; {@code throw Kthread.exit(0)} tells the compiler so
     * @throws ErrnoException EPERM on a thread that is no kthread or is a worker of a queue (NKT-9, U18)
     */
    public static Error exit(int ecode) {
        return KthreadExit.exit(ecode);
    }

    /**
     * Starts a thread made with {@link #KTHREAD_IDLE}. An addition to the page.
     *
     * @throws ErrnoException EBUSY if it was started before or was not made idle, ESRCH if it was destroyed
     */
    public void start() {
        lwp().start();
    }

    /**
     * kthread_join: waits, with the kernel lock dropped, until the thread has exited (NKT-14) and Linux no longer has
     * it. A thread can be joined once. For a thread made idle the join also waits until the thread is started.
     *
     * @throws ErrnoException EINVAL without {@link #KTHREAD_MUSTJOIN}, or if it has not run and the kernel is cold
     *     (U23); EDEADLK for the caller itself; ESRCH if it was joined or destroyed before, or is destroyed meanwhile;
     *     EPERM if the caller must not sleep
     */
    public void join() {
        lwp().join();
    }

    /**
     * {@link #join()} within a time. An addition to the page.
     *
     * @param atMost how long to wait; zero only looks
     * @return false if the time ran out first; the thread can then be joined again, and still has to be
     * @throws ErrnoException as {@link #join()}, and EINVAL for a time that is null or negative
     */
    public boolean join(Duration atMost) {
        return lwp().join(atMost);
    }

    /**
     * kthread_destroy: ends a thread made with {@link #KTHREAD_IDLE} that was not started; its function is never called
     * (NKT-19 to NKT-21).
     *
     * @throws ErrnoException EBUSY if it was started or was not made idle, ESRCH if it was destroyed before
     */
    public void destroy() {
        lwp().destroy();
    }

    /**
     * The full name.
     *
     * @return not cut to Linux's 15 bytes
     */
    public String name() {
        return lwp().name();
    }

    /**
     * What was asked for, and what the Linux kernel reports.
     *
     * @return the state now, or the last one if the thread has ended
     */
    public ThreadState state() {
        return lwp().state();
    }

    private Lwp lwp() {
        Lwp mine = lwp;
        if (mine == null) {
            throw new IllegalStateException("kthread without a thread");
        }
        return mine;
    }

    /** The state in one line. */
    @Override
    public String toString() {
        return lwp().toString();
    }
}
