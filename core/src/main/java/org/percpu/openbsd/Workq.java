// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.openbsd;

import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.intr.NativeWork;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.DelayState;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.Lwp;
import org.percpu.queue.Append;
import org.percpu.queue.Args;
import org.percpu.queue.Call;
import org.percpu.queue.Delay;
import org.percpu.queue.Inlet;
import org.percpu.queue.Item;

/**
 * workq_add_task(9): a queue of functions with two arguments, served by one or more threads under the kernel lock.
 *
 * <pre>{@code
 * Workq wq = Workq.create(kernel, "crypto", 2, Ipl.NONE);
 * if (!wq.addTask(0, Engine::process, engine, request)) { ... }  // ENOMEM: all entries are queued
 * wq.queueTask(entry, 0, Engine::process, engine, request);      // with the caller's entry it cannot fail
 * }</pre>
 *
 * <p>Tasks are started in the order in which they were added (OWQ-8). Each add is a run of its own.
 *
 * <p><b>Threading.</b> {@link #addTask} without {@link #WQ_WAITOK} and {@link #queueTask} may be called from any
 * thread; they never block, and allocate nothing once an entry has been used before. The other methods need a caller
 * that may sleep, except in a cold kernel.
 *
 * <p>Implements OWQ-1 to OWQ-15, U1, U5 to U7, U11 to U14, U20, U22.
 *
 * <h2>Deviations</h2>
 *
 * <ul>
 *   <li>The memory for {@code addTask} is a pool of each queue, whose size {@link #create(Kernel, String, int, Ipl,
 *       int)} takes.
 *   <li>A null queue stands for the kernel's generic one in C; here it is {@link #syswq}.
 *   <li>{@link #WQ_MPSAFE} is accepted and, as in OpenBSD since 4.5, changes nothing (OWQ-9). Other unknown bits are
 *       EINVAL (OWQ-2).
 *   <li>All threads are made by {@code create}; too few is an error (OWQ-6). {@code maxthreads} must be 1 to 4096.
 *   <li>Queueing an entry that is pending is EBUSY; in C it corrupts the list (U1).
 *   <li>A queue has no mutex at its level: queueing leaves the caller's level alone. The level only says who may queue
 *       (U11).
 *   <li>{@link #drainAndDestroy(Duration)} is an addition.
 *   <li>{@link #queueTaskAfter}, {@link #modify} and {@link #cancel} are additions, for a {@link DelayedWorkqTask}. A
 *       destroy waits for entries that wait for their time, a drain within its time; meanwhile nothing can be delayed.
 * </ul>
 *
 * @see <a href="https://man.openbsd.org/OpenBSD-5.6/workq_add_task.9">workq_add_task(9)</a>
 */
public final class Workq extends OpenbsdQueue<WorkqTask> {
    /** Wait for an entry if all are queued. */
    public static final int WQ_WAITOK = 1 << 0;
    /** Accepted without effect. */
    public static final int WQ_MPSAFE = 1 << 1;

    /** Entries of a queue whose creator does not say how many. */
    public static final int DEFAULT_POOL_SIZE = 4096;

    private static final int ALL_FLAGS = WQ_WAITOK | WQ_MPSAFE;
    private static final int MAX_POOL_SIZE = 1 << 24;
    private static final String SYSWQ = "syswq";

    /**
     * The function of a task.
     *
     * @param <A> the type of the first argument
     * @param <B> the type of the second argument
     */
    @FunctionalInterface
    public interface Function<A extends @Nullable Object, B extends @Nullable Object> {
        /**
         * Runs in a thread of the queue.
         *
         * @param arg1 as given when the task was added
         * @param arg2 as given when the task was added
         * @throws Exception reported to the kernel's fault handler
         */
        void run(A arg1, B arg2) throws Exception;
    }

    /** All fields are read, and the entry is put back into the pool, before the function is called. */
    private final class WorkqCall extends Call {
        private @Nullable Function<@Nullable Object, @Nullable Object> func;
        private @Nullable Object arg1;
        private @Nullable Object arg2;
        private TaskPool.@Nullable Pooled loaded;

