// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.NativeInbox;
import org.percpu.ipl.NativeWork;
import org.percpu.ipl.Spl;
import org.percpu.kernel.Condvar;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.Blocking;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.KernelCore;

/**
 * A queue as its workers see it: hands out items, and lets other threads wait for items and for the workers' end.
 *
 * <p>Life: open; then closing, when what is queued still runs and the workers end when they find nothing more; or
 * dropping, when the workers end after the callback they are in and the rest is handed back.
 */
public abstract class ItemQueue {
    private static final Item[] NO_ITEMS = {};
    private static final int FAILURES_AT_ONCE = 10;
    private static final long PAUSE_NANOS = 100_000_000;
    private static final long LOOK_NANOS = 20_000;
    /** By then a processor has long written what it held back, however it orders that. */
    private static final Duration SECOND_LOOK = Duration.ofMillis(1);

    final Kernel kernel;
    final KernelCore core;
    /** Not 0; no other living queue has it. */
    final int number = QueueNumbers.add(this);

    final Inbox inbox = new Inbox();
    final Doorbell doorbell = new Doorbell();
    final Spinning spinning;
    private final String name;
    private final ReentrantLock interlock = new ReentrantLock();
    private final Condvar changed;

    // Made once: a worker that sleeps after each item must not allocate for it.
    private final Blocking<@Nullable Void, RuntimeException> idleWhileOpen = () -> spinThenPark(false);
    private final Blocking<@Nullable Void, RuntimeException> idleWhileClosing = () -> spinThenPark(true);
    private final Blocking<@Nullable Void, RuntimeException> parkWhileOpen = () -> park(false);

    /** A ring has failed, for want of stack or memory, on this queue or another. */
    static volatile boolean ringFailed;

    /** What was taken back and has not been handed out; guarded by itself. */
    final List<Item> released = new ArrayList<>();

    volatile boolean closing;
    volatile boolean dropping;
    private volatile int waiting; // threads in await(), changed under the interlock

    /**
     * The works that C code has posted; null while C code may not post. It is written under the doorbell's monitor and
     * read without. The thread that sets it rings afterwards, and a worker that hears the ring sees it.
     */
    @Nullable
    NativeInbox nativeInbox;

    private boolean nativeClosed; // guarded by doorbell

    ItemQueue(Kernel kernel, String name) {
        this.kernel = kernel;
        this.core = KernelCore.of(kernel);
        this.name = name;
        this.spinning = new Spinning(kernel.waitStrategy());
        this.changed = new Condvar(kernel, name);
    }

    /**
     * The queue's name.
     *
     * @return as given to the constructor
     */
    public final String name() {
        return name;
    }

    /**
     * Makes an item pending and appends it. Allocates nothing, never waits, and makes a system call only if a worker
     * sleeps. What the caller wrote before is visible to the run that this leads to, or that was to come already
     * (OTQ-11).
     *
     * @param item any item
     * @return what became of it
     */
    public final Append append(Item item) {
        while (!item.claim(number)) {
            // A failed compare-and-set orders nothing on some processors. The caller's writes must be out before the
            // look that counts: the worker clears the mark, with a fence, before it reads them.
            VarHandle.fullFence();
            if (isPending(item)) {
                payRingFor(item);
                return Append.PENDING;
            }
        }
        Inbox.Push push = null;
        try {
            push = inbox.push(item);
            if (push == Inbox.Push.RING || doorbell.owed) {
                doorbell.ring();
            }
        } catch (Throwable t) {
            // No calls in here: the caller's stack may be at its end.
            if (push == null) {
                item.owner = 0;
            } else {
                doorbell.owed = true;
                ringFailed = true;
            }
            throw t;
        }
        if (push == Inbox.Push.CLOSED) {
            item.owner = 0;
            return Append.CLOSED;
        }
        return Append.QUEUED;
    }

