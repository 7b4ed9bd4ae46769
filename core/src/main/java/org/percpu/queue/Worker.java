// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.VarHandle;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.percpu.dispatch.Dispatcher;
import org.percpu.dispatch.Dispatchers;
import org.percpu.dispatch.NativeInbox;
import org.percpu.dispatch.Undrained;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.kernel.WorkerCounters;
import org.percpu.kernel.WorkerState;
import org.percpu.lwp.BigLock;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.Lwp;
import org.percpu.lwp.Reports;
import org.percpu.thread.CpuThread;

/** One kernel thread that runs what its queue hands it. */
final class Worker extends WorkerProgress {
    /** The most links that a walk follows: links may lead on and on while their items change owners. */
    private static final int MOST_LOOKS = 1 << 24;

    /**
     * A look at the clock costs some 25 ns. A worker takes one after so many callbacks, or after each one if the
     * callbacks since the last look have taken longer than this.
     */
    private static final long SLOW_NANOS = 200_000;

    private static final int RUNS_BETWEEN_CLOCKS = 256;

    private final Kernel kernel;
    private final KernelCore core;
    private final BigLock lock;
    private final Outlet queue;
    private final NativeDoor door;
    private final Call call;
    private final boolean mpsafe;
    private final Undrained undrained = new Undrained();
    final WorkerCounters counters;
    final Stopwatch watch;

    // Only the worker uses these fields.
    private int lastId;
    private boolean hears;
    boolean called; // an error came after the callback of the item that has begun

    @Nullable
    Item lost; // an item that could not be called and is to be reported

    /** The callback ran out of memory or stack, perhaps in its drain. So the posted values wait for the next run. */
    private boolean starved;

    private long nextClock = 1; // at so many callbacks
    private boolean
            timed; // whether somebody wanted to know how long works run when the worker last looked at the clock

    /** For a shared queue, under its lock: the worker counts as idle. */
    boolean asleep;

    /** For a shared queue, under its lock: the worker does not count any more. */
    boolean gone;

    // For a shared queue: what an error has left to do.
    @Nullable
    Item begun; // an item that has begun and was not called

    @Nullable
    Item unstarted; // the rest of a portion

    int failures;

    private volatile @Nullable Lwp lwp;

    @SuppressWarnings("UnusedVariable") // keeps what lies behind off the line
    private int q00, q01, q02, q03, q04, q05, q06, q07, q08, q09, q10, q11, q12, q13, q14, q15;

    Worker(Outlet queue, Call call, boolean mpsafe) {
        this.kernel = queue.kernel;
        this.core = queue.core;
        this.queue = queue;
        this.door = queue.door;
        this.call = call;
        this.mpsafe = mpsafe;
        this.lock = core.lock();
        this.clock = System.nanoTime();
        this.watch = new Stopwatch(kernel.timing());
        this.timed = watch.look();
        this.counters = new CountersOfWorker(this, queue, watch, this::lwp, this::running);
    }

    /** Makes the thread; its function is the body. */
    void start(CpuThread.Builder thread, Set<Lwp.Flag> flags, Runnable body) {
        if (kernel.waitStrategy() != WaitStrategy.BUSY_SPIN) {
            lwp = Lwp.create(core, thread, flags, body);
            return;
        }
        // The worker must not spin before the policy that it was granted is known to be harmless.
        CompletableFuture<Boolean> admission = new CompletableFuture<>();
        Lwp made = Lwp.create(core, thread, flags, () -> {
            if (admission.join()) {
                body.run();
            }
        });
        lwp = made;
        boolean admitted = false;
        try {
            SpinGuard.admit(this, made.state(), kernel.topology().allowed());
            admitted = true;
        } finally {
            admission.complete(admitted);
            // In a cold kernel the thread is released when it first runs.
            if (!admitted && !kernel.isCold()) {
                boolean gone = made.awaitGone(Deadline.after(Deadline.FOREVER));
                assert gone;
            }
        }
    }

    /** In the thread, before it looks for the first item. A callback may ask for its worker before start() returns. */
    void begins() {
        lwp = Lwp.current();
    }

    /** In the thread, which looks for no more items. */
    void ends() {
        current = 0;
        if (kernel.waitStrategy() == WaitStrategy.BUSY_SPIN) {
            SpinGuard.leave(this);
        }
        batch = null;
    }

