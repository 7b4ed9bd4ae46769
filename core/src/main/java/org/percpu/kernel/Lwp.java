// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.ipl.Sleep;
import org.percpu.thread.CpuThread;
import org.percpu.thread.ThreadState;

/**
 * A kernel thread of a {@link Kernel}: a {@link CpuThread} with a kernel lock, an exit and a join. Both kthread(9)
 * interfaces and the workers of every queue are made of it. Use these interfaces unless you are writing another kind of
 * queue.
 *
 * <p>Threading: every method may be called from any thread, except {@link #exit}.
 */
public final class Lwp {
    /** How a kernel thread behaves. */
    public enum Flag {
        /** Does not take the kernel lock before its function (KL-2). */
        MPSAFE,
        /** Counts as soft-interrupt context: may not sleep. */
        INTR,
        /** Is made, placed and named, but does not run its function until {@link Lwp#start()}. */
        IDLE,
        /** Waits in its exit until it is joined. */
        MUSTJOIN,
        /** Belongs to a queue: its callbacks must not exit it. */
        WORKER,
        /** Runs callbacks that may not sleep. */
        CANTSLEEP
    }

    private enum Stage {
        IDLE,
        RUNNING,
        EXITING,
        DEAD
    }

    /** Unwinds the function of a thread that exits. Not for catching; carries no stack trace. */
    private static final class Exit extends Error {
        private static final long serialVersionUID = 1L;

        private final int code;

        Exit(int code) {
            super("kthread_exit(" + code + ")", null, false, false);
            this.code = code;
        }
    }

    private static final int FAILURES_AT_ONCE = 3;
    private static final long PAUSE_NANOS = 100_000_000;
    private static final long LOOK_NANOS = 50_000;

    private static final ThreadLocal<@Nullable Lwp> CURRENT = new ThreadLocal<>();

    private final Kernel kernel;
    private final Set<Flag> flags;
    private final Runnable func;
    private final boolean worker;
    private final WaitChannel changed = new WaitChannel();
    private final CpuThread thread;

    // Guarded by `changed`.
    private Stage stage = Stage.IDLE;

    private boolean joined;
    private boolean destroyed;
    volatile @Nullable String wmesg;

    private final Thread creator = Thread.currentThread();
    /** The thread has reached the code of this class. */
    private volatile boolean entered;

    private boolean begun; // the function; the thread's own

    private Lwp(Kernel kernel, CpuThread.Builder builder, Set<Flag> flags, Runnable func) {
        this.kernel = kernel;
        this.flags = flags.isEmpty() ? EnumSet.noneOf(Flag.class) : EnumSet.copyOf(flags);
        this.func = func;
        this.worker = this.flags.contains(Flag.WORKER);
        // Every thread is made idle: it must not run its function before this assignment is visible to it (NKT-1).
        CpuThread started;
        try {
            started = builder.start(this::run);
        } catch (Throwable t) {
            // The thread may exist nevertheless.
            boolean idle = destroyIfIdle();
            assert idle;
            throw t;
        }
        this.thread = started;
    }

    /**
     * Makes a kernel thread.
     *
     * @param kernel to which it belongs
     * @param thread name, CPUs and scheduling
     * @param flags its behaviour
     * @param func what it runs; when it returns, the thread exits
     * @return the thread, placed and, unless {@link Flag#IDLE}, running
     * @throws ErrnoException EAGAIN if the system gives no more threads, ESHUTDOWN if the kernel is closed
     * @throws LinuxException if it cannot be pinned or scheduled as required
     */
    public static Lwp create(Kernel kernel, CpuThread.Builder thread, Set<Flag> flags, Runnable func) {
        Argument.requireNonNull(kernel, "a kernel thread", "kernel");
        Argument.requireNonNull(thread, "a kernel thread", "thread");
        Argument.requireNonNull(flags, "a kernel thread", "flags");
        Argument.requireNonNull(func, "a kernel thread", "func");
        kernel.requireOpen("a thread");
        Lwp lwp;
        try {
            kernel.startWatch();
            lwp = new Lwp(kernel, thread, flags, func);
            lwp.awaitEntered();
        } catch (LinuxException e) {
            if (e.errno() == Errno.EAGAIN.number()) {
                throw new ErrnoException(Errno.EAGAIN, e.getMessage() == null ? "no thread" : e.getMessage(), e);
            }
            throw e;
        }
        if (!kernel.add(lwp)) {
            boolean idle = lwp.destroyIfIdle();
            assert idle;
            boolean gone = lwp.awaitGone(Deadline.after(KernelQueue.FOREVER));
            assert gone;
            throw kernel.closed("a thread");
        }
        boolean done = false;
        try {
            if (!lwp.is(Flag.IDLE)) {
                kernel.whenWarm(lwp::start);
            }
            done = true;
        } finally {
            if (!done) {
                boolean idle = lwp.destroyIfIdle();
                assert idle || lwp.stageNow() != Stage.IDLE;
            }
        }
        return lwp;
    }