        @Override
        public void load(Item item) {
            WorkqTask task = (WorkqTask) item;
            if (task.func == null) {
                // An error came between the first call and the release.
                return;
            }
            func = task.func;
            arg1 = task.arg1;
            arg2 = task.arg2;
            task.func = null;
            task.arg1 = null;
            task.arg2 = null;
            if (task instanceof TaskPool.Pooled pooled) {
                pooled.runs = pooled.takes;
                loaded = pooled;
            }
        }

        @Override
        public void threw() {
            putBack();
        }

        private void putBack() {
            TaskPool.Pooled pooled = loaded;
            if (pooled == null) {
                return;
            }
            loaded = null;
            boolean back = false;
            try {
                // An entry that a drain has handed out may come back by queueTask on another queue. The entry does not
                // belong to that queue's pool.
                if (pool.owns(pooled)) {
                    pool.put(pooled);
                    back = true;
                    threads.queue.itemLeft();
                }
            } catch (Throwable t) {
                // The call goes on. The next caller that needs an entry takes this one.
                if (!back) {
                    pooled.unput = true;
                    pooled.strayedAt = pooled.takes;
                    pool.strayed = pooled;
                }
            }
        }

        @Override
        public void invoke(Item item) throws Exception {
            putBack();
            Function<@Nullable Object, @Nullable Object> function = func;
            Object first = arg1;
            Object second = arg2;
            func = null;
            arg1 = null;
            arg2 = null;
            if (function != null) {
                function.run(first, second);
            }
        }
    }

    private final TaskPool pool;
    private final ThreadedQueue threads;
    private final DelayedAdds later;

    private Workq(Kernel kernel, String name, int maxthreads, Ipl ipl, int poolSize, boolean system) {
        this.pool = new TaskPool(poolSize);
        this.threads = new ThreadedQueue(
                kernel, "workq", name, maxthreads, ipl, EnumSet.noneOf(Lwp.Flag.class), WorkqCall::new, this, system);
        this.later = new DelayedAdds(threads);
    }

    /**
     * workq_create. In a cold kernel the threads are made, and tasks run, when it becomes warm.
     *
     * @param kernel whose CPUs, lock and policies the queue uses
     * @param name of the queue and of each thread
     * @param maxthreads 1 to 4096
     * @param ipl highest level at which tasks are added
     * @return the queue, with room for {@value #DEFAULT_POOL_SIZE} tasks that are not the callers'
     * @throws ErrnoException EINVAL (name, maxthreads), EAGAIN or ENOMEM (no more threads; none is left behind),
     *     ESHUTDOWN (the kernel is closed), EPERM (the caller must not sleep)
     * @throws org.percpu.bindings.spi.LinuxException if a thread cannot be placed as the kernel's policies require
     */
    public static Workq create(Kernel kernel, String name, int maxthreads, Ipl ipl) {
        return create(kernel, name, maxthreads, ipl, DEFAULT_POOL_SIZE);
    }

