// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.netbsd;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.clock.Time;
import org.percpu.cpu.Cpu;
import org.percpu.dispatch.Dispatchers;
import org.percpu.dispatch.LevelRules;
import org.percpu.intr.NativeWork;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.DelayState;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelQueue;
import org.percpu.kernel.WorkerCounters;
import org.percpu.kernel.WorkerState;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.Listing;
import org.percpu.queue.Append;
import org.percpu.queue.Args;
import org.percpu.queue.Call;
import org.percpu.queue.Delay;
import org.percpu.queue.Disabling;
import org.percpu.queue.Ending;
import org.percpu.queue.Inlet;
import org.percpu.queue.Item;
import org.percpu.queue.SerialQueue;
import org.percpu.queue.SerialQueues;
import org.percpu.thread.Pri;

/**
 * workqueue(9): defers work to a thread, or with {@link #WQ_PERCPU} to a thread on each CPU.
 *
 * <pre>{@code
 * final class Packet extends Work { ... }
 *
 * Workqueue<Packet> wq = Workqueue.create(Kernel.system(), "rx", (packet, stats) -> packet.process(stats), stats,
 *         Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU);
 * wq.enqueue(packet, null);                 // on the CPU the caller is on
 * wq.enqueue(packet, kernel.cpus().get(3)); // on a chosen one
 * }</pre>
 *
 * <p>A queue, and each CPU's queue of a per-CPU one, has exactly one worker: works run one at a time in the order of
 * their enqueues (NWQ-11, NWQ-19). Between CPUs there is no order. The callback runs in thread context at
 * {@link Ipl#NONE} (NWQ-9), without {@link #WQ_MPSAFE} under the kernel lock.
 *
 * <p><b>Threading.</b> {@link #enqueue} may be called from any thread, also from callbacks; it never blocks and
 * allocates nothing. What the caller wrote before is visible to the callback (NWQ-10). The other methods need a caller
 * that may sleep.
 *
 * <p>Implements NWQ-1 to NWQ-27, U1 to U7, U10 to U12, U17 and U20 to U23.
 *
 * <h2>Deviations</h2>
 *
 * <ul>
 *   <li>Enqueueing a pending work is EBUSY; in C it corrupts the list (U1).
 *   <li>{@link #destroy} with works left is EBUSY and the queue stays in use; in C it is an assertion or corruption
 *       (U4). {@link #drainAndDestroy(Duration)} and {@link #waitFor} are additions. While a queue with WQ_PERCPU
 *       drains, a callback may enqueue to its own CPU; a worker of another CPU that had nothing left has ended
 *       (ESHUTDOWN).
 *   <li>{@link #enqueueAfter}, {@link #modify} and {@link #cancel} are additions, for a {@link DelayedWork}. A work that
 *       waits for its time is pending in every sense. A drain waits for it within its time, and hands it back after;
 *       meanwhile nothing can be delayed. The kernel's shutdown does the same.
 *   <li>{@link #dequeue}, {@link #disable}, {@link #enable}, {@link #disableAndWait} and {@link #cancelAndWait} are
 *       additions.
 *   <li>In a kernel with {@linkplain org.percpu.kernel.KernelBuilder#sharedWorkers shared workers}, queues with
 *       WQ_PERCPU and one priority share a thread on each CPU. A callback then delays works of other queues (NWQ-17),
 *       and a callback that waits for a work which its own thread would have to run is refused with EDEADLK.
 *   <li>Names may be longer than 15 characters; the kernel's copy is cut, {@link #name()} is not.
 *   <li>Unknown flag bits are EINVAL; in C they are ignored.
 *   <li>A callback that throws is reported to the kernel's fault handler and the worker goes on (NWQ-18).
 *   <li>With a null CPU on a CPU that the queue does not have, the work goes to the queue's first CPU.
 *   <li>A queue has no mutex at its level: enqueueing is lock-free and leaves the caller's level alone. The level only
 *       says who may enqueue (U11).
 * </ul>
 *
 * @param <W> the type of the works
 * @see <a href="https://man.netbsd.org/workqueue.9">workqueue(9)</a>
 */
