// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;

/**
 * Any number of ringers and sleepers: a futex(2) on a 32-bit word in native memory, 1 for rung. A ring lets one sleeper go, and
 * counts also if it comes before the sleep; rings do not add up. The word has a cache line to itself, so that ringing one bell does
 * not slow down the next.
 */
final class Doorbell {
    private static final int CACHE_LINE = 64;
    private static final VarHandle WORD = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.nativeOrder());

    private static final Set<Doorbell> KEPT = ConcurrentHashMap.newKeySet();

    private final LinuxCalls linux = Backend.linux();
    // Keeps the memory; every use goes through it, so the address cannot outlive it.
    private final ByteBuffer memory = ByteBuffer.allocateDirect(2 * CACHE_LINE).alignedSlice(CACHE_LINE);
    private final long address = linux.address(memory);

    /** Of the word, for C code that may ring at any time: from now on the word is there as long as the process. */
    long address() {
        KEPT.add(this);
        return address;
    }

    /** Lets one sleeper go. The first ring since the last one was heard costs a system call, the others do not. */
    void ring() {
        if ((int) WORD.getAndSet(memory, 0, 1) == 0) {
            int woken = linux.futex_wake(address, 1);
            assert woken >= 0;
        }
    }

    /** Hears a ring without sleeping; false if there was none. */
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