    /**
     * Makes an item the one that runs here; its release follows. The order matters: a thread that finds the item no
     * longer pending finds it {@linkplain #isRunning running} here.
     *
     * <p>The item has the {@linkplain #name id} by which it is known.
     */
    void begin(Item item) {
        announce(item);
        load(item);
    }

    /** The first step of {@link #begin}, after which the item may turn out to be no longer pending. */
    void announce(Item item) {
        // A release store, as it also tells that the callback before has ended.
        CURRENT.setRelease(this, name(item));
    }

    /** The second step. */
    void load(Item item) {
        if (timed) {
            watch.load(item);
        }
        call.load(item);
    }

    /**
     * Returns the item's id, after giving it one if it has none. An item is known by a number that the first worker gives
     * it, for good, while it is pending and no other thread writes it. The numbers start again when 2^32 of them have
     * been given. If two items shared an id, a waiter could mistake one for the other.
     */
    int name(Item item) {
        int id = item.id;
        if (id == 0) {
            id = ItemIds.next(lastId);
            lastId = id;
            item.id = id;
        }
        return id;
    }

    /** The worker has slept, or spun for long. */
    void clock(long now) {
        clock = now;
        timed = watch.look();
    }

    /**
     * Calls the function of the item that has {@linkplain #begin begun} here and been released. An error that is not
     * the callback's is thrown; then {@link #called} tells whether the callback has been called.
     */
    void run(Item item) {
        NativeInbox inbox = door.inbox;
        boolean posted = inbox != null && undrained.before(inbox, item);
        if (posted) {
            starved = false;
        }
        // An interrupt that an earlier callback or another thread has left is not for this callback.
        if (Thread.interrupted() && queue.dropping) {
            // The interrupt may come from a stop, which found this callback about to begin.
            Thread.currentThread().interrupt();
        }
        boolean measured = timed;
        long start = measured ? watch.begin(item) : 0;
        try {
            try {
                call.invoke(item);
            } catch (Throwable t) {
                starved = t instanceof VirtualMachineError;
                call.threw();
                failed(item, t);
            }
            balance();
            if (measured) {
                longestNanos = Math.max(longestNanos, watch.end(queue.name(), item, current, start));
            }
            long ran = (long) EXECUTED.getOpaque(this) + 1;
            EXECUTED.setOpaque(this, ran);
            if (ran >= nextClock) {
                long now = System.nanoTime();
                nextClock = ran + (now - clock > SLOW_NANOS ? 1 : RUNS_BETWEEN_CLOCKS);
                clock(now);
            }
            if (posted && !starved) {
                undrained.after();
            }
        } catch (Throwable t) {
            // Set here, so that a run without an error does not pay for it. A call of a method could fail.
            called = true;
            throw t;
        }
    }

    /** The worker looks for more and has no item. */
    void idle() {
        done();
        VarHandle.fullFence();
        queue.waiters.itemLeft();
    }

    /** As {@link #idle}, for a caller that puts a full fence before it calls {@link Outlet#itemLeft}. */
    void done() {
        CURRENT.setRelease(this, 0);
        BATCH.setOpaque(this, null);
    }

    /**
     * Called before the worker sleeps on the queue's doorbell: lines that a callback has established on this thread
     * must ring that doorbell.
     */
    void answerInterrupts() {
        Dispatcher spl = Dispatchers.currentIfUsed();
        if (spl == null) {
            return;
        }
        if (!hears) {
            hears = true;
            spl.bell().ringAlso(queue.doorbell.address(), queue.doorbell::ring);
        }
        int ran = spl.poll();
        assert ran >= 0;
    }

    /** Makes this a worker without a thread of its own, which runs its items on the thread of another one. */
    void shares(Worker other) {
        lwp = other.lwp;
    }

    /** Returns the item in whose callback the worker is, or null; also null if the worker has gone on meanwhile. */
    @Nullable
    Item running() {
        int id = current;
        return id == 0 ? null : running(id);
    }

    boolean isRunning(Item item) {
        int id = item.id;
        return id != 0 && id == current;
    }

    /** Any thread: how many items have begun here. */
    long begun() {
        long ran = executed;
        return ran + (isBusy() ? 1 : 0);
    }