@SuppressWarnings("ReferenceEquality") // queues are compared by identity
public final class Workqueue<W extends Work> implements KernelQueue {
    /** The callback does its own locking and runs without the kernel lock. */
    public static final int WQ_MPSAFE = 0x01;
    /** A queue and a worker for each CPU. */
    public static final int WQ_PERCPU = 0x02;

    private static final int ALL_FLAGS = WQ_MPSAFE | WQ_PERCPU;

    /**
     * The function of a workqueue.
     *
     * @param <W> the type of the works
     * @param <A> the type of the queue's argument
     */
    @FunctionalInterface
    public interface Function<W extends Work, A extends @Nullable Object> {
        /**
         * Processes one work. It may sleep, which delays the works behind it (NWQ-17), and must return.
         *
         * @param wk the work, free to be enqueued again (NWQ-12)
         * @param arg as given to create
         * @throws Exception reported to the kernel's fault handler
         */
        void work(W wk, A arg) throws Exception;
    }

    /** One for each worker. */
    private static final class WorkCall<W extends Work, A extends @Nullable Object> extends Call {
        private final Function<? super W, ? super A> func;
        private final A arg;

        WorkCall(Function<? super W, ? super A> func, A arg) {
            this.func = func;
            this.arg = arg;
        }

        @Override
        public void load(Item item) {
            // Function and argument belong to the queue, so there is nothing to copy.
        }

        @Override
        @SuppressWarnings("unchecked") // enqueue takes nothing else
        public void invoke(Item item) throws Exception {
            func.work((W) item, arg);
        }
    }

    private final Kernel kernel;
    private final KernelCore core;
    private final Listing listing;
    private final String name;
    private final Ipl ipl;
    private final Workers workers;
    /**
     * One, or one for each CPU of the kernel's table, at its position. A longer array replaces this one when a CPU has
     * come.
     */
    private volatile SerialQueue[] queues;
    /**
     * The same queues by CPU number, with null for CPUs that the kernel does not have. Null without WQ_PERCPU: then
     * there is only one queue.
     */
    private volatile @Nullable SerialQueue @Nullable [] queueOfCpu;

    private final SerialQueue firstQueue;
    private volatile boolean destroyed;

    private Workqueue(Kernel kernel, String name, Ipl ipl, SerialQueue[] queues, boolean perCpu, Workers workers) {
        this.kernel = kernel;
        this.core = KernelCore.of(kernel);
        this.listing = new Listing(name, this, this::end, this::followCpus);
        this.name = name;
        this.ipl = ipl;
        this.workers = workers;
        this.queues = queues;
        this.queueOfCpu = perCpu ? byCpu(kernel.cpus(), queues) : null;
        this.firstQueue = queues[0];
    }

    private static @Nullable SerialQueue[] byCpu(List<Cpu> cpus, SerialQueue[] queues) {
        int numbers = cpus.stream().mapToInt(Cpu::id).max().orElse(-1) + 1;
        @Nullable SerialQueue[] table = new SerialQueue[numbers];
        for (int i = 0; i < queues.length; i++) {
            table[cpus.get(i).id()] = queues[i];
        }
        return table;
    }