    /**
     * As {@link #append(Item)}, for an item that carries its call; it takes that when it is pending, so that nobody
     * else writes to it.
     *
     * @param item any item
     * @param func given to the item, as are the arguments
     * @param arg1 first argument
     * @param arg2 second argument
     * @return what became of it
     */
    public final Append append(Item item, @Nullable Object func, @Nullable Object arg1, @Nullable Object arg2) {
        if (!item.claim(number)) {
            payRingFor(item);
            return Append.PENDING;
        }
        Inbox.Push push = null;
        try {
            item.carry(func, arg1, arg2);
            push = inbox.push(item);
            if (push == Inbox.Push.RING || doorbell.owed) {
                doorbell.ring();
            }
        } catch (Throwable t) {
            if (push == null) {
                item.owner = 0;
            } else {
                doorbell.owed = true;
                ringFailed = true;
            }
            throw t;
        }
        if (push == Inbox.Push.CLOSED) {
            item.owner = 0;
            return Append.CLOSED;
        }
        return Append.QUEUED;
    }

    /**
     * Opens a handle by which C code can post an item.
     *
     * @param item which one
     * @param label its name for messages
     * @param ipl level of the queue
     * @param append appends the item, in a worker's thread
     * @return the handle
     */
    public final NativeWork nativeWork(Item item, String label, Ipl ipl, Runnable append) {
        NativeInbox box;
        synchronized (doorbell) {
            box = nativeInbox;
            if (box == null) {
                box = new NativeInbox(doorbell.address(), doorbell::ring);
                if (nativeClosed) {
                    boolean ended = box.end();
                    assert ended;
                }
                nativeInbox = box;
            }
        }
        doorbell.ring();
        return box.open(label, item, ipl, append);
    }

    /** Appends what C code has posted; in the monitor, as {@link #closeInboxes} must not come between the two lists. */
    final void takeNative() {
        NativeInbox box = nativeInbox;
        if (box != null && !box.isEmpty()) {
            synchronized (doorbell) {
                box.moveAll();
            }
        }
    }

    /**
     * Takes nothing more from C code; false if something waits, or C code is in the middle of posting and rings when it
     * is out.
     */
    final boolean closeNative() {
        synchronized (doorbell) {
            nativeClosed = true;
            NativeInbox box = nativeInbox;
            return box == null || box.close();
        }
    }

    /** Worker: takes nothing more from anybody; false if something waits. */
    final boolean closeInboxes() {
        synchronized (doorbell) {
            return closeNative() && !pushIsDue() && inbox.close() && endNative();
        }
    }

    /**
     * Whether a thread has claimed an item that C code may post, and has not pushed it yet; or an error keeps it from that. A post that
     * found the item claimed relies on the run to come, so the inbox must not be closed before. For a worker that has found nothing to
     * run, after no further poster is let in.
     */
    final boolean pushIsDue() {
        NativeInbox box = nativeInbox;
        return box != null && box.hasItem(item -> item instanceof Item mine && owns(mine));
    }

    /**
     * Dropper: takes nothing more; false if something waits, also what the worker has just moved, or a poster inside
     * has marked.
     */
    final boolean closeInbox() {
        synchronized (doorbell) {
            return endNative() && inbox.close();
        }
    }

    /** Worker: lets the thread run that has claimed an item, which may be on the worker's own CPU and below its priority. */
    final void awaitPush() {
        LockSupport.parkNanos(this, LOOK_NANOS);
    }

    private boolean endNative() {
        NativeInbox box = nativeInbox;
        return box == null || box.end();
    }

    final boolean nativeIsBusy() {
        NativeInbox box = nativeInbox;
        return box != null && box.isBusy();
    }

