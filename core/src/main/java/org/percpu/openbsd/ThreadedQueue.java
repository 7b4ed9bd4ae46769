// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.openbsd;

import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.dispatch.Dispatchers;
import org.percpu.dispatch.LevelRules;
import org.percpu.intr.NativeWork;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelQueue;
import org.percpu.kernel.WorkerCounters;
import org.percpu.kernel.WorkerState;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.Listing;
import org.percpu.lwp.Lwp;
import org.percpu.queue.Args;
import org.percpu.queue.Call;
import org.percpu.queue.Delay;
import org.percpu.queue.Disabling;
import org.percpu.queue.Ending;
import org.percpu.queue.Item;
import org.percpu.queue.SharedQueue;
import org.percpu.thread.Sched;

/**
 * What taskq and workq have in common: a state, threads that are made when threads can be made, and a draining destroy.
 */
final class ThreadedQueue {
    private static final int MAX_THREADS = 4096;

    private enum State {
        /** No threads yet: the kernel is cold. */
        CREATED,
        RUNNING,
        /** No thread could be made when the kernel became warm. */
        FAILED,
        DESTROYED
    }

    final SharedQueue queue;
    final Kernel kernel;
    private final KernelCore core;
    private final Listing listing;
    private final String page;
    private final String name;
    private final Ipl ipl;
    private final int nthreads;
    private final Set<Lwp.Flag> flags;
    private final boolean system;
    /** The wait message that a thread's state shows while it waits for the end. */
    private final String endMessage;

    /** Of a queue of the system. */
    private final ThreadOnDemand thread;

    // Guarded by this.
    private boolean listed; // of a queue of the system
    private boolean creating = true;
    private boolean ran;
    private volatile State state = State.CREATED;

    /**
     * Checks the arguments; {@link #makeThreads} follows.
     *
     * @param page prefix of the page's functions, for messages
     * @param face what the kernel lists
     */
    ThreadedQueue(
            Kernel kernel,
            String page,
            String name,
            int nthreads,
            Ipl ipl,
            Set<Lwp.Flag> flags,
            Supplier<Call> calls,
            KernelQueue face,
            boolean system) {
        String call = page + "_create";
        Argument.requireNonNull(kernel, call, "kernel");
        Argument.requireNonNull(name, call, "name");
        Argument.requireNonNull(ipl, call, "ipl");
        Args.name(name, call);
        if (nthreads < 1 || nthreads > MAX_THREADS) {
            throw new ErrnoException(
                    Errno.EINVAL, call + " of " + name + ": " + nthreads + " threads; must be 1 to " + MAX_THREADS);
        }
        this.kernel = kernel;
        this.core = KernelCore.of(kernel);
        this.listing = new Listing(name, face, this::end, () -> {});
        this.page = page;
        this.name = name;
        this.ipl = ipl;
        this.nthreads = nthreads;
        this.flags = EnumSet.of(Lwp.Flag.WORKER);
        this.flags.addAll(flags);
        this.system = system;
        this.thread = new ThreadOnDemand(core, name, this::list, this::makeThread);
        this.endMessage = page.equals("taskq") ? "tqdestroy" : "wqdestroy";
        try {
            this.queue = new SharedQueue(kernel, name, calls, flags.contains(Lwp.Flag.MPSAFE), nthreads == 1);
        } catch (OutOfMemoryError e) {
            throw new ErrnoException(
                    Errno.ENOMEM, call + " of " + name + ": no memory for the queue (" + e.getMessage() + ")", e);
        }
    }

    /** Makes the threads now, or when the kernel becomes warm. */
    void makeThreads() {
        core.requireOpen(page + " " + name);
        if (!kernel.isCold()) {
            core.requireSleepable(name);
        }
        if (!core.add(listing)) {
            throw core.closed(page + " " + name);
        }
        boolean done = false;
        try {
            kernel.whenWarm(this::threadsCanBeMade);
            done = true;
        } finally {
            synchronized (this) {
                creating = false;
            }
            if (!done) {
                core.remove(listing);
            }
        }
    }

    /** For a queue of the system: makes its thread, unless it has one. */
    void ensureThread() {
        if (state != State.DESTROYED) {
            thread.ensure();
        }
    }

