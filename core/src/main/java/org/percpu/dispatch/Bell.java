// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import static org.percpu.dispatch.Memory.INT;
import static org.percpu.dispatch.Memory.LONG;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.LinuxCalls;

/** The word on which a thread sleeps while it waits for interrupts, and a second bell, if it sleeps elsewhere too. */
public final class Bell {
    private final Support support;
    private final ByteBuffer memory;
    private final long word;

    private volatile @Nullable Runnable ringDoor;
    private volatile boolean ringOwed; // a ring may not have been heard

    Bell(Support support, ByteBuffer memory) {
        this.support = support;
        this.memory = memory;
        this.word = support.linux.address(memory) + Memory.BELL;
    }

    /**
     * The thread itself: sleeps until a ring. If the bell was rung since the last sleep, it returns at once. A signal
     * ends the sleep too. The caller then looks for what came.
     *
     * @param nanos longest sleep, or {@link LinuxCalls#FOREVER}
     */
    public void sleepUntilRung(long nanos) {
        if (!INT.compareAndSet(memory, Memory.BELL, 1, 0)) {
            int result = support.linux.futex_wait(word, 0, nanos);
            assert result <= 0;
            // A plain store would not do: after this the thread must see what a ringer wrote before its ring.
            int rung = (int) INT.getAndSet(memory, Memory.BELL, 0);
            assert rung >= 0;
        }
    }

    /**
     * As {@link #sleepUntilRung}, until a moment.
     *
     * @param deadlineNanos of CLOCK_MONOTONIC; {@link Long#MAX_VALUE} for no limit
     */
    public void sleepUntil(long deadlineNanos) {
        if (deadlineNanos == Long.MAX_VALUE) {
            sleepUntilRung(LinuxCalls.FOREVER);
        } else if (!INT.compareAndSet(memory, Memory.BELL, 1, 0)) {
            int result = support.linux.futex_wait_until(word, 0, Math.max(deadlineNanos, 0));
            assert result <= 0;
            int rung = (int) INT.getAndSet(memory, Memory.BELL, 0);
            assert rung >= 0;
        }
    }

    /**
     * The thread itself: whether the bell was rung since its last sleep.
     *
     * @return true if the next sleep returns at once
     */
    public boolean isRung() {
        return (int) INT.getVolatile(memory, Memory.BELL) != 0;
    }

    /** Any thread: ends {@link #sleepUntilRung}. */
    void ring() {
        boolean again = ringOwed;
        try {
            if (again) {
                ringOwed = false;
            }
            if ((int) INT.getAndSet(memory, Memory.BELL, 1) == 0 || again) {
                int woken = support.linux.futex_wake(word, 1);
                assert woken >= 0;
            }
        } catch (Throwable t) {
            // No calls in this block: the caller's stack may be exhausted. The next ring makes up for this one.
            ringOwed = true;
            throw t;
        }
    }

    /** Any thread: rings both bells. */
    public void wakeup() {
        ring();
        Runnable door = ringDoor;
        if (door != null) {
            door.run();
        }
    }

    /**
     * The thread itself: registers a second bell, on which it sleeps. Workers of queues do, and poll when it rings.
     *
     * @param door address of a 32-bit futex word, 1 for rung, that lives as long as the process
     * @param ring rings it from Java
     */
    public void ringAlso(long door, Runnable ring) {
        ringDoor = Argument.requireNonNull(ring, "ringAlso", "ring");
        LONG.setVolatile(memory, Memory.DOOR, door);
    }
}