    /**
     * Dropper: lets no poster in any more, and gives those inside a moment to leave. One that stays longer, because
     * Linux does not run it, is told that the queue has ended, or finds that its work was handed back.
     */
    final void expelPosters(Deadline grace) {
        boolean interrupted = false;
        for (boolean out = closeNative(); !out && nativeIsBusy(); out = grace.isOver()) {
            LockSupport.parkNanos(this, LOOK_NANOS);
            interrupted |= Thread.interrupted();
            Spl spl = Spl.currentIfUsed();
            int ran = spl == null ? 0 : spl.poll();
            assert ran >= 0;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** In the monitor: what {@link #takeNative} has in its hands is in neither list. */
    final boolean nativeIsEmpty() {
        synchronized (doorbell) {
            NativeInbox box = nativeInbox;
            return box == null || box.isEmpty();
        }
    }

    /**
     * Whether an item is pending on any queue.
     *
     * @param item any item
     * @return the state when the call looked, which may be stale on return
     */
    public static boolean isPending(Item item) {
        return item.owner() != 0;
    }

    /**
     * Whether an item is pending on this queue.
     *
     * @param item any item
     * @return the state when the call looked, which may be stale on return
     */
    public final boolean owns(Item item) {
        return item.owner() == number;
    }

    /**
     * The queue on which an item is pending; for messages, as it takes longer than {@link #owns}.
     *
     * @param item any item
     * @return null if it is not pending; the state when the call looked, which may be stale on return
     */
    public static @Nullable ItemQueue ownerOf(Item item) {
        int owner = item.owner();
        return owner == 0 ? null : QueueNumbers.get(owner);
    }

    /** Worker: runs items and sleeps while there are none, until it must end. */
    final void work(Worker worker) {
        boolean more = true;
        int failures = 0;
        while (more) {
            try {
                more = runNext(worker);
                failures = 0;
            } catch (Throwable t) {
                // What was in its hands comes first in the next round: runNext() looks after that.
                try {
                    worker.survive(t);
                    if (++failures > FAILURES_AT_ONCE) {
                        LockSupport.parkNanos(this, PAUSE_NANOS);
                    }
                } catch (Throwable again) {
                    doorbell.owed = true;
                }
            }
        }
    }

    /**
     * Worker: runs what comes next, one item or several, and sleeps until it does. A call of its own, so that no local
     * variable of a worker that sleeps keeps the last item.
     *
     * @return false if the worker must end
     */
    abstract boolean runNext(Worker worker);

    /**
     * Worker: nothing in sight; returns when there may be something. Called with the kernel lock as the callbacks have
     * it.
     *
     * @param sawClosing whether the caller knows that the queue is closing, and that another thread will ring when it
     *     matters
     */
    final void idle(boolean sawClosing) {
        core.unlocked(name, sawClosing ? idleWhileClosing : idleWhileOpen);
    }

    /** Worker of an open queue: as idle(), without spinning. */
    final void park() {
        core.unlocked(name, parkWhileOpen);
    }

    private @Nullable Void spinThenPark(boolean sawClosing) {
        for (int looks = 0; spinning.goesOn(looks); looks++) {
            if (!inbox.isEmpty() || closing != sawClosing || doorbell.poll()) {
                return null;
            }
            Thread.onSpinWait();
        }
        return park(sawClosing);
    }

    private @Nullable Void park(boolean sawClosing) {
        if (inbox.park()) {
            // A close() that came before the marker has not seen it and does not ring.
            if (closing == sawClosing || !inbox.unpark()) {
                long begin = System.nanoTime();
                // For thread dumps, which otherwise show a thread that runs native code.
                LockSupport.setCurrentBlocker(this);
                try {
                    doorbell.await();
                } finally {
                    LockSupport.setCurrentBlocker(null);
                }
                spinning.parked(System.nanoTime() - begin);
            }
        }
        return null;
    }

    /** Something that {@link #await} may wait for has changed, before this call in program order. */
    public final void itemLeft() {
        // For the compiler. Whoever leaves it at that has no fence for the processor, which may look before the change
        // can be seen.
        VarHandle.releaseFence();
        if (waiting != 0) {
            wakeWaiters();
        }
    }

    /** Worker: it ends. */
    final void leave(Worker worker) {
        try {
            workerLeft(worker);
        } catch (Throwable t) {
            worker.survive(t);
            workerLeft(worker);
        }
        wakeWaiters();
    }

    /** A worker ends. */
    abstract void workerLeft(Worker worker);

    /** A caller that finds an item pending relies on a run that is to come. */
    private void payRingFor(Item item) {
        if (ringFailed) {
            ItemQueue owner = ownerOf(item);
            if (owner != null) {
                owner.payRing();
            }
        }
    }

    /** Any thread: a sleeper that an earlier caller failed to wake is woken. */
    final void payRing() {
        if (doorbell.owed) {
            doorbell.ring();
        }
    }

    final void wakeWaiters() {
        interlock.lock();
        try {
            changed.broadcast();
        } finally {
            unlock();
        }
    }

    /**
     * Sleeps, with the kernel lock dropped, until a condition holds that this queue's workers make true.
     *
     * <p>A worker changes something and looks for waiters; a waiter counts itself and looks for the change. With a
     * fence between on both sides one would see the other. A worker of a serial queue has none, as it would pay for it
     * with each item: its look may miss a waiter whose look misses the change. That can be so only in the moment when
     * the waiter comes; so it looks a second time soon after, whatever wakes it in between.
     *
     * @param condition cheap, and free of locks
     * @param atMost how long to wait
     * @return whether it holds
     */
    @SuppressWarnings("NonAtomicVolatileUpdate") // waiting changes under the interlock
    public final boolean await(BooleanSupplier condition, Duration atMost) {
        core.requireSleepable(name);
        Deadline deadline = Deadline.after(atMost);
        payRing();
        interlock.lock();
        waiting++;
        // Not before: the time counts from when workers may see that somebody waits.
        Deadline secondLook = Deadline.after(SECOND_LOOK);
        boolean looksAgain = true;
        try {
            while (!condition.getAsBoolean()) {
                long left = deadline.left().toNanos();
                if (left == 0) {
                    return false;
                }
                long sleep =
                        looksAgain ? Math.min(left, Math.max(secondLook.left().toNanos(), 1)) : left;
                if (sleep == Long.MAX_VALUE) {
                    changed.await(interlock);
                } else {
                    changed.await(interlock, sleep, TimeUnit.NANOSECONDS);
                }
                looksAgain &= !secondLook.isOver();
            }
            return true;
        } finally {
            waiting--;
            unlock();
        }
    }

    /** Whoever could take it can also release it, at the second try at the latest. */
    private void unlock() {
        try {
            interlock.unlock();
        } catch (Throwable t) {
            if (interlock.isHeldByCurrentThread()) {
                interlock.unlock();
            }
            throw t;
        }
    }

    /** Lets the workers end when they find nothing more to run. */
    public final void close() {
        closing = true;
        if (inbox.unpark() || doorbell.owed) {
            doorbell.ring();
        }
        wakeWaiters();
    }

    /**
     * Lets no further callback begin; {@link #takeBack} follows.
     *
     * @param interrupt whether to interrupt the callbacks that run
     */
    final void stop(boolean interrupt) {
        dropping = true;
        if (interrupt) {
            for (Worker worker : workers()) {
                worker.interruptIfBusy();
            }
        }
    }

    /**
     * Takes back everything that has not started, into {@link #released}; `dropping` is set. Any number of threads may
     * do so, and again after an error.
     */
    abstract void takeBack(Deadline grace);

    /** Ends an item's being pending, without a call. */
    static void free(Item item) {
        item.older = null;
        item.newer = null;
        item.owner = 0;
    }

    /** What was taken back, to whoever asks first. */
    final Item[] handOut() {
        synchronized (released) {
            Item[] items = released.toArray(NO_ITEMS);
            released.clear();
            return items;
        }
    }

    /** What was handed out did not reach the caller. */
    final void handBack(Item[] items) {
        synchronized (released) {
            boolean added = released.addAll(Arrays.asList(items));
            assert added || items.length == 0;
        }
    }

    /** Those made so far. */
    abstract List<Worker> workers();

    /**
     * Whether every worker has ended.
     *
     * @return true from then on
     */
    public abstract boolean ended();

    /**
     * Whether the calling thread is a worker of this queue.
     *
     * @return true in its callbacks
     */
    public abstract boolean isWorker();

    /** The name, for messages about items that are pending here. */
    @Override
    public final String toString() {
        return "queue " + name;
    }
}
