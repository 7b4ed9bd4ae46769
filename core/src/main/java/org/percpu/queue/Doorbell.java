// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;

/**
 * A futex(2) on a 32-bit word in native memory; the value 1 means rung. Any number of threads may ring and sleep. A
 * ring wakes one sleeper. A ring that comes before the sleep counts too, but several rings count as one. A sleeper may
 * be woken by a ring that was not meant for it: see {@link BellWords}.
 */
class Doorbell {
    private static final VarHandle WORD = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.nativeOrder());

    private final LinuxCalls linux = Backend.linux();
    private final ByteBuffer memory;
    private final long address;

    /**
     * True if a ring has failed because stack or memory ran out. The sleeper may then not have heard the ring, although
     * the word says rung. So the next ring wakes in any case. The field is set without a call, as there may be no stack
     * for one.
     */
    volatile boolean owed;

    /** A bell without a word, for a subclass that rings another one. */
    Doorbell(ByteBuffer none) {
        memory = none;
        address = 0;
    }

    Doorbell() {
        memory = BellWords.of(this, linux);
        address = linux.address(memory);
    }

    /** The address of the word, for C code that may ring at any time. The memory lives as long as the process. */
    long address() {
        return address;
    }

    /** Wakes one sleeper. The first ring after a ring was heard costs a system call; the following ones do not. */
    void ring() {
        try {
            if ((int) WORD.getAndSet(memory, 0, 1) == 0) {
                int woken = linux.futex_wake(address, 1);
                assert woken >= 0;
            } else if (owed) {
                owed = false;
                // One more wake-up for each ring that may have failed.
                int woken = linux.futex_wake(address, Integer.MAX_VALUE);
                assert woken >= 0;
            }
        } catch (Throwable t) {
            owed = true;
            throw t;
        }
    }

    /** Hears a ring without sleeping. Returns false if there was none. */
    boolean poll() {
        return (int) WORD.getVolatile(memory, 0) != 0 && WORD.compareAndSet(memory, 0, 1, 0);
    }

    /** Sleeps until rung. Signals (EINTR) and spurious wake-ups do not end it. */
    void await() {
        while (!WORD.compareAndSet(memory, 0, 1, 0)) {
            int result = linux.futex_wait(address, 0, LinuxCalls.FOREVER);
            assert result <= 0;
        }
    }
}