    /** For a queue of the system: true if its thread is made, or will be when the kernel is warm. */
    private boolean makeThread() {
        list();
        if (core.boot().isCold()) {
            synchronized (this) {
                creating = false;
            }
            core.boot().whenWarm(this::threadsCanBeMade);
            return true;
        }
        synchronized (this) {
            if (state == State.DESTROYED) {
                return false;
            }
            state = State.RUNNING;
            ran = true;
        }
        boolean made = false;
        try {
            queue.start(kernel.thread(name, null, Sched.DEFAULT), flags);
            made = true;
        } catch (ErrnoException | OutOfMemoryError e) {
            throw failure(0, e);
        } finally {
            if (!made) {
                noThread();
            }
        }
        return made;
    }

    private void noThread() {
        boolean destroyed;
        synchronized (this) {
            destroyed = state == State.DESTROYED;
            if (!destroyed) {
                state = State.CREATED;
            }
            ran = false;
        }
        if (destroyed) {
            report(end(0));
        } else if (!queue.hasItems()) {
            unlist();
        }
    }

    private synchronized void list() {
        if (!listed) {
            if (!core.add(listing)) {
                throw core.closed(page + " " + name);
            }
            listed = true;
        }
    }

    private synchronized void unlist() {
        listed = false;
        core.remove(listing);
    }

    /**
     * During create, a failure is reported to the creator (U13). Later it is reported on the console and to callers
     * that add a task.
     */
    private void threadsCanBeMade() {
        boolean inCreate;
        synchronized (this) {
            if (state == State.DESTROYED) {
                return;
            }
            inCreate = creating;
            state = State.RUNNING;
            ran = true;
        }
        for (int made = 0; made < nthreads; made++) {
            try {
                queue.start(kernel.thread(name, null, Sched.DEFAULT), flags);
            } catch (RuntimeException | Error e) {
                if (inCreate) {
                    end(made);
                    if (e instanceof ErrnoException || e instanceof OutOfMemoryError) {
                        throw failure(made, e);
                    }
                    throw e;
                }
                ErrnoException failure = failure(made, e);
                core.reports().console(String.valueOf(failure.getMessage()));
                if (made == 0) {
                    synchronized (this) {
                        ran = false;
                        if (state != State.DESTROYED) {
                            state = State.FAILED;
                        }
                    }
                    report(end(made));
                }
                return;
            }
        }
    }

    /** Without a worker there is nothing to wait for. */
    private List<Object> end(int made) {
        return Ending.ofUnlisted(kernel, queue).run(made == 0 ? Duration.ZERO : KernelQueue.FOREVER);
    }

    private ErrnoException failure(int made, Throwable e) {
        Errno errno = e instanceof ErrnoException known ? known.errno() : Errno.ENOMEM;
        return new ErrnoException(
                errno,
                page + "_create of " + name + ": thread " + (made + 1) + " of " + nthreads + " could not be made ("
                        + e.getMessage() + ")",
                e);
    }

    private void report(List<Object> neverRun) {
        for (Object item : neverRun) {
            core.reports().console(page + " " + name + ": " + item + " was never run");
        }
    }

    /** Refuses callers above the queue's level (U11). */
    void requireLevel(String call) {
        String wrong = LevelRules.above(ipl.rank(), Ipl.NONE.rank());
        if (wrong != null) {
            // System queues are never created with another level.
            String remedy = system ? wrong.replace("create the queue", "create a queue of your own") : wrong;
            throw new ErrnoException(Errno.EPERM, call + " on " + name + " " + remedy);
        }
    }

    ErrnoException isNull(String call, String argument) {
        return new ErrnoException(Errno.EINVAL, call + " on " + name + ": " + argument + " is null");
    }

    NativeWork nativeWork(Item item, Runnable append) {
        requireOpen("a handle");
        return queue.nativeWork(item, item + " of " + page + " " + name, ipl, append);
    }

    /** Says why nothing can be added, if so. */
    void requireOpen(String call) {
        if (Dispatchers.isUsed()) {
            requireLevel(call);
        }
        State now = state;
        if (now == State.FAILED) {
            throw new ErrnoException(
                    Errno.EAGAIN,
                    call + " on " + name + ", which got no thread when the kernel became warm: nothing would run it");
        }
        // While it drains, its own tasks may add more (OTQ-27).
        if (now == State.DESTROYED && !queue.isWorker()) {
            throw destroyed(call);
        }
    }

    ErrnoException destroyed(String call) {
        return new ErrnoException(Errno.ESHUTDOWN, call + " on " + name + ", which is destroyed: nothing was added");
    }