    /**
     * workqueue_create: makes the queue and its workers, which are running and pinned when it returns.
     *
     * @param kernel whose CPUs, lock and policies the queue uses
     * @param name of the worker threads; per CPU with {@code /} and the {@linkplain Cpu#index() index} of its CPU
     *     behind it (NWQ-7). The index is not Linux's number of the CPU where the process may not use all CPUs; the
     *     worker's state has that number. Threads that queues share have names of their own
     * @param func called for each work
     * @param arg second argument of every call
     * @param prio {@link Pri#PRI_NONE}, or 0 to 223. Below {@link Pri#PRI_KERNEL} (64) the workers are time-sharing,
     *     PRI_NONE is time-sharing at 63 (NWQ-5), from 64 on they are SCHED_RR as {@link Pri#fixed} maps it
     * @param ipl the highest level at which the queue is used (NWQ-8)
     * @param flags 0, or {@link #WQ_MPSAFE} and {@link #WQ_PERCPU}
     * @param <W> the type of the works
     * @param <A> the type of the argument
     * @return the queue
     * @throws ErrnoException EINVAL (name, priority or flags; workers that spin, with a real-time policy granted, on
     *     every CPU of the default set), EAGAIN (no more threads, or no room
     *     for so many), ENOMEM, EPERM (the caller must not sleep), ESHUTDOWN
     *     (the kernel is closed). Workers made before the failure are gone
     * @throws LinuxException if a worker cannot be pinned or scheduled as the kernel's policies require
     */
    public static <W extends Work, A extends @Nullable Object> Workqueue<W> create(
            Kernel kernel, String name, Function<? super W, ? super A> func, A arg, int prio, Ipl ipl, int flags) {
        Argument.requireNonNull(kernel, "workqueue_create", "kernel");
        Argument.requireNonNull(name, "workqueue_create", "name");
        Argument.requireNonNull(func, "workqueue_create", "func");
        Argument.requireNonNull(ipl, "workqueue_create", "ipl");
        Args.name(name, "workqueue_create");
        Args.priority(prio, "workqueue_create of " + name);
        Args.flags(flags, ALL_FLAGS, "workqueue_create of " + name);
        KernelCore core = KernelCore.of(kernel);
        core.requireSleepable(name);
        core.requireOpen("workqueue " + name);

        boolean mpsafe = (flags & WQ_MPSAFE) != 0;
        boolean perCpu = (flags & WQ_PERCPU) != 0;
        List<Cpu> cpus = kernel.cpus();
        if (perCpu) {
            // Linked now, because a link allocates and the first enqueue without a CPU must not.
            int current = kernel.curcpuTableIndex();
            assert current >= 0;
        }
        SerialQueue[] queues = new SerialQueue[perCpu ? cpus.size() : 1];
        Workers workers = new Workers(kernel, name, prio, mpsafe, perCpu, () -> new WorkCall<W, A>(func, arg));
        workers.requireRoom(queues.length);
        int made = 0;
        Workqueue<W> wq;
        try {
            for (int i = 0; i < queues.length; i++) {
                queues[i] = workers.queue(perCpu ? cpus.get(i) : null);
            }
            wq = new Workqueue<>(kernel, name, ipl, queues, perCpu, workers);
            for (; made < queues.length; made++) {
                workers.start(queues[made], perCpu ? cpus.get(made) : null);
            }
        } catch (ErrnoException e) {
            throw undo(kernel, name, queues, made, e.errno(), e);
        } catch (OutOfMemoryError e) {
            throw undo(kernel, name, queues, made, Errno.ENOMEM, e);
        } catch (RuntimeException | Error e) {
            endUnlisted(kernel, queues, made);
            throw e;
        }
        boolean added = false;
        try {
            added = core.add(wq.listing);
        } finally {
            if (!added) {
                endUnlisted(kernel, queues, made);
                core.remove(wq.listing);
            }
        }
        if (!added) {
            throw core.closed("workqueue " + name);
        }
        return wq;
    }

    private static void endUnlisted(Kernel kernel, SerialQueue[] queues, int made) {
        Ending.ofUnlisted(kernel, Arrays.copyOf(queues, made)).run();
    }

    private static ErrnoException undo(
            Kernel kernel, String name, SerialQueue[] queues, int made, Errno errno, Throwable cause) {
        endUnlisted(kernel, queues, made);
        return new ErrnoException(
                errno,
                "workqueue_create of " + name + ": worker " + (made + 1) + " of " + queues.length
                        + " could not be made (" + cause.getMessage() + "); those made before it are gone",
                cause);
    }

