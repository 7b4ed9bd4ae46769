// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.percpu.intr.NativeWork;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.Blocking;
import org.percpu.lwp.KernelCore;

/** A queue as one of its workers sees it, and those who wait for the worker: where it sleeps and whether it must end. */
public abstract class Outlet extends Inlet {
    final Kernel kernel;
    final KernelCore core;
    final Spinning spinning;
    final NativeDoor door = new NativeDoor(doorbell);
    final Waiters waiters;

    // Made once: a worker that sleeps after each item must not allocate for it.
    private final Blocking<@Nullable Void, RuntimeException> idleWhileOpen = () -> spinThenPark(false);
    private final Blocking<@Nullable Void, RuntimeException> idleWhileClosing = () -> spinThenPark(true);
    private final Blocking<@Nullable Void, RuntimeException> parkWhileOpen = () -> park(false);

    volatile boolean closing;
    volatile boolean dropping;

    Outlet(Kernel kernel, String name) {
        super(name);
        this.kernel = kernel;
        this.core = KernelCore.of(kernel);
        this.spinning = new Spinning(kernel.waitStrategy());
        this.waiters = new Waiters(kernel, name);
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
        return door.open(item, label, ipl, append);
    }

    /**
     * Worker: nothing in sight; returns when there may be something. Called with the kernel lock as the callbacks have
     * it.
     *
     * @param sawClosing whether the caller knows that the queue is closing, and that another thread will ring when it
     *     matters
     */
    final void idle(boolean sawClosing) {
        core.unlocked(name(), sawClosing ? idleWhileClosing : idleWhileOpen);
    }

    /** Worker of an open queue: as idle(), without spinning. */
    final void park() {
        core.unlocked(name(), parkWhileOpen);
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
        waiters.itemLeft();
    }

    /**
     * Sleeps, with the kernel lock dropped, until a condition holds that this queue's workers make true.
     *
     * @param condition cheap, and free of locks
     * @param atMost how long to wait
     * @return whether it holds
     */
    public final boolean await(BooleanSupplier condition, Duration atMost) {
        core.requireSleepable(name());
        payRing();
        return waiters.await(condition, atMost);
    }

    /** Lets the workers end when they find nothing more to run. */
    public final void close() {
        closing = true;
        boolean rung = false;
        try {
            if (inbox.unpark() || doorbell.owed) {
                doorbell.ring();
            }
            rung = true;
        } finally {
            if (!rung) {
                // Whoever closes it again rings.
                doorbell.owed = true;
            }
        }
        waiters.wakeAll();
    }
}