    /** Sleeps until everything queued has run (OTQ-27), or returns at once if there were no threads yet (OTQ-26). */
    void destroy() {
        String call = page + "_destroy of " + name;
        if (system) {
            throw new ErrnoException(Errno.EINVAL, call + ": it is a queue of the system, and ends with its kernel");
        }
        if (close(call) == State.DESTROYED) {
            throw new ErrnoException(Errno.EINVAL, call + ", which is destroyed already");
        }
        report(end(call).run(KernelQueue.FOREVER));
    }

    /** The queue is destroyed, or has no thread: a caller that waits to add a task would wait in vain. */
    boolean takesNoMore() {
        State now = state;
        return now == State.DESTROYED || now == State.FAILED;
    }

    List<Object> drainAndDestroy(Duration atMost) {
        String call = "drain of " + page + " " + name;
        Argument.requireTime(atMost, call, "atMost");
        if (system && !kernel.isClosed()) {
            throw new ErrnoException(Errno.EINVAL, call + ": it is a queue of the system, and ends with its kernel");
        }
        return end(call).run(atMost);
    }

    Ending end() {
        return end("end of " + page + " " + name);
    }

    private Ending end(String call) {
        return new Ending(
                kernel,
                () -> new SharedQueue[] {queue},
                () -> {
                    State before = close(call);
                    return before == State.RUNNING || (before == State.DESTROYED && hasRun());
                },
                () -> core.remove(listing));
    }

    private synchronized boolean hasRun() {
        return ran;
    }

    /** The state before; afterwards it is destroyed. */
    private State close(String call) {
        if (queue.isWorker()) {
            throw new ErrnoException(Errno.EDEADLK, call + " in its own task: call it from another thread");
        }
        synchronized (this) {
            State before = state;
            if (ran) {
                core.requireSleepable(endMessage);
            }
            state = State.DESTROYED;
            return before;
        }
    }

    /** Everything before the call is done when it returns (OTQ-31). */
    boolean barrier(String call, Duration atMost) {
        Duration within = Argument.requireTime(atMost, call, "atMost");
        if (state == State.CREATED) {
            throw new ErrnoException(
                    Errno.EINVAL,
                    call + " on " + name
                            + ", which has no threads before the kernel is warm: it would wait for ever; call"
                            + " Kernel.warm first");
        }
        requireMaySleep(call);
        return queue.barrier(within);
    }

    boolean takeOff(@Nullable Item item, @Nullable Delay timer) {
        return Disabling.takeOff(requireItem("a cancel", item), timer, "a cancel on " + name, queue);
    }

    boolean disable(@Nullable Item item, @Nullable Delay timer) {
        return Disabling.disable(requireItem("a disable", item), timer, "a disable on " + name, queue);
    }

    boolean enable(@Nullable Item item) {
        if (item == null) {
            throw isNull("an enable", "task");
        }
        return Disabling.enable(item, "an enable on " + name);
    }

    boolean disableAndWait(@Nullable Item item, @Nullable Delay timer) {
        requireMaySleep("a disable");
        Item mine = requireItem("a disable", item);
        boolean queued = Disabling.disable(mine, timer, "a disable on " + name, queue);
        boolean done = queue.awaitNotRunning(mine, KernelQueue.FOREVER);
        assert done;
        return queued;
    }

    private Item requireItem(String call, @Nullable Item item) {
        if (item == null) {
            throw isNull(call, "task");
        }
        if (Dispatchers.isUsed()) {
            requireLevel(call);
        }
        return item;
    }

    void requireMaySleep(String call) {
        Lwp lwp = Lwp.current();
        if (lwp != null && lwp.is(Lwp.Flag.CANTSLEEP)) {
            throw new ErrnoException(
                    Errno.EDEADLK, call + " on " + name + " in a task of a TASKQ_CANTSLEEP queue: it must not sleep");
        }
        core.requireSleepable(name);
    }

    /** Refuses callers that must not sleep. */
    void requireSleepable() {
        core.requireSleepable(name);
    }

    String label() {
        return page + " " + name;
    }

    String name() {
        return name;
    }

    Ipl ipl() {
        return ipl;
    }

    List<WorkerCounters> counters() {
        return queue.counters();
    }

    List<WorkerState> workers() {
        return queue.states();
    }
}