    /**
     * workqueue_enqueue: appends a work to the queue. Never blocks, allocates nothing.
     *
     * @param wk a work that is not pending on any queue
     * @param ci the CPU whose queue takes it, or null for the CPU the caller is on; must be null without
     *     {@link #WQ_PERCPU}
     * @return true; false if the work is {@linkplain #disable disabled}, and then it is not enqueued
     * @throws ErrnoException EBUSY if the work is pending (U1), EINVAL if it is null, if a CPU is given without
     *     WQ_PERCPU (U2) or is unknown to this queue (U3), ESHUTDOWN if the queue is destroyed (U7), EPERM if the
     *     caller's level is above the queue's, or the caller is a hard interrupt and the queue's level is below VM
     *     (U11); the work is as it was
     */
    public boolean enqueue(W wk, @Nullable Cpu ci) {
        if (wk == null) {
            throw nullWork("workqueue_enqueue");
        }
        SerialQueue queue = queueOf(ci, "workqueue_enqueue");
        if (Dispatchers.isUsed()) {
            requireLevel();
        }
        if (destroyed && !SerialQueues.isWorkerOf(queues)) {
            throw shutdown(wk);
        }
        Append appended = queue.append(wk);
        if (appended != Append.QUEUED && appended != Append.DISABLED) {
            throw appended == Append.PENDING ? pending(wk) : shutdown(wk);
        }
        return appended == Append.QUEUED;
    }

    /**
     * Takes a work off this queue, also if a worker has taken it together with others and not started it, or it waits
     * for its time. It does not wait for a run that has begun. An addition to the page: cancel_work of Linux.
     *
     * <p>It may wait for the moment that a worker needs to start a work, and looks at every work of the CPU's queue.
     *
     * @param wk any work
     * @return true if it was pending, and now will not run for that enqueue
     * @throws ErrnoException EINVAL if it is null or on another workqueue, EPERM as for {@link #enqueue}
     */
    public boolean dequeue(W wk) {
        if (wk == null) {
            throw nullWork("a dequeue");
        }
        if (Dispatchers.isUsed()) {
            requireLevel();
        }
        return Disabling.takeOff(wk, timerOf(wk), "a dequeue on " + name, queues);
    }

    /**
     * As {@link #dequeue}, and refuses to enqueue the work from then on, here or elsewhere, until it has been
     * {@linkplain #enable enabled} as often as it was disabled. It does not wait for a run that has begun. An addition
     * to the page: disable_work of Linux.
     *
     * @param wk any work without an open handle for C code
     * @return true if it was pending
     * @throws ErrnoException as {@link #dequeue}, and EBUSY if it has a handle for C code on this queue
     */
    public boolean disable(W wk) {
        if (wk == null) {
            throw nullWork("a disable");
        }
        if (Dispatchers.isUsed()) {
            requireLevel();
        }
        return Disabling.disable(wk, timerOf(wk), "a disable on " + name, queues);
    }

    /**
     * Takes one {@link #disable} back. It does not enqueue the work.
     *
     * @param wk a disabled work
     * @return true if it can be enqueued again
     * @throws ErrnoException EINVAL if it is null or not disabled
     */
    public boolean enable(W wk) {
        if (wk == null) {
            throw nullWork("an enable");
        }
        return Disabling.enable(wk, "an enable on " + name);
    }

    /**
     * As {@link #disable}, and waits, with the kernel lock dropped, while the work runs here. Afterwards it is neither
     * pending nor running, and cannot become either until it is enabled, however many threads call this at once, and
     * whether or not its callback enqueues it. An addition to the page: disable_work_sync of Linux.
     *
     * @param wk any work
     * @return true if it was pending
     * @throws ErrnoException as {@link #disable}; EDEADLK in the work's own callback, EPERM if the caller must not
     *     sleep; it is then as it was
     */
    public boolean disableAndWait(W wk) {
        if (wk == null) {
            throw nullWork("a disable");
        }
        core.requireSleepable(name);
        for (SerialQueue queue : queues) {
            if (queue.needsCaller() && queue.isRunning(wk)) {
                throw new ErrnoException(
                        Errno.EDEADLK,
                        "a wait on " + name + " for " + wk + " in its own callback, which would wait for itself: call"
                                + " disable, which does not wait");
            }
        }
        boolean pending = disable(wk);
        Disabling.awaitNotRunning(wk, queues);
        return pending;
    }

