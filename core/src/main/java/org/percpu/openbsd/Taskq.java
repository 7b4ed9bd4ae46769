// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.openbsd;

import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.dispatch.Dispatchers;
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
 * task_add(9): a queue of {@link Task}s served by one or more threads.
 *
 * <pre>{@code
 * Taskq tq = Taskq.create(kernel, "softnet", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
 * Task task = Task.initializer(ring -> ring.drain(), ring);
 * tq.add(task);      // true: it will run
 * tq.add(task);      // false: it is queued already, and that run will see what was written before this call
 * tq.del(task);      // true: that run will not happen
 * }</pre>
 *
 * <p>Tasks are started in the order in which they were added. With one thread they never overlap; with several, tasks
 * overlap, and a task that is added while it runs may overlap itself (OTQ-21).
 *
 * <p><b>Threading.</b> {@link #add}, {@link #del} and {@link Task#set} may be called from any thread; {@code add} never
 * blocks and allocates nothing. The other methods need a caller that may sleep, except in a cold kernel.
 *
 * <p>Implements OTQ-1 to OTQ-35, U5 to U14, U20, U22 and U23.
 *
 * <h2>Deviations</h2>
 *
 * <ul>
 *   <li>{@code add} that finds the task queued guarantees that the later run sees the caller's earlier writes (OTQ-11),
 *       and two queues that race for a task cannot both get it (OTQ-14); the originals promise neither.
 *   <li>{@code create} never returns null: a queue that gets fewer threads than asked is an error that names the first
 *       missing one.
 *   <li>{@code nthreads} must be 1 to 4096; in C, 0 means 1.
 *   <li>Adding to a destroyed queue is ESHUTDOWN, except from its own tasks while it drains (OTQ-12, OTQ-27).
 *   <li>Tasks left on a queue that is destroyed before it had threads are printed on the console and can be added
 *       elsewhere (OTQ-26).
 *   <li>A queue has no mutex at its level: adding and deleting leave the caller's level alone. The level only says who
 *       may do so (U11).
 *   <li>{@link #barrier}, {@link #delBarrier}, {@link Task#pending} and {@link #drainAndDestroy(Duration)} are
 *       additions.
 *   <li>{@link #addAfter}, {@link #modify} and {@link #cancel} are additions, for a {@link DelayedTask}. A destroy waits
 *       for tasks that wait for their time, a drain within its time; meanwhile nothing can be delayed.
 * </ul>
 *
 * @see <a href="https://man.openbsd.org/task_add.9">task_add(9)</a>
 */
public final class Taskq extends OpenbsdQueue<Task> {
    /** The threads do not hold the kernel lock. */
    public static final int TASKQ_MPSAFE = 1 << 0;
    /** The tasks may not sleep: every sleep of the library refuses them. */
    public static final int TASKQ_CANTSLEEP = 1 << 1;

    private static final int ALL_FLAGS = TASKQ_MPSAFE | TASKQ_CANTSLEEP;

    private enum SystemQueue {
        SYSTQ,
        SYSTQMP,
        SOFTCLOCK,
        SOFTCLOCKMP
    }

    private static final class TaskCall extends Call {
        private Task.@Nullable Function<@Nullable Object> fn;
        private @Nullable Object arg;

        @Override
        public void load(Item item) {
            Task task = (Task) item;
            fn = task.fn;
            arg = task.arg;
        }

        @Override
        public void invoke(Item item) throws Exception {
            Task.Function<@Nullable Object> function = fn;
            Object argument = arg;
            fn = null;
            arg = null;
            if (function != null) {
                function.run(argument);
            }
        }
    }

    private final ThreadedQueue threads;
    private final DelayedAdds later;

    private Taskq(Kernel kernel, String name, int nthreads, Ipl ipl, int flags, boolean system) {
        Set<Lwp.Flag> lwpFlags = EnumSet.noneOf(Lwp.Flag.class);
        if ((flags & TASKQ_MPSAFE) != 0) {
            lwpFlags.add(Lwp.Flag.MPSAFE);
        }
        if ((flags & TASKQ_CANTSLEEP) != 0) {
            lwpFlags.add(Lwp.Flag.CANTSLEEP);
        }
        this.threads = new ThreadedQueue(kernel, "taskq", name, nthreads, ipl, lwpFlags, TaskCall::new, this, system);
        this.later = new DelayedAdds(threads);
    }

    /**
     * taskq_create. In a cold kernel the threads are made, and tasks run, when it becomes warm.
     *
     * @param kernel whose CPUs, lock and policies the queue uses
     * @param name of the queue and of each thread
     * @param nthreads 1 to 4096
     * @param ipl highest level at which tasks are added or deleted
     * @param flags 0, or {@link #TASKQ_MPSAFE} and {@link #TASKQ_CANTSLEEP}
     * @return the queue
     * @throws ErrnoException EINVAL (name, nthreads, flags), EAGAIN or ENOMEM (no more threads; none is left behind),
     *     ESHUTDOWN (the kernel is closed), EPERM (the caller must not sleep)
     * @throws org.percpu.bindings.spi.LinuxException if a thread cannot be placed as the kernel's policies require
     */
    public static Taskq create(Kernel kernel, String name, int nthreads, Ipl ipl, int flags) {
        Args.flags(flags, ALL_FLAGS, "taskq_create on " + name);
        Taskq tq = new Taskq(kernel, name, nthreads, ipl, flags, false);
        tq.threads.makeThreads();
        return tq;
    }

    /**
     * systq: the kernel's own queue for short tasks, with one thread that holds the kernel lock (OTQ-7).
     *
     * <p>It is there for every caller at or below {@link Ipl#HIGH}, handlers and threads that must not sleep included,
     * also if they are the first to ask: their tasks are queued, and a thread is made meanwhile.
     *
     * @param kernel any kernel
     * @return always the same queue for a kernel; it cannot be destroyed
     * @throws ErrnoException EAGAIN or ENOMEM (no thread; the next call tries again), ESHUTDOWN (the kernel is closed)
     */
    public static Taskq systq(Kernel kernel) {
        return system(Argument.requireNonNull(kernel, "systq", "kernel"), SystemQueue.SYSTQ, "systq", 0);
    }

    /**
     * systqmp: as {@link #systq}, without the kernel lock.
     *
     * @param kernel any kernel
     * @return always the same queue for a kernel; it cannot be destroyed
     * @throws ErrnoException EAGAIN or ENOMEM (no thread; the next call tries again), ESHUTDOWN (the kernel is closed)
     */
    public static Taskq systqmp(Kernel kernel) {
        return system(
                Argument.requireNonNull(kernel, "systqmp", "kernel"), SystemQueue.SYSTQMP, "systqmp", TASKQ_MPSAFE);
    }

    /** Runs the timeouts that need a thread. */
    static Taskq softclock(Kernel kernel, boolean mpsafe) {
        return mpsafe
                ? system(kernel, SystemQueue.SOFTCLOCKMP, "softclockmp", TASKQ_MPSAFE)
                : system(kernel, SystemQueue.SOFTCLOCK, "softclock", 0);
    }

    private static Taskq system(Kernel kernel, SystemQueue key, String name, int flags) {
        // Nothing sleeps inside: a handler may want the same queue.
        Taskq tq = KernelCore.of(kernel).shared(key, () -> new Taskq(kernel, name, 1, Ipl.HIGH, flags, true));
        tq.threads.ensureThread();
        return tq;
    }

    /**
     * task_add: queues a task unless it is queued already, here or on another queue (OTQ-9).
     *
     * @param task a task that has been set
     * @return false if it was queued already; that run will see everything the caller wrote before this call. Also
     *     false if it is {@linkplain #disable disabled}: then it is not queued
     * @throws ErrnoException EINVAL if the task is null or was never set, ESHUTDOWN if the queue is destroyed, EAGAIN
     *     if it got no thread, EPERM if the caller's level is above the queue's (U11)
     */
    public boolean add(Task task) {
        requireSet("task_add", task);
        threads.requireOpen("task_add");
        Append appended = threads.queue.append(task);
        if (appended == Append.CLOSED) {
            throw threads.destroyed("task_add");
        }
        return appended == Append.QUEUED;
    }

    /**
     * task_add, when a time is over. From the call on the task is {@linkplain Task#pending pending}: {@link #add} is
     * false until it runs, and {@link #del} takes it back. A {@link #barrier} does not wait for it. Never blocks,
     * allocates nothing. An addition to the page.
     *
     * @param task a task that has been set
     * @param delay for how long not to add it, not negative; more than 292 years means never
     * @return false if it was pending already; its time is then as it was
     * @throws ErrnoException as {@link #add}, and EINVAL if the task is of another kernel, or the time is null or
     *     negative; ESHUTDOWN also in a task of a queue that is destroyed
     */
    public boolean addAfter(DelayedTask task, Duration delay) {
        requireSet("task_add", task);
        return later.add("task_add", task, task.delay, delay, null, null, null);
    }

    /**
     * Moves a task that waits for its time to another time. One that runs or is idle is {@linkplain #addAfter added
     * after} that time. One that is in the queue stays there, and will see what the caller wrote before this call. An
     * addition to the page.
     *
     * @param task a task that has been set
     * @param delay for how long not to add it from now on
     * @return where it was
     * @throws ErrnoException as {@link #addAfter}, and EINVAL if it is on another queue
     */
    public DelayState modify(DelayedTask task, Duration delay) {
        requireSet("a modify", task);
        return later.modify("a modify", task, task.delay, delay);
    }

    /**
     * As {@link #del}, and says more: where the task was. Afterwards it is not pending. It does not wait for a run that
     * has begun. An addition to the page.
     *
     * @param task any task
     * @return where it was; with WAITING and QUEUED a run of an earlier add may be under way
     * @throws ErrnoException as {@link #del}
     */
    public DelayState cancel(DelayedTask task) {
        if (task == null) {
            throw threads.isNull("a cancel", "task");
        }
        return later.cancel("a cancel", task, task.delay);
    }

    private void requireSet(String call, Task task) {
        if (task == null) {
            throw threads.isNull(call, "task");
        }
        if (task.fn == null) {
            throw new ErrnoException(Errno.EINVAL, call + " of " + task + " on " + name() + ": task_set it first");
        }
    }

    /**
     * task_del: takes a task off this queue. It does not wait for a run that has begun, and says nothing about one
     * (OTQ-16).
     *
     * @param task any task
     * @return true if it was queued here, and now will not run for that add; false if it was not queued
     * @throws ErrnoException EINVAL if it is on another queue (U8), EPERM if the caller's level is above the queue's
     *     (U11)
     */
    public boolean del(Task task) {
        if (task == null) {
            throw threads.isNull("task_del", "task");
        }
        if (Dispatchers.isUsed()) {
            threads.requireLevel("task_del");
        }
        if (task instanceof DelayedTask waits && threads.queue.delays().cancel(waits.delay) == DelayState.WAITING) {
            return true;
        }
        if (threads.queue.remove(task)) {
            return true;
        }
        Inlet owner = Inlet.ownerOf(task);
        if (owner != null && owner != threads.queue) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    "task_del of " + task + " on " + name() + ": it is on " + owner + "; delete it there");
        }
        return false;
    }

    /**
     * Opens a handle by which C code, also in a signal handler, and interrupt lines can add a task, with a value for
     * its function. An addition to the page. A task posted so counts as {@linkplain Task#pending pending} from the
     * moment a thread of the queue has seen it.
     *
     * @param task a task that has been set; posting it while it is queued adds a value to that run
     * @return the handle, from which the function drains the values
     * @throws ErrnoException EINVAL if the task was never set, ESHUTDOWN if the queue is destroyed, EAGAIN if it got no
     *     thread, EPERM if the caller's level is above the queue's (U11)
     * @throws org.percpu.bindings.spi.LinuxException EAGAIN if 4096 handles are open
     */
    public NativeWork nativeTask(Task task) {
        requireSet("a handle", task);
        return threads.nativeWork(task, () -> {
            Append appended = threads.queue.append(task);
            assert appended != Append.CLOSED;
        });
    }

    /**
     * taskq_barrier: waits until everything queued or running before the call has ended. A task of this queue that
     * calls it counts itself as ended (OTQ-33). A later addition of OpenBSD.
     *
     * @throws ErrnoException EINVAL if the kernel is cold (U23), EDEADLK in a task of a {@link #TASKQ_CANTSLEEP} queue
     *     (U5), EPERM if the caller must not sleep
     */
    public void barrier() {
        boolean done = threads.barrier("taskq_barrier", FOREVER);
        assert done;
    }

    /**
     * {@link #barrier()} within a time.
     *
     * @param atMost how long to wait; zero only looks
     * @return false if the time ran out before everything had ended
     * @throws ErrnoException as {@link #barrier()}, and EINVAL for a time that is null or negative
     */
    public boolean barrier(Duration atMost) {
        return threads.barrier("taskq_barrier", atMost);
    }

    /**
     * taskq_del_barrier: takes a task off this queue and waits while it runs, so that afterwards it is neither queued
     * nor running, provided no thread adds it again (OTQ-34). A call in the task itself does not wait for that task.
     * OpenBSD added this call later.
     *
     * @param task any task
     * @return true if it was queued
     * @throws ErrnoException EINVAL if it is on another queue, EDEADLK in a task of a {@link #TASKQ_CANTSLEEP} queue,
     *     EPERM if the caller must not sleep; it is then still queued
     */
    public boolean delBarrier(Task task) {
        if (task == null) {
            throw threads.isNull("taskq_del_barrier", "task");
        }
        threads.requireMaySleep("taskq_del_barrier");
        boolean deleted = del(task);
        boolean done = threads.queue.awaitNotRunning(task, FOREVER);
        assert done;
        return deleted;
    }

    /**
     * {@link #delBarrier(Task)} within a time. An addition to the page.
     *
     * @param task any task
     * @param atMost how long to wait while it runs; zero only looks
     * @return false if the time ran out while the task was still running; it is no longer queued in either case.
     *     {@link #del} says whether it was queued
     * @throws ErrnoException as {@link #delBarrier(Task)}, and EINVAL for a time that is null or negative
     */
    public boolean delBarrier(Task task, Duration atMost) {
        if (task == null) {
            throw threads.isNull("taskq_del_barrier", "task");
        }
        Duration within = Argument.requireTime(atMost, "taskq_del_barrier on " + name(), "atMost");
        threads.requireMaySleep("taskq_del_barrier");
        boolean deleted = del(task);
        boolean done = threads.queue.awaitNotRunning(task, within);
        assert done || deleted || !within.equals(FOREVER);
        return done;
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
    public boolean disable(Task task) {
        return threads.disable(task, timerOf(task));
    }

    /**
     * Takes one {@link #disable} back. It does not add the task.
     *
     * @param task a disabled task
     * @return true if it can be added again
     * @throws ErrnoException EINVAL if it is null or not disabled
     */
    public boolean enable(Task task) {
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
    public boolean disableAndWait(Task task) {
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
    public boolean cancelAndWait(Task task) {
        boolean queued = disableAndWait(task);
        boolean unused = enable(task);
        return queued;
    }

    private static @Nullable Delay timerOf(@Nullable Task task) {
        return task instanceof DelayedTask delayed ? delayed.delay : null;
    }

    /**
     * taskq_destroy: refuses new tasks, runs everything that is queued and what those tasks add, ends the threads and
     * waits for them with the kernel lock dropped (OTQ-27). In a cold kernel it returns at once and the tasks never run
     * (OTQ-26).
     *
     * @throws ErrnoException EINVAL if it is destroyed already or a queue of the system, EDEADLK in one of its own
     *     tasks, EPERM if the caller must not sleep
     */
    public void destroy() {
        threads.destroy();
    }

    @Override
    ThreadedQueue threads() {
        return threads;
    }
}