    @Nullable
    Lwp lwp() {
        return lwp;
    }

    boolean isBusy() {
        return current != 0;
    }

    /** A worker that has just become idle is interrupted in its own waits, which go on. */
    void interruptIfBusy() {
        Lwp mine = lwp;
        if (mine != null && isBusy()) {
            mine.thread().thread().interrupt();
        }
    }

    /** Waits until Linux no longer has the worker's thread. Returns true at once if the worker has no thread. */
    boolean awaitGone(Deadline deadline) {
        Lwp mine = lwp;
        return mine == null || mine.awaitGone(deadline);
    }

    boolean isCurrentThread() {
        Lwp mine = lwp;
        return mine != null && mine == Lwp.current();
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    void failed(Object item, Throwable thrown) {
        faults++;
        core.reports().fault(queue.name(), item, thrown);
    }

    private void balance() {
        balanceKernelLock();
        if (Dispatchers.isUsed()) {
            balanceLevel();
        }
    }

    /**
     * Handles an error that is not a callback's: the library, or code that it called, ran out of memory or stack. The
     * worker reports the error, completes what the error may have left undone, and goes on.
     */
    void survive(Throwable thrown) {
        Item untold = lost;
        lost = null;
        failed(untold != null ? untold : queue, thrown);
        try {
            balance();
            queue.doorbell.owed = true;
            queue.waiters.wakeAll();
        } catch (Throwable t) {
            failed(queue, t);
        }
    }

    /**
     * The next callback starts at NONE with no spin mutex held, and interrupts established on the worker run between
     * callbacks.
     */
    private void balanceLevel() {
        Dispatcher spl = Dispatchers.currentIfUsed();
        if (spl == null) {
            return;
        }
        String left = spl.leaveAll();
        if (left != null) {
            core.reports().console("queue " + queue.name() + ": a callback returned " + left + "; put right");
        }
        int ran = spl.poll();
        assert ran >= 0;
    }

    /** A callback that returns, or throws, with holds too many or too few would hand them to the next one. */
    private void balanceKernelLock() {
        int wanted = mpsafe ? 0 : 1;
        int holds = lock.holds();
        if (holds == wanted) {
            return;
        }
        for (int now = holds; now > wanted; now--) {
            lock.unlock();
        }
        for (int now = holds; now < wanted; now++) {
            lock.lock();
        }
        core.reports()
                .console("queue " + queue.name() + ": a callback returned with " + holds
                        + " holds of the kernel lock instead of " + wanted + "; put right");
    }

    /** Returns null while the worker's thread is being made. */
    @Nullable
    WorkerState state(int pending) {
        Lwp mine = lwp;
        if (mine == null) {
            return null;
        }
        int id = current;
        Item item = id == 0 ? null : running(id);
        long nanos = System.nanoTime();
        long began = clock;
        boolean same = id != 0 && id == current;
        String waitsFor = mine.waitsFor();
        if (waitsFor == null && id == 0) {
            // The worker spins, or is between two looks.
            waitsFor = '"' + queue.name() + '"';
        }
        String running = item == null ? (same ? "an item" : null) : Reports.nameOf(item);
        return new WorkerState(
                queue.name(),
                mine.state(),
                pending,
                executed,
                faults,
                longestNanos,
                same ? running : null,
                same ? Math.max(nanos - began, 0) : 0,
                waitsFor);
    }

    /**
     * Returns the item with an id, if this worker still has it; null if the worker has gone on meanwhile. The walk may
     * follow links of items that no longer belong to the queue.
     */
    private @Nullable Item running(int id) {
        Item item = batch;
        for (int i = 0; item != null && i < MOST_LOOKS; i++) {
            if (item.id == id) {
                return item;
            }
            item = queue.owns(item) ? item.older : null;
        }
        return null;
    }

    /** Whether an item that is pending here is in the batch. */
    @SuppressWarnings("ReferenceEquality") // a work may define equals; its place in a queue is identity
    boolean hasInBatch(Item wanted) {
        Item item = batch;
        for (int i = 0; item != null && i < MOST_LOOKS && queue.owns(item); i++) {
            if (item == wanted) {
                return true;
            }
            item = item.older;
        }
        return false;
    }
}