    /**
     * Takes a work off this queue and waits while it runs. What is enqueued meanwhile, by its callback too, is refused.
     * An addition to the page: cancel_work_sync of Linux.
     *
     * @param wk any work
     * @return true if it was pending
     * @throws ErrnoException as {@link #disableAndWait}
     */
    public boolean cancelAndWait(W wk) {
        boolean pending = disableAndWait(wk);
        boolean unused = enable(wk);
        return pending;
    }

    private @Nullable Delay timerOf(W wk) {
        return wk instanceof DelayedWork delayed ? delayed.delay : null;
    }

    /**
     * As {@link #enqueue}, when a time is over. From the call on the work is pending: it cannot be enqueued until it
     * runs or is {@linkplain #cancel cancelled}. Never blocks, allocates nothing. An addition to the page.
     *
     * @param wk a {@link DelayedWork} that is not pending on any queue
     * @param ci the CPU whose queue takes it, or null for the CPU the caller is on now; must be null without
     *     {@link #WQ_PERCPU}
     * @param delay for how long not to enqueue it, not negative; more than 292 years means never
     * @throws ErrnoException as {@link #enqueue}, and EINVAL if the work is no DelayedWork of this kernel, or the time is
     *     null or negative; ESHUTDOWN also in a callback of a queue that is destroyed; the work is as it was
     */
    public void enqueueAfter(W wk, @Nullable Cpu ci, Duration delay) {
        long moment = moment("workqueue_enqueue", delay);
        if (delay("workqueue_enqueue", wk, ci, moment) != Append.QUEUED) {
            throw pending(wk);
        }
    }

    /**
     * Moves a work that waits for its time to another time, and another CPU if one is given. One that runs or is idle is
     * {@linkplain #enqueueAfter enqueued after} that time. One that is in the queue stays there. An addition to the page.
     *
     * @param wk a {@link DelayedWork}
     * @param ci the CPU whose queue takes it, or null for the one where it waits, or the one the caller is on
     * @param delay for how long not to enqueue it from now on
     * @return where it was
     * @throws ErrnoException as {@link #enqueueAfter}, and EINVAL if it is pending on a queue that is not of this
     *     workqueue
     */
    public DelayState modify(W wk, @Nullable Cpu ci, Duration delay) {
        long moment = moment("a modify", delay);
        Delay timer = timer("a modify", wk);
        while (true) {
            SerialQueue on = ownerOf("a modify", wk);
            DelayState found;
            if (on == null) {
                found = isRunning(wk) ? DelayState.RUNNING : DelayState.IDLE;
            } else {
                requireUse(wk);
                boolean stays = ci == null || queueOf(ci, "a modify") == on;
                found = stays
                        ? on.delays().move(timer, ci, moment)
                        : on.delays().cancel(timer);
                if (found == DelayState.QUEUED || (stays && found != null)) {
                    return found;
                }
            }
            if (found != null && delay("a modify", wk, ci, moment) == Append.QUEUED) {
                return found;
            }
        }
    }

    /**
     * Takes back a work that waits for its time. One that is in the queue already stays there and runs, as a workqueue
     * gives nothing back: {@link #waitFor} waits until it has. An addition to the page.
     *
     * @param wk a {@link DelayedWork}
     * @return where it was; with WAITING it is no longer pending. A run of an earlier enqueue may be under way then
     * @throws ErrnoException EINVAL if the work is null or no DelayedWork, or is pending on a queue that is not of this
     *     workqueue; EPERM as for {@link #enqueue}
     */
    public DelayState cancel(W wk) {
        Delay timer = timer("a cancel", wk);
        if (Dispatchers.isUsed()) {
            requireLevel();
        }
        while (true) {
            SerialQueue on = ownerOf("a cancel", wk);
            DelayState found =
                    on != null ? on.delays().cancel(timer) : isRunning(wk) ? DelayState.RUNNING : DelayState.IDLE;
            if (found != null) {
                return found;
            }
        }
    }