    /**
     * The kernel thread that runs the caller (curlwp).
     *
     * @return null on threads that are not kernel threads
     */
    public static @Nullable Lwp current() {
        return CURRENT.get();
    }

    /** An error may end the thread before it reaches this code. */
    private void awaitEntered() {
        boolean interrupted = false;
        while (!entered) {
            if (!thread.thread().isAlive() && !entered) {
                throw new ErrnoException(
                        Errno.EAGAIN, "thread " + name() + " ended as it began: its uncaught exception says why");
            }
            LockSupport.parkNanos(this, LOOK_NANOS);
            interrupted |= Thread.interrupted();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        entered = true;
        boolean done = false;
        // An error that comes before the function has begun is no reason not to run it; and the function of a worker,
        // which
        // ends only when its queue does, is called again.
        for (int failures = 0; !done; failures++) {
            try {
                if (failures == 0) {
                    LockSupport.unpark(creator);
                } else if (failures >= FAILURES_AT_ONCE) {
                    LockSupport.parkNanos(this, PAUSE_NANOS);
                }
                done = runs();
            } catch (Throwable t) {
                done = begun && !worker;
            }
        }
        done = false;
        for (int failures = 0; !done && failures < FAILURES_AT_ONCE; failures++) {
            try {
                done = finishes();
            } catch (Throwable t) {
                done = false;
            }
        }
    }

    /** No thread may wait for ever for this thread, or for a lock that it holds. */
    private boolean finishes() {
        int left = kernel.lock().releaseAll();
        assert left >= 0;
        finish();
        return true;
    }

    private boolean runs() {
        try {
            CURRENT.set(this);
            if (awaitStart()) {
                runFunction();
            }
            return true;
        } catch (Throwable t) {
            // Its creator may not have the object yet, and so not the name.
            kernel.fault(Thread.currentThread().getName(), func, t);
            return begun && !worker;
        }
    }

    private void runFunction() {
        int code = 0;
        if (!is(Flag.MPSAFE)) {
            kernel.lock().lock();
        }
        try {
            if (!begun) {
                // What an outsider has left while the thread waited for its start is not for the function.
                Thread.interrupted();
            }
            begun = true;
            func.run();
            if (!is(Flag.WORKER)) {
                kernel.strict(() -> "kthread " + name() + ": the function returned; taken as kthread_exit(0)");
            }
        } catch (Exit e) {
            code = e.code;
        } catch (Throwable t) {
            if (worker) {
                throw t;
            }
            kernel.fault(name(), func, t);
        } finally {
            kernel.lock().releaseAll();
        }
        if (code != 0) {
            kernel.console("kthread " + name() + " (tid " + tid() + ") exited with code " + code);
        }
        if (is(Flag.MUSTJOIN)) {
            awaitJoin();
        }
    }

    private boolean awaitStart() {
        return becomes(() -> stage != Stage.IDLE) && stageNow() == Stage.RUNNING;
    }

    private void awaitJoin() {
        synchronized (changed) {
            stage = Stage.EXITING;
        }
        changed.wakeAll();
        boolean arrived = becomes(() -> joined || kernel.isClosed());
        assert arrived;
    }

    private void finish() {
        synchronized (changed) {
            stage = Stage.DEAD;
        }
        changed.wakeAll();
        kernel.remove(this);
    }

    private Stage stageNow() {
        synchronized (changed) {
            return stage;
        }
    }

    private boolean becomes(BooleanSupplier condition) {
        return becomes(condition, Deadline.after(KernelQueue.FOREVER));
    }

    /** Sleeps, holding no lock, until the condition on `stage` and `joined` is true; false if the time ran out. */
    private boolean becomes(BooleanSupplier condition, Deadline deadline) {
        while (true) {
            Sleep sleep;
            long left = deadline.left().toNanos();
            synchronized (changed) {
                if (condition.getAsBoolean()) {
                    return true;
                }
                if (left == 0) {
                    return false;
                }
                sleep = changed.enter();
            }
            boolean inTime = changed.await(sleep, left);
            assert inTime || !deadline.left().equals(KernelQueue.FOREVER);
        }
    }

    /** The kernel is closing: no thread will join this one any more. */
    void kernelClosed() {
        changed.wakeAll();
    }

    /**
     * Exits the calling kernel thread (NKT-9): unwinds its function, so that {@code finally} blocks run, which C does
     * not do. Holds of the kernel lock are dropped.
     *
     * @param code 0, or a number that is reported to the console with the thread's name (NKT-10)
     * @return never
     * @throws ErrnoException EPERM if the caller is not a kernel thread, or is a worker of a queue (U18)
     */
    public static Error exit(int code) {
        Lwp lwp = current();
        if (lwp == null) {
            throw new ErrnoException(
                    Errno.EPERM, "kthread_exit on " + Thread.currentThread().getName() + ", which is no kernel thread");
        }
        if (lwp.is(Flag.WORKER)) {
            throw new ErrnoException(
                    Errno.EPERM,
                    "kthread_exit in a callback of queue worker " + lwp.name() + ": return from the callback instead");
        }
        throw new Exit(code);
    }

    /**
     * Starts a thread that was made {@link Flag#IDLE}.
     *
     * @throws ErrnoException EBUSY if it runs already, ESRCH if it was destroyed
     */
    public void start() {
        leaveIdle(Stage.RUNNING, "start");
    }

    /**
     * Ends a thread that was made {@link Flag#IDLE} and not started; its function is never called (NKT-19, NKT-20). The
     * thread need not be joined.
     *
     * @throws ErrnoException EBUSY if it was started, ESRCH if it was destroyed before
     */
    public void destroy() {
        leaveIdle(Stage.DEAD, "destroy");
    }

    /** One of two racing callers wins; the other gets the error. */
    private void leaveIdle(Stage next, String what) {
        synchronized (changed) {
            if (stage != Stage.IDLE) {
                throw new ErrnoException(
                        destroyed ? Errno.ESRCH : Errno.EBUSY,
                        what + " of kthread " + name() + ", which "
                                + (destroyed ? "was destroyed" : "was started already")
                                + ": only a thread made IDLE can be started or destroyed, once");
            }
            stage = next;
            destroyed = next == Stage.DEAD;
        }
        try {
            changed.wakeAll();
        } catch (Throwable t) {
            // From here on the step cannot be taken back: the thread is being told of it.
            changed.wakeAll();
        }
    }

    /**
     * Waits, with the kernel lock dropped, until a thread made {@link Flag#MUSTJOIN} has exited and Linux no longer has
     * it. For a thread made IDLE the join also waits until the thread is started.
     *
     * @throws ErrnoException EINVAL if it was not made MUSTJOIN, or has not run and the kernel is cold; EDEADLK if it
     *     is the caller; ESRCH if it was joined or destroyed before, or is destroyed meanwhile; EPERM if the caller
     *     must not sleep
     */
    public void join() {
        boolean ended = join(KernelQueue.FOREVER);
        assert ended;
    }

    /**
     * {@link #join()} within a time.
     *
     * @param atMost how long to wait; zero only looks
     * @return false if the time ran out first; the thread can then be joined again, and still has to be
     * @throws ErrnoException as {@link #join()}, and EINVAL for a time that is null or negative
     */
    public boolean join(Duration atMost) {
        Deadline deadline = Deadline.after(Argument.requireTime(atMost, "join of kthread " + name(), "atMost"));
        if (!is(Flag.MUSTJOIN)) {
            throw new ErrnoException(Errno.EINVAL, "join of kthread " + name() + ": create it with KTHREAD_MUSTJOIN");
        }
        if (current() == this) {
            throw new ErrnoException(Errno.EDEADLK, "kthread " + name() + " joins itself");
        }
        kernel.requireSleepable("kthrwait");
        synchronized (changed) {
            if (stage == Stage.IDLE && kernel.isCold()) {
                throw new ErrnoException(
                        Errno.EINVAL,
                        "join of kthread " + name()
                                + " in a cold kernel: nothing runs before it is warm, the join would wait for ever");
            }
            if (joined || (stage == Stage.DEAD && !kernel.isClosed())) {
                throw joinedBefore();
            }
            joined = true;
        }
        changed.wakeAll();
        if (!kernel.sleeping("kthrwait", () -> becomes(() -> stage == Stage.DEAD, deadline) || !giveUpJoin())) {
            return false;
        }
        boolean gone = awaitGone(Deadline.after(KernelQueue.FOREVER));
        assert gone;
        synchronized (changed) {
            if (destroyed) {
                throw joinedBefore();
            }
        }
        return true;
    }

    /**
     * A thread in its exit has seen the join. Then the join waits for the thread, which takes a moment, and this is
     * false.
     */
    private boolean giveUpJoin() {
        synchronized (changed) {
            if (stage == Stage.IDLE || stage == Stage.RUNNING) {
                joined = false;
                return true;
            }
        }
        boolean dead = becomes(() -> stage == Stage.DEAD);
        assert dead;
        return false;
    }

    private ErrnoException joinedBefore() {
        return new ErrnoException(
                Errno.ESRCH, "join of kthread " + name() + ", which was joined before, or destroyed without a start");
    }

    /**
     * Whether the thread has a flag.
     *
     * @param flag which
     * @return true if it was made with it
     */
    public boolean is(Flag flag) {
        return flags.contains(Argument.requireNonNull(flag, "is", "flag"));
    }

    /**
     * The kernel it belongs to.
     *
     * @return the kernel
     */
    public Kernel kernel() {
        return kernel;
    }

    /**
     * The full name.
     *
     * @return not cut
     */
    public String name() {
        return thread().name();
    }

    /**
     * The kernel's thread id.
     *
     * @return a positive number
     */
    public int tid() {
        return thread().tid();
    }

    /**
     * The platform thread under it.
     *
     * @return its placement and state
     */
    public CpuThread thread() {
        return thread;
    }

    /**
     * What was asked for, and what the Linux kernel reports.
     *
     * @return the state now
     */
    public ThreadState state() {
        return thread().state();
    }

    /**
     * What the thread sleeps on.
     *
     * @return the wait message, or null while it runs
     */
    public @Nullable String wmesg() {
        return wmesg;
    }

    /**
     * What the thread waits for, as far as Java and this library know. A wait in the kernel, for a file or a socket, is
     * not known.
     *
     * @return the wait message in quotes; or the kernel lock, a mutex or another lock, and who holds it; null if it
     *     waits for none of these. May be stale on return
     */
    public @Nullable String waitsFor() {
        String message = wmesg;
        if (message != null) {
            return '"' + message + '"';
        }
        return Waits.of(thread.thread(), kernel.lock());
    }

    /**
     * The state of the thread as ps(1) of the BSDs shows it.
     *
     * @return LSIDL for a thread made {@link Flag#IDLE} and not started; LSSLEEP while it {@linkplain #waitsFor()
     *     waits}; LSZOMB when it has exited and waits to be joined; LSDEAD when it has ended; else LSRUN. May be stale
     *     on return
     */
    public String stat() {
        return switch (stageNow()) {
            case IDLE -> "LSIDL";
            case RUNNING -> waitsFor() == null ? "LSRUN" : "LSSLEEP";
            case EXITING -> "LSZOMB";
            case DEAD -> "LSDEAD";
        };
    }

    /** Name and number. */
    String label() {
        return name() + " (tid " + tid() + ")";
    }

    /** At shutdown: true if the thread never ran and now never will. */
    boolean destroyIfIdle() {
        synchronized (changed) {
            if (stage != Stage.IDLE) {
                return false;
            }
            stage = Stage.DEAD;
            destroyed = true;
        }
        try {
            changed.wakeAll();
        } catch (Throwable t) {
            // From here on the step cannot be taken back: the thread is being told of it.
            changed.wakeAll();
        }
        return true;
    }

    /**
     * Waits, with the kernel lock dropped, until the thread is gone. After that it runs no code.
     *
     * @param deadline how long
     * @return true if Linux no longer has the thread; false at once for the caller itself
     */
    public boolean awaitGone(Deadline deadline) {
        Argument.requireNonNull(deadline, "awaitGone", "deadline");
        return current() != this
                && kernel.unlocked(
                        "lwpexit",
                        // Linux removes the thread a moment after Java does. The library's own sleeps run interrupts.
                        () -> becomes(() -> stage == Stage.DEAD, deadline) && thread.awaitGone(deadline.left()));
    }

    boolean mustJoinAndWasNot() {
        synchronized (changed) {
            return is(Flag.MUSTJOIN) && !joined;
        }
    }

    /** The state in one line. */
    @Override
    public String toString() {
        return stat() + " " + thread();
    }
}
