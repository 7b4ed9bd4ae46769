// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.linux.Uninterrupted;
import org.percpu.thread.CpuThread;
import org.percpu.thread.KernelThread;
import org.percpu.thread.ThreadState;

/**
 * A kernel thread: a {@link CpuThread} with a kernel lock, an exit and a join. Both kthread(9) interfaces and the
 * workers of every queue are made of it. Every method may be called from any thread.
 */
public final class Lwp implements KernelThread {
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

    /** What its creator was told. */
    private enum Creation {
        UNDER_WAY,
        DONE,
        FAILED
    }

    private static final int FAILURES_AT_ONCE = 3;
    private static final long PAUSE_NANOS = 100_000_000;
    private static final long LOOK_NANOS = 50_000;

    private static final ThreadLocal<@Nullable Lwp> CURRENT = new ThreadLocal<>();

    private final KernelCore kernel;
    private final Set<Flag> flags;
    private final Runnable func;
    private final boolean worker;
    private final Life life = new Life();
    private final CpuThread thread;

    volatile @Nullable String wmesg;

    /** The function or callback has ended, or what it threw is being reported. Written by the thread alone. */
    volatile boolean over;

    private final Thread creator = Thread.currentThread();
    /** The thread has reached the code of this class. */
    private volatile boolean entered;
    /** Written by the creator without a call, as there may be no stack for a call. */
    private volatile Creation creation = Creation.UNDER_WAY;

    private boolean begun; // whether the function has begun; only the thread uses it

