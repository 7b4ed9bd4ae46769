// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.percpu.intr.NativeWork;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.Awaiting;
import org.percpu.lwp.Blocking;
import org.percpu.lwp.KernelCore;

/**
 * The part of a queue that its workers use, and the threads that wait for the workers. It defines where a worker sleeps
 * and whether it must end.
 */
public abstract class Outlet extends Inlet {
    final Kernel kernel;
    final KernelCore core;
    final Spinning spinning;
    final NativeDoor door;
    final Waiters waiters;

    // These objects are made once, so that a worker that sleeps after each item allocates nothing.
    private final Blocking<@Nullable Void, RuntimeException> idleWhileOpen = () -> spinThenPark(false);
    private final Blocking<@Nullable Void, RuntimeException> idleWhileClosing = () -> spinThenPark(true);
    private final Blocking<@Nullable Void, RuntimeException> parkWhileOpen = () -> park(false);

    volatile boolean closing;
    volatile boolean dropping;

    Outlet(Kernel kernel, String name, NativeDoor door) {
        super(name, door.doorbell);
        Names.ready();
        this.door = door;
        this.kernel = kernel;
        this.core = KernelCore.of(kernel);
        this.spinning = new Spinning(kernel.waitStrategy());
        this.waiters = new Waiters(core, name);
    }

    /**
     * Opens a handle by which C code can post an item.
     *
     * @param item the item
     * @param label the item's name for messages
     * @param ipl the level of the queue
     * @param append appends the item, in a worker's thread
     * @return the handle
     */
    public final NativeWork nativeWork(Item item, String label, Ipl ipl, Runnable append) {
        return door.open(item, label, ipl, append);
    }

    /**
     * Worker: waits while there is nothing to run. Returns when there may be something. The worker holds the kernel
     * lock if the callbacks hold it.
     *
     * @param sawClosing whether the caller knows that the queue is closing, and that another thread rings when
     *     something has to be done
     */
    final void idle(boolean sawClosing) {
        core.idle(name(), sawClosing ? idleWhileClosing : idleWhileOpen);
    }

    /** Worker of an open queue: as idle(), but without spinning. */
    final void park() {
        core.idle(name(), parkWhileOpen);
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
            // A close() that came before the marker was set has not seen the marker, and does not ring.
            if (closing == sawClosing || !inbox.unpark()) {
                long begin = System.nanoTime();
                // For thread dumps: otherwise they show a thread that runs native code.
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

    /** How many items wait that have not begun. Any thread may ask; an estimate while others go on. */
    abstract long depth();

    /** The threads of workers that are in a callback. Any thread may ask. */
    abstract List<Thread> busyThreads();

    /** How many items have begun. Any thread may ask. */
    abstract long begun();

    /** How many items were taken back. Any thread may ask. */
    abstract long deleted();

    /** Called after a change for which {@link #await} may wait. The change stands before this call in program order. */
    public final void itemLeft() {
        waiters.itemLeft();
    }

    /**
     * Sleeps, with the kernel lock dropped, until a condition holds. The workers of this queue make the condition true.
     *
     * @param condition cheap, and free of locks
     * @param atMost how long to wait
     * @return whether the condition holds
     */
    public final boolean await(BooleanSupplier condition, Duration atMost) {
        core.requireSleepable(name());
        payRing();
        Awaiting.begin(this::busyThreads);
        try {
            return waiters.await(condition, atMost);
        } finally {
            Awaiting.end();
        }
    }

    /** Lets the workers end when they find nothing more to run. */
    public void close() {
        closing = true;
        boolean rung = false;
        try {
            if (inbox.unpark() || doorbell.owed) {
                doorbell.ring();
            }
            rung = true;
        } finally {
            if (!rung) {
                // A thread that closes the queue again rings.
                doorbell.owed = true;
            }
        }
        waiters.wakeAll();
    }
}