    /**
     * workq_create with a choice of the pool's size.
     *
     * @param kernel whose CPUs, lock and policies the queue uses
     * @param name of the queue and of each thread
     * @param maxthreads 1 to 4096
     * @param ipl highest level at which tasks are added
     * @param poolSize how many tasks added by {@link #addTask} can be pending, 1 to 16777216
     * @return the queue
     * @throws ErrnoException EINVAL (name, maxthreads, poolSize), EAGAIN or ENOMEM (no more threads; none is left
     *     behind), ESHUTDOWN (the kernel is closed), EPERM (the caller must not sleep)
     * @throws org.percpu.bindings.spi.LinuxException if a thread cannot be placed as the kernel's policies require
     */
    public static Workq create(Kernel kernel, String name, int maxthreads, Ipl ipl, int poolSize) {
        if (poolSize < 1 || poolSize > MAX_POOL_SIZE) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    "workq_create of " + name + ": a pool of " + poolSize + "; must be 1 to " + MAX_POOL_SIZE);
        }
        Workq wq = new Workq(kernel, name, maxthreads, ipl, poolSize, false);
        wq.threads.makeThreads();
        return wq;
    }

    /**
     * The kernel's generic queue, which the page's functions use for a null queue (OWQ-4). For short tasks.
     *
     * <p>It is there for every caller at or below {@link Ipl#HIGH}, handlers and threads that must not sleep included,
     * also if they are the first to ask: their tasks are queued, and a thread is made meanwhile.
     *
     * @param kernel any kernel
     * @return always the same queue for a kernel; it cannot be destroyed
     * @throws ErrnoException EAGAIN or ENOMEM (no thread; the next call tries again), ESHUTDOWN (the kernel is closed)
     */
    public static Workq syswq(Kernel kernel) {
        // Nothing sleeps inside: a handler may want the same queue.
        Argument.requireNonNull(kernel, "syswq", "kernel");
        Workq wq = KernelCore.of(kernel)
                .shared(SYSWQ, () -> new Workq(kernel, SYSWQ, 1, Ipl.HIGH, DEFAULT_POOL_SIZE, true));
        wq.threads.ensureThread();
        return wq;
    }

    /**
     * workq_add_task: queues a call of a function, with an entry of the queue's pool.
     *
     * @param flags 0 or {@link #WQ_WAITOK}; {@link #WQ_MPSAFE} may be added
     * @param func what to call
     * @param arg1 first argument, may be null
     * @param arg2 second argument, may be null
     * @param <A> the type of the first argument
     * @param <B> the type of the second argument
     * @return false if all entries are queued and WQ_WAITOK was not given (ENOMEM); never false with it
     * @throws ErrnoException EINVAL (null function, unknown flags), ESHUTDOWN (destroyed), EAGAIN (the queue got no
     *     thread), EPERM (the caller's level is above the queue's, U11); with WQ_WAITOK also EPERM if the caller must
     *     not sleep, and EDEADLK if it would have to wait in a task of this queue
     */
    public <A extends @Nullable Object, B extends @Nullable Object> boolean addTask(
            int flags, Function<? super A, ? super B> func, A arg1, B arg2) {
        check(flags, func, "workq_add_task");
        boolean mayWait = (flags & WQ_WAITOK) != 0;
        if (mayWait) {
            threads.requireSleepable();
        }
        TaskPool.Pooled task = pool.get();
        while (task == null) {
            if (!mayWait) {
                return false;
            }
            if (threads.queue.isWorker()) {
                throw new ErrnoException(
                        Errno.EDEADLK,
                        "workq_add_task with WQ_WAITOK in a task of " + name() + ": all " + pool.size()
                                + " entries are queued behind it; create the queue with a larger pool");
            }
            boolean free = threads.queue.await(() -> !pool.isExhausted() || threads.takesNoMore(), FOREVER);
            assert free;
            threads.requireOpen("workq_add_task");
            task = pool.get();
        }
        int take = task.takes;
        Append appended;
        try {
            appended = threads.queue.append(task, func, arg1, arg2);
            if (appended == Append.CLOSED) {
                pool.put(task);
            }
        } catch (Throwable t) {
            // No calls in here. The next caller that needs an entry checks whether this one is in the queue.
            task.strayedAt = take;
            pool.strayed = task;
            throw t;
        }
        if (appended == Append.CLOSED) {
            throw threads.destroyed("workq_add_task");
        }
        assert appended == Append.QUEUED;
        return true;
    }

    /**
     * workq_queue_task: queues a call of a function, with the caller's entry. It cannot fail when memory runs out.
     *
     * @param wqt the entry; not pending
     * @param flags 0; {@link #WQ_WAITOK} and {@link #WQ_MPSAFE} change nothing
     * @param func what to call
     * @param arg1 first argument, may be null
     * @param arg2 second argument, may be null
     * @param <A> the type of the first argument
     * @param <B> the type of the second argument
     * @return true; false if the entry is {@linkplain #disable disabled}, and then it is not queued
     * @throws ErrnoException EBUSY if the entry is pending (U1), EINVAL (null function, unknown flags), ESHUTDOWN
     *     (destroyed), EAGAIN (the queue got no thread), EPERM (the caller's level is above the queue's, U11); the
     *     entry is as it was
     */
    public <A extends @Nullable Object, B extends @Nullable Object> boolean queueTask(
            WorkqTask wqt, int flags, Function<? super A, ? super B> func, A arg1, B arg2) {
        if (wqt == null) {
            throw threads.isNull("workq_queue_task", "wqt");
        }
        check(flags, func, "workq_queue_task");
        Append appended = threads.queue.append(wqt, func, arg1, arg2);
        if (appended == Append.CLOSED) {
            throw threads.destroyed("workq_queue_task");
        }
        if (appended == Append.PENDING) {
            throw pending(wqt);
        }
        return appended == Append.QUEUED;
    }

    /**
     * {@link #queueTask}, when a time is over. From the call on the entry is pending. Never blocks, allocates nothing. An
     * addition to the page.
     *
     * @param wqt the entry; not pending
     * @param flags 0; {@link #WQ_WAITOK} and {@link #WQ_MPSAFE} change nothing
     * @param func what to call
     * @param arg1 first argument, may be null
     * @param arg2 second argument, may be null
     * @param delay for how long not to queue it, not negative; more than 292 years means never
     * @param <A> the type of the first argument
     * @param <B> the type of the second argument
     * @throws ErrnoException as {@link #queueTask}, and EINVAL if the entry is of another kernel, or the time is null or
     *     negative; ESHUTDOWN also in a task of a queue that is destroyed; the entry is as it was
     */
    public <A extends @Nullable Object, B extends @Nullable Object> void queueTaskAfter(
            DelayedWorkqTask wqt, int flags, Function<? super A, ? super B> func, A arg1, B arg2, Duration delay) {
        if (wqt == null) {
            throw threads.isNull("workq_queue_task", "wqt");
        }
        check(flags, func, "workq_queue_task");
        if (!later.add("workq_queue_task", wqt, wqt.delay, delay, func, arg1, arg2)) {
            throw pending(wqt);
        }
    }

    /**
     * Moves an entry that waits for its time to another time. It keeps its function. An addition to the page.
     *
     * @param wqt an entry
     * @param delay for how long not to queue it from now on
     * @return where it was; only with WAITING it has been moved
     * @throws ErrnoException as {@link #queueTaskAfter}, and EINVAL if it is on another queue
     */
    public DelayState modify(DelayedWorkqTask wqt, Duration delay) {
        if (wqt == null) {
            throw threads.isNull("a modify", "wqt");
        }
        return later.move("a modify", wqt, wqt.delay, delay);
    }

    /**
     * Takes an entry back that waits for its time or is in the queue. It does not wait for a run that has begun. An
     * addition to the page.
     *
     * @param wqt an entry
     * @return where it was; with WAITING and QUEUED a run of an earlier call may be under way
     * @throws ErrnoException EINVAL if it is null or on another queue, EPERM if the caller's level is above the queue's
     *     (U11)
     */
    public DelayState cancel(DelayedWorkqTask wqt) {
        if (wqt == null) {
            throw threads.isNull("a cancel", "wqt");
        }
        return later.cancel("a cancel", wqt, wqt.delay);
    }

    private ErrnoException pending(WorkqTask wqt) {
        return new ErrnoException(
                Errno.EBUSY,
                "workq_queue_task on " + name() + ": the entry is pending already, on " + Inlet.ownerOf(wqt)
                        + "; it may be queued again when its function has started");
    }

    /**
     * Opens a handle by which C code, also in a signal handler, and interrupt lines can queue a call of a function,
     * with a value for it. An addition to the page.
     *
     * @param wqt the entry, which belongs to the handle from here on; posting it while it is queued adds a value to
     *     that run
     * @param func what to call
     * @param arg1 first argument, may be null
     * @param arg2 second argument, may be null
     * @param <A> the type of the first argument
     * @param <B> the type of the second argument
     * @return the handle, from which the function drains the values
     * @throws ErrnoException EINVAL (null function), ESHUTDOWN (destroyed), EAGAIN (the queue got no thread), EPERM
     *     (the caller's level is above the queue's, U11)
     * @throws org.percpu.bindings.spi.LinuxException EAGAIN if 4096 handles are open
     */
    public <A extends @Nullable Object, B extends @Nullable Object> NativeWork nativeTask(
            WorkqTask wqt, Function<? super A, ? super B> func, A arg1, B arg2) {
        Argument.requireNonNull(wqt, "a handle on " + name(), "wqt");
        Argument.requireNonNull(func, "a handle on " + name(), "func");
        return threads.nativeWork(wqt, () -> {
            Append appended = threads.queue.append(wqt, func, arg1, arg2);
            assert appended != Append.CLOSED;
        });
    }

    private void check(int flags, @Nullable Object func, String call) {
        if ((flags & ~ALL_FLAGS) != 0) {
            Args.flags(flags, ALL_FLAGS, call + " on " + name());
        }
        if (func == null) {
            throw new ErrnoException(Errno.EINVAL, call + " on " + name() + ": func is null");
        }
        threads.requireOpen(call);
    }

    /**
     * Takes a caller's entry off this queue. It does not wait for a run that has begun. An addition to the page:
     * cancel_work of Linux.
     *
     * @param task any entry
     * @return true if it was queued here, and now will not run for that call
     * @throws ErrnoException EINVAL if it is null or on another queue, EPERM if the caller's level is above the queue's
     *     (U11)
     */
    public boolean cancelTask(WorkqTask task) {
        return threads.takeOff(task, timerOf(task));
    }

    /**
     * Takes a task off this queue, and refuses to add it from then on, here or elsewhere, until it has been
     * {@linkplain #enable enabled} as often as it was disabled. It does not wait for a run that has begun. An addition
     * to the page: disable_work of Linux.
     *
     * @param task any task without an open handle for C code
     * @return true if it was queued
     * @throws ErrnoException EINVAL if it is null or on another queue, EBUSY if it has a handle for C code on this
     *     queue, EPERM if the caller's level is above the queue's (U11)
     */
    public boolean disable(WorkqTask task) {
        return threads.disable(task, timerOf(task));
    }

    /**
     * Takes one {@link #disable} back. It does not add the task.
     *
     * @param task a disabled task
     * @return true if it can be added again
     * @throws ErrnoException EINVAL if it is null or not disabled
     */
    public boolean enable(WorkqTask task) {
        return threads.enable(task);
    }

    /**
     * As {@link #disable}, and waits while the task runs. Afterwards it is neither queued nor running, and cannot become
     * either until it is enabled, however many threads call this at once, and whether or not its function adds it. A
     * call in the task itself does not wait for that task. An addition to the page: disable_work_sync of Linux.
     *
     * @param task any task
     * @return true if it was queued
     * @throws ErrnoException as {@link #disable}, and EDEADLK in a task that must not sleep, EPERM if the caller must
     *     not sleep; it is then as it was
     */
    public boolean disableAndWait(WorkqTask task) {
        return threads.disableAndWait(task, timerOf(task));
    }

    /**
     * Takes a task off this queue and waits while it runs. What is added meanwhile, by its function too, is refused. An
     * addition to the page: cancel_work_sync of Linux.
     *
     * @param task any task
     * @return true if it was queued
     * @throws ErrnoException as {@link #disableAndWait}
     */
    public boolean cancelAndWait(WorkqTask task) {
        boolean queued = disableAndWait(task);
        boolean unused = enable(task);
        return queued;
    }

    private static @Nullable Delay timerOf(@Nullable WorkqTask task) {
        return task instanceof DelayedWorkqTask delayed ? delayed.delay : null;
    }

    /**
     * workq_destroy: refuses new tasks, runs everything that is queued and what those tasks add, ends the threads and
     * waits for them with the kernel lock dropped (OWQ-12). In a cold kernel it returns at once and the tasks never run
     * (OWQ-11).
     *
     * @throws ErrnoException EINVAL if it is destroyed already or the queue of the system, EDEADLK in one of its own
     *     tasks, EPERM if the caller must not sleep
     */
    public void destroy() {
        threads.destroy();
    }

    /**
     * {@inheritDoc} The result includes entries of the pool. They cannot be told apart and are useful only as a count.
     */
    @Override
    public List<WorkqTask> drainAndDestroy(Duration atMost) {
        return super.drainAndDestroy(atMost);
    }

    @Override
    ThreadedQueue threads() {
        return threads;
    }
}
