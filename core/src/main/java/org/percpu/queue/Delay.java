// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import org.jspecify.annotations.Nullable;
import org.percpu.clock.Clock;
import org.percpu.clock.Clocks;
import org.percpu.clock.Timer;
import org.percpu.cpu.Cpu;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.Reports;

/** The timer of an item that can wait for its time. It belongs to the caller's object, as the item does. */
public final class Delay extends Timer {
    /** The clock tries so often to hand an item to its queue, if errors keep it from that. */
    private static final int TRIES = 3;

    final Item item;

    /** The queue on which the item waits, or null. Changed under the monitor of that queue's {@link Delays}. */
    volatile @Nullable Delays waitsOn;

    // The list of the queue, under the same monitor.
    @Nullable
    Delay older;

    @Nullable
    Delay newer;

    /**
     * The timer of an item.
     *
     * @param kernel whose clocks it uses
     * @param item that it hands to a queue
     */
    public Delay(Kernel kernel, Item item) {
        super(Clocks.of(kernel), true);
        this.item = item;
    }

    /**
     * The kernel.
     *
     * @return whose clocks it uses
     */
    public Kernel kernel() {
        return timerClocks().kernel();
    }

    /**
     * Arms or moves the timer, on the clock of a CPU if it can go there. A call for an earlier time may be on its way on
     * the clock where it is; then it stays there.
     *
     * @param cpu of the queue, or null for the caller's
     */
    int arm(@Nullable Cpu cpu, long moment) {
        Clock near = cpu == null ? null : timerClocks().of(cpu);
        int unused = bindTimer(near == null ? timerClocks().current() : near);
        return armTimer(moment, item, null);
    }

    boolean isArmed() {
        return (timerState() & PENDING) != 0;
    }

    /** Takes the timer off its clock. If an error prevents that, it fires and finds nothing to do. */
    void disarm() {
        int found = cancelTimer();
        assert found >= 0;
    }

    @Override
    protected void callTimer(Object called, @Nullable Object with) {
        Delays queue = waitsOn;
        if (queue == null) {
            return;
        }
        for (int tries = 1; ; tries++) {
            try {
                queue.expire(this);
                return;
            } catch (Throwable t) {
                if (tries == TRIES) {
                    throw t;
                }
            }
        }
    }

    /** The queue reports the item. */
    @Override
    protected boolean isReportedIfDropped() {
        return false;
    }

    /** The name of the item. */
    @Override
    public String toString() {
        return Reports.nameOf(item);
    }
}