    private static long moment(String call, Duration delay) {
        return Time.after(Time.nanos(Argument.requireTime(delay, call, "delay")));
    }

    private Append delay(String call, W wk, @Nullable Cpu ci, long moment) {
        Delay timer = timer(call, wk);
        SerialQueue queue = queueOf(ci, call);
        requireUse(wk);
        Append appended = queue.delays().add(timer, ci, moment, null, null, null);
        if (appended == Append.CLOSED) {
            throw kernel.isClosed() ? core.closed("a delay of " + wk + " on workqueue " + name) : shutdown(wk);
        }
        return appended;
    }

    private void requireUse(W wk) {
        if (Dispatchers.isUsed()) {
            requireLevel();
        }
        if (destroyed) {
            throw shutdown(wk);
        }
    }

    private Delay timer(String call, W wk) {
        if (wk == null) {
            throw nullWork(call);
        }
        if (!(wk instanceof DelayedWork delayed)) {
            throw new ErrnoException(
                    Errno.EINVAL, call + " on " + name + " of " + wk + ", which has no timer: extend DelayedWork");
        }
        if (delayed.delay.kernel() != kernel) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    call + " on " + name + " of " + wk + ", whose timer is of kernel "
                            + delayed.delay.kernel().name() + ": make the work for kernel " + kernel.name());
        }
        return delayed.delay;
    }

    private @Nullable SerialQueue ownerOf(String call, W wk) {
        // Asked by number, as a look into the table of all queues allocates.
        for (SerialQueue queue : queues) {
            if (queue.owns(wk)) {
                return queue;
            }
        }
        Inlet owner = Inlet.ownerOf(wk);
        if (owner == null || Arrays.asList(queues).contains(owner)) {
            return null;
        }
        throw new ErrnoException(
                Errno.EINVAL, call + " on " + name + " of " + wk + ", which is on " + owner + ": call it there");
    }

    private boolean isRunning(W wk) {
        for (SerialQueue queue : queues) {
            if (queue.isRunning(wk)) {
                return true;
            }
        }
        return false;
    }

    private void requireLevel() {
        String wrong = LevelRules.above(ipl.rank(), Ipl.VM.rank());
        if (wrong != null) {
            throw new ErrnoException(Errno.EPERM, "workqueue_enqueue on " + name + " " + wrong);
        }
    }

    /**
     * Opens a handle by which C code, also in a signal handler, and interrupt lines can enqueue a work, with a value
     * for its callback. An addition to the page.
     *
     * @param wk any work; posting it while it is pending adds a value to that run
     * @param ci the CPU whose queue takes it; must be null without {@link #WQ_PERCPU} and given with it
     * @return the handle, from which the callback drains the values
     * @throws ErrnoException EINVAL if a CPU is given without WQ_PERCPU, is missing with it or is unknown to this
     *     queue, ESHUTDOWN if the queue is destroyed
     * @throws LinuxException EAGAIN if 4096 handles are open
     */
    public NativeWork nativeWork(W wk, @Nullable Cpu ci) {
        if (wk == null) {
            throw nullWork("a handle");
        }
        if (queueOfCpu != null && ci == null) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    "a handle for " + wk + " on " + name
                            + ", which has a queue for each CPU: name the CPU, since native code"
                            + " may run anywhere");
        }
        SerialQueue queue = queueOf(ci, "a handle for a work");
        if (destroyed) {
            throw shutdown(wk);
        }
        return queue.nativeWork(wk, wk + " of workqueue " + name, ipl, () -> {
            Append appended = queue.append(wk);
            assert appended != Append.CLOSED;
        });
    }

    private SerialQueue queueOf(@Nullable Cpu ci, String call) {
        @Nullable SerialQueue[] table = queueOfCpu;
        if (table == null) {
            if (ci != null) {
                throw new ErrnoException(
                        Errno.EINVAL,
                        call + " on " + name + " names " + ci + ": create the queue with WQ_PERCPU or give no CPU");
            }
            return firstQueue;
        }
        if (ci == null) {
            SerialQueue[] all = queues;
            int index = kernel.curcpuTableIndex();
            return index < all.length ? all[index] : firstQueue;
        }
        SerialQueue queue = ci.id() < table.length ? table[ci.id()] : null;
        if (queue == null) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    call + " on " + name + " names " + ci + ", which it has no queue for: it has " + kernel.cpus());
        }
        return queue;
    }

    private ErrnoException pending(W wk) {
        return new ErrnoException(
                Errno.EBUSY,
                "workqueue_enqueue on " + name + ": " + wk + " is pending already, on " + SerialQueue.ownerOf(wk)
                        + "; it may be enqueued again when its callback has started");
    }

    private ErrnoException nullWork(String call) {
        return new ErrnoException(Errno.EINVAL, call + " on " + name + ": wk is null");
    }

    private ErrnoException shutdown(W wk) {
        return new ErrnoException(
                Errno.ESHUTDOWN, "workqueue_enqueue on " + name + ", which is destroyed: " + wk + " was not taken");
    }

    /**
     * workqueue_destroy: ends the workers and waits for them, with the kernel lock dropped. It does not drain (NWQ-20):
     * the caller makes sure that nothing is enqueued. The call waits for a callback that is running and is the last one
     * (NWQ-21).
     *
     * @throws ErrnoException EBUSY if works are pending or taken but not started (U4), the queue then stays in use;
     *     EDEADLK from one of its own callbacks (U5); EINVAL if it is destroyed already (U6); EPERM if the caller must
     *     not sleep
     */
    public void destroy() {
        requireDestroyable();
        for (SerialQueue queue : queues) {
            if (queue.hasUnstarted()) {
                throw new ErrnoException(
                        Errno.EBUSY,
                        "workqueue_destroy of " + name + ": works are left on " + queue.name()
                                + ": wait for them, or call drainAndDestroy");
            }
            if (!queue.delays().isEmpty()) {
                throw new ErrnoException(
                        Errno.EBUSY,
                        "workqueue_destroy of " + name + ": works wait for their time on " + queue.name()
                                + ": cancel them, or call drainAndDestroy");
            }
        }
        if (!becomesDestroyed()) {
            throw destroyedBefore();
        }
        // An enqueue that raced with the checks above runs before its worker ends: nothing taken is lost.
        end().run();
    }

    @Override
    @SuppressWarnings("unchecked") // enqueue takes nothing else
    public List<W> drainAndDestroy(Duration atMost) {
        Argument.requireTime(atMost, "drain of workqueue " + name, "atMost");
        requireOthersRun();
        return (List<W>) (List<?>) end().run(atMost);
    }

    /** In a callback of another queue, whose thread runs works of this one too. */
    private void requireOthersRun() {
        for (SerialQueue queue : queues) {
            if (queue.needsCaller() && queue.hasUnstarted()) {
                throw new ErrnoException(
                        Errno.EDEADLK,
                        "drain of workqueue " + name + " in a callback whose thread would have to run the works on "
                                + queue.name() + " (sharedWorkers): call it from another thread");
            }
        }
    }

    private Ending end() {
        return new Ending(
                kernel,
                () -> queues,
                () -> {
                    requireWaiter("drain of workqueue ");
                    boolean first = becomesDestroyed();
                    assert first || destroyed;
                    return true;
                },
                () -> core.remove(listing));
    }

    /**
     * workqueue_wait: waits, with the kernel lock dropped, until a work is neither pending nor running here. The caller
     * makes sure that no thread enqueues it meanwhile. NetBSD added this call later (NWQ-23 to NWQ-27). Unlike
     * NetBSD's, this one waits for the work's own run and not for the rest of its batch.
     *
     * @param wk any work; the call does not wait for a work that was never enqueued
     * @throws ErrnoException EDEADLK in the work's own callback, or in another callback of the worker on whose queue it
     *     is pending (U5), or of its thread, where queues share threads; EINVAL if the kernel is cold and the work pending (U23); EPERM if the caller must not sleep
     */
    public void waitFor(W wk) {
        boolean done = waitFor(wk, FOREVER);
        assert done;
    }

    /**
     * {@link #waitFor(Work)} within a time.
     *
     * @param wk any work
     * @param atMost how long to wait; zero only looks
     * @return false if the time ran out while the work was still pending or running here
     * @throws ErrnoException as {@link #waitFor(Work)}, and EINVAL for a time that is null or negative
     */
    public boolean waitFor(W wk, Duration atMost) {
        if (wk == null) {
            throw nullWork("workqueue_wait");
        }
        Duration within = Argument.requireTime(atMost, "workqueue_wait on " + name, "atMost");
        Deadline deadline = Deadline.after(within);
        core.requireSleepable(name);
        for (SerialQueue queue : queues) {
            if (queue.needsCaller() && isOn(queue, wk)) {
                throw new ErrnoException(
                        Errno.EDEADLK,
                        "workqueue_wait on " + name + ": the worker that would run " + wk
                                + " is the one that waits: wait on another thread");
            }
        }
        for (SerialQueue queue : queues) {
            if (!isOn(queue, wk)) {
                // A wait puts a fence into every thread of the process, which is too much for each CPU.
                continue;
            }
            Args.warm(kernel, "workqueue_wait on " + name);
            if (!queue.await(() -> !isOn(queue, wk), deadline.left())) {
                return false;
            }
        }
        return true;
    }

    /** The order matters: a worker shows that it runs a work before the work is no longer pending. */
    private static boolean isOn(SerialQueue queue, Work wk) {
        return queue.owns(wk) || queue.isRunning(wk);
    }

    private synchronized void followCpus() {
        if (queueOfCpu == null || destroyed) {
            return;
        }
        List<Cpu> cpus = kernel.cpus();
        for (int i = queues.length; i < cpus.size(); i++) {
            Cpu cpu = cpus.get(i);
            SerialQueue[] longer = Arrays.copyOf(queues, i + 1);
            longer[i] = workers.queue(cpu);
            workers.start(longer[i], cpu);
            queueOfCpu = byCpu(cpus, longer);
            queues = longer;
        }
    }

    private void requireDestroyable() {
        requireWaiter("workqueue_destroy of ");
        if (destroyed) {
            throw destroyedBefore();
        }
    }

    private void requireWaiter(String call) {
        if (SerialQueues.isWorkerOf(queues)) {
            throw new ErrnoException(Errno.EDEADLK, call + name + " in its own callback: call it from another thread");
        }
        core.requireSleepable(name);
    }

    private synchronized boolean becomesDestroyed() {
        boolean first = !destroyed;
        destroyed = true;
        return first;
    }

    private ErrnoException destroyedBefore() {
        return new ErrnoException(Errno.EINVAL, "workqueue_destroy of " + name + ", which is destroyed already");
    }

    @Override
    public String name() {
        return name;
    }

    /**
     * The highest level at which the queue may be used.
     *
     * @return as given to create
     */
    public Ipl ipl() {
        return ipl;
    }

    /** One for each CPU of {@link Kernel#cpus()}, in that order, or a single one. */
    @Override
    public List<WorkerCounters> counters() {
        return SerialQueues.counters(queues);
    }

    /** One for each CPU of {@link Kernel#cpus()}, in that order, or a single one. */
    @Override
    public List<WorkerState> workers() {
        return SerialQueues.states(queues);
    }

    /** Its name. */
    @Override
    public String toString() {
        return "workqueue " + name;
    }
}