    private Lwp(KernelCore kernel, CpuThread.Builder builder, Set<Flag> flags, Runnable func) {
        this.kernel = kernel;
        this.flags = flags.isEmpty() ? EnumSet.noneOf(Flag.class) : EnumSet.copyOf(flags);
        this.func = func;
        this.worker = this.flags.contains(Flag.WORKER);
        // Every thread is made idle: it must not run its function before this assignment is visible to it (NKT-1).
        CpuThread started;
        try {
            started = builder.start(this::run);
        } catch (Throwable t) {
            creation = Creation.FAILED; // the thread may exist in spite of the error
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
    public static Lwp create(KernelCore kernel, CpuThread.Builder thread, Set<Flag> flags, Runnable func) {
        kernel.requireOpen("a thread");
        Lwp lwp;
        try {
            kernel.beforeThread();
            lwp = new Lwp(kernel, thread, flags, func);
        } catch (LinuxException e) {
            if (e.errno() == Errno.EAGAIN.number()) {
                throw new ErrnoException(Errno.EAGAIN, e.getMessage() == null ? "no thread" : e.getMessage(), e);
            }
            throw e;
        }
        Creation outcome = Creation.FAILED;
        try {
            lwp.awaitEntered();
            if (!kernel.add(lwp)) {
                lwp.creation = outcome;
                boolean gone = lwp.awaitGone(Deadline.after(Deadline.FOREVER));
                assert gone;
                throw kernel.closed("a thread");
            }
            if (!lwp.is(Flag.IDLE)) {
                kernel.boot().whenWarm(lwp::start);
            }
            outcome = Creation.DONE;
        } finally {
            lwp.creation = outcome;
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
        Uninterrupted.until(() -> {
            if (!entered && !thread.thread().isAlive() && !entered) {
                throw new ErrnoException(
                        Errno.EAGAIN, "thread " + name() + " ended as it began: its uncaught exception says why");
            }
            if (!entered) {
                Uninterrupted.park(this, LOOK_NANOS);
            }
            return entered;
        });
    }

    private void run() {
        life.thread = Thread.currentThread();
        entered = true;
        boolean done = false;
        // An error before the function has begun keeps it from nothing. That of a worker is called again after an
        // error.
        for (int failures = 0; !done; failures++) {
            try {
                if (failures == 0) {
                    LockSupport.unpark(creator);
                } else if (failures >= FAILURES_AT_ONCE) {
                    LockSupport.parkNanos(PAUSE_NANOS);
                }
                done = runs();
            } catch (Throwable t) {
                done = begun && !worker;
            }
        }
        over = true;
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
        life.ends();
        kernel.registry().remove(this);
        return true;
    }

    /**
     * Whether the creator has the thread. Otherwise it was told of a failure, and the function must not run. The thread
     * looks for that by itself, as its creator may have met the end of its stack.
     */
    private boolean isCreated() {
        Uninterrupted.until(() -> {
            if (creation == Creation.UNDER_WAY) {
                // The thread does not wait on this object, because the text of this object says on what its thread
                // waits.
                Uninterrupted.park(null, LOOK_NANOS);
            }
            return creation != Creation.UNDER_WAY;
        });
        return creation == Creation.DONE;
    }

    private boolean runs() {
        try {
            CURRENT.set(this);
            if (isCreated() && life.awaitStart()) {
                runFunction();
            }
            return true;
        } catch (Throwable t) {
            // The creator may not have the object yet, and so not its name.
            kernel.reports().fault(Thread.currentThread().getName(), func, t);
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
                // An interrupt that another thread sent while this thread waited for its start is not for the function.
                Thread.interrupted();
            }
            begun = true;
            kernel.registry().tell(this, "running");
            func.run();
            if (!is(Flag.WORKER)) {
                kernel.reports()
                        .strict(() -> "kthread " + name() + ": the function returned; taken as kthread_exit(0)");
            }
        } catch (KthreadExit e) {
            code = e.code;
        } catch (Throwable t) {
            if (worker) {
                throw t;
            }
            kernel.reports().fault(name(), func, t);
        } finally {
            kernel.lock().releaseAll();
        }
        if (code != 0) {
            kernel.reports().console("kthread " + name() + " (tid " + tid() + ") exited with code " + code);
        }
        if (is(Flag.MUSTJOIN)) {
            life.exits();
            life.awaitJoin(kernel.registry()::isClosed);
        }
    }

    /** The kernel is closing: no thread will join this one any more. */
    public void kernelClosed() {
        life.look();
    }

    /**
     * Starts a thread that was made {@link Flag#IDLE}.
     *
     * @throws ErrnoException EBUSY if it runs already, ESRCH if it was destroyed
     */
    public void start() {
        life.leaveIdle(Life.Stage.RUNNING, "start", name());
    }

    /**
     * Ends a thread that was made {@link Flag#IDLE} and not started; its function is never called (NKT-19, NKT-20). The
     * thread need not be joined.
     *
     * @throws ErrnoException EBUSY if it was started, ESRCH if it was destroyed before
     */
    public void destroy() {
        life.leaveIdle(Life.Stage.DEAD, "destroy", name());
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
        boolean ended = join(Deadline.FOREVER);
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
        life.join(kernel.boot().isCold(), kernel.registry().isClosed(), name());
        boolean waited = false;
        try {
            if (!kernel.sleeping("kthrwait", () -> life.awaitDead(deadline) || !life.giveUpJoin())) {
                waited = true;
                return false;
            }
            waited = true;
        } finally {
            if (!waited) {
                life.abandonJoin();
            }
        }
        boolean gone = awaitGone(Deadline.after(Deadline.FOREVER));
        assert gone;
        if (life.isDestroyed()) {
            throw Life.joinedBefore(name());
        }
        kernel.registry().tell(this, "joined");
        return true;
    }

    /**
     * Whether the thread has a flag.
     *
     * @param flag which
     * @return true if it was made with it
     */
    public boolean is(Flag flag) {
        return flags.contains(flag);
    }

    /**
     * The kernel it belongs to.
     *
     * @return its inside
     */
    public KernelCore kernel() {
        return kernel;
    }

    @Override
    public String name() {
        return thread().name();
    }

    @Override
    public int tid() {
        return thread().tid();
    }

    @Override
    public CpuThread thread() {
        return thread;
    }

    @Override
    public ThreadState state() {
        return thread().state();
    }

    @Override
    public @Nullable String wmesg() {
        return wmesg;
    }

    @Override
    public @Nullable String waitsFor() {
        String message = wmesg;
        if (message != null) {
            return '"' + message + '"';
        }
        return Waits.of(thread.thread(), kernel.lock());
    }

    @Override
    public String stat() {
        return switch (life.stage()) {
            case IDLE -> "LSIDL";
            case RUNNING -> waitsFor() == null ? "LSRUN" : "LSSLEEP";
            case EXITING -> "LSZOMB";
            case DEAD -> "LSDEAD";
        };
    }

    /**
     * Names the thread.
     *
     * @return such as {@code rx/3 (tid 4711)}
     */
    public String label() {
        return name() + " (tid " + tid() + ")";
    }

    /**
     * At a shutdown: ends a thread that was not started.
     *
     * @return true if the thread never ran and now never will
     */
    public boolean destroyIfIdle() {
        return life.destroyIfIdle();
    }

    /**
     * Waits, with the kernel lock dropped, until the thread is gone. After that it runs no code.
     *
     * @param deadline how long
     * @return true if Linux no longer has the thread; false at once for the caller itself
     */
    public boolean awaitGone(Deadline deadline) {
        return current() != this
                && kernel.unlocked(
                        "lwpexit",
                        // Linux removes the thread a moment after Java does. The library's own sleeps run interrupts.
                        () -> life.awaitDead(deadline) && thread.awaitGone(deadline.left()));
    }

    /**
     * At a shutdown: whether the thread no longer runs its function or callback. It may still report what that threw.
     *
     * @return true for ever, or until a worker goes on
     */
    public boolean isOver() {
        return over;
    }

    /**
     * At a shutdown: whether no thread has joined a thread that waits for a join.
     *
     * @return false for a thread without {@link Flag#MUSTJOIN}
     */
    public boolean mustJoinAndWasNot() {
        return is(Flag.MUSTJOIN) && !life.isJoined();
    }

    /** The state in one line. */
    @Override
    public String toString() {
        return stat() + " " + thread();
    }
}
