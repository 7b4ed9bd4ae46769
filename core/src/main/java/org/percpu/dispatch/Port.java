// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import static org.percpu.dispatch.Memory.INT;
import static org.percpu.dispatch.Memory.LONG;

import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * A bounded queue of values in native memory with a handle: the Java half of {@code struct percpu_port}, which C code
 * and signal handlers push to as well. A slot whose sequence is its position is free; one more, and it is full.
 *
 * <p>The memory is never freed: a signal handler that comes late finds a closed port. It is used again for later ports,
 * under other handles, see {@code Ports}.
 */
public final class Port {
    private static final long HANDLE_STEP = Memory.PORTS;
    private static final long CLOSE_NANOS = 1_000_000_000L;

    /** By index; those of the library first, then those of {@code Ports}. */
    private static final AtomicReferenceArray<@Nullable Posted> WORKS = new AtomicReferenceArray<>(2 * Memory.PORTS);

    final Support support;
    private final @Nullable LibPercpu library; // whose the memory is
    final ByteBuffer memory;
    private final long address;
    final int index;

    Port(Support support, @Nullable LibPercpu library, ByteBuffer memory, long address) {
        this.support = support;
        this.library = library;
        this.memory = memory;
        this.address = address;
        this.index = (int) memory.getLong(Memory.PORT_INDEX);
    }

    /** Without the library: as percpu_take does. */
    void clear() {
        ByteBuffer m = memory;
        for (int at = 0; at < Memory.PORT_SLOTS; at += Long.BYTES) {
            if (at != Memory.PORT_ACTIVE && at != Memory.PORT_INDEX && at != Memory.PORT_GENERATION) {
                m.putLong(at, 0);
            }
        }
        for (int i = 0; i < Memory.SLOTS; i++) {
            m.putLong(Memory.PORT_SLOTS + i * Memory.SLOT_BYTES, i);
        }
    }

    /** Makes the port known under a handle that was never used before. */
    public long open(@Nullable Posted work) {
        WORKS.set(index, work);
        if (library != null) {
            return library.open(address);
        }
        long generation = memory.getLong(Memory.PORT_GENERATION) + 1;
        memory.putLong(Memory.PORT_GENERATION, generation);
        long handle = generation * HANDLE_STEP + index % Memory.PORTS;
        LONG.setVolatile(memory, Memory.PORT_HANDLE, handle);
        return handle;
    }

    /** The work of a link in an inbox. */
    static Posted workAt(long index) {
        Posted work = WORKS.get((int) index);
        if (work == null) {
            throw new IllegalStateException("an inbox holds index " + index + ", which is no work");
        }
        return work;
    }

    /** Lets nobody in any more. */
    void shut() {
        LONG.setVolatile(memory, Memory.PORT_HANDLE, 0L);
    }

    /**
     * Lets nobody in any more and waits for those inside to leave, but not for more than a second.
     *
     * @param own how often the caller is inside
     */
    public void close(int own) {
        shut();
        await(own);
    }

    /** Waits for those inside to leave, but not for more than a second. */
    void awaitVacant() {
        await(0);
    }

    private void await(int own) {
        long start = System.nanoTime();
        // Producers are lock-free and short. One that a debugger holds for longer keeps nobody waiting: it finds live
        // memory anyway.
        while (getLong(Memory.PORT_ACTIVE) > own) {
            if (System.nanoTime() - start >= CLOSE_NANOS) {
                return;
            }
            Thread.onSpinWait();
        }
    }

    /** Whether nobody is inside. Of a closed port that is so from then on, but for callers who leave at once. */
    boolean isVacant() {
        return getLong(Memory.PORT_ACTIVE) == 0;
    }

    /** Whether signals can be routed here: libpercpu knows the port. */
    public boolean isKnownToLibrary() {
        return library != null;
    }

    /** Closed, and in no inbox: libpercpu may make another port of it. False if the memory is not the library's. */
    boolean giveBack() {
        WORKS.set(index, null);
        if (library == null) {
            return false;
        }
        library.recycle(address);
        return true;
    }

    public void enter() {
        LONG.getAndAdd(memory, Memory.PORT_ACTIVE, 1L);
    }

    public void leave() {
        LONG.getAndAdd(memory, Memory.PORT_ACTIVE, -1L);
    }

    private static int slot(long position) {
        return Memory.PORT_SLOTS + (int) (position & (Memory.SLOTS - 1)) * Memory.SLOT_BYTES;
    }

    /** Any thread; false if there is no room for callers. */
    public boolean push(long value) {
        while (true) {
            long tail = (long) LONG.getVolatile(memory, Memory.PORT_TAIL);
            if (tail - (long) LONG.getVolatile(memory, Memory.PORT_HEAD) >= Memory.VALUES) {
                LONG.getAndAdd(memory, Memory.PORT_REFUSED, 1L);
                return false;
            }
            int slot = slot(tail);
            long distance = (long) LONG.getAcquire(memory, slot) - tail;
            if (distance == 0) {
                if (LONG.compareAndSet(memory, Memory.PORT_TAIL, tail, tail + 1)) {
                    try {
                        LONG.set(memory, slot + Long.BYTES, value);
                        LONG.setRelease(memory, slot, tail + 1);
                    } catch (Throwable t) {
                        // The place is taken, and what lies behind it would wait for ever. There was room for a call
                        // just now.
                        LONG.set(memory, slot + Long.BYTES, value);
                        LONG.setRelease(memory, slot, tail + 1);
                    }
                    return true;
                }
            } else if (distance < 0) {
                LONG.getAndAdd(memory, Memory.PORT_REFUSED, 1L);
                return false;
            }
        }
    }

    /** Any consumer: whether a value is there to be {@linkplain #take(long) taken}. */
    public boolean isEmpty() {
        long head = (long) LONG.getVolatile(memory, Memory.PORT_HEAD);
        return (long) LONG.getAcquire(memory, slot(head)) != head + 1;
    }

    /** Position of the next value, now the caller's, or -1. An error comes before it is the caller's. */
    public long claim() {
        while (true) {
            long head = (long) LONG.getVolatile(memory, Memory.PORT_HEAD);
            long sequence = (long) LONG.getAcquire(memory, slot(head));
            if (sequence < head + 1) {
                return -1;
            }
            if (sequence == head + 1 && LONG.compareAndSet(memory, Memory.PORT_HEAD, head, head + 1)) {
                return head;
            }
        }
    }

    /** Takes the next value and forgets it, if it stands before a position. False if there is none. */
    boolean discardBefore(long end) {
        while (true) {
            long head = (long) LONG.getVolatile(memory, Memory.PORT_HEAD);
            int slot = slot(head);
            long sequence = (long) LONG.getAcquire(memory, slot);
            if (head >= end || sequence < head + 1) {
                return false;
            }
            if (sequence == head + 1 && LONG.compareAndSet(memory, Memory.PORT_HEAD, head, head + 1)) {
                LONG.setRelease(memory, slot, head + Memory.SLOTS);
                return true;
            }
        }
    }

    /** The value at a claimed position; its slot is free then. After an error it can be asked for again. */
    public long take(long position) {
        int slot = slot(position);
        long value = (long) LONG.get(memory, slot + Long.BYTES);
        free(position);
        return value;
    }

    private void free(long position) {
        LONG.setRelease(memory, slot(position), position + Memory.SLOTS);
    }

    /** Of a closed port: how many values, the one of the mark included, nobody has taken. They count as lost. */
    public long drop() {
        long dropped = unmark() ? 1 : 0;
        for (long at = claim(); at >= 0; at = claim()) {
            free(at);
            dropped++;
        }
        LONG.getAndAdd(memory, Memory.PORT_LOST, dropped);
        return dropped;
    }

    /** After room was made: true if a receiver has left signals with the kernel for want of it. */
    public boolean unspill() {
        VarHandle.fullFence();
        return (long) LONG.getOpaque(memory, Memory.PORT_SPILLED) != 0
                && (long) LONG.getAndSet(memory, Memory.PORT_SPILLED, 0L) != 0;
    }

    /**
     * Sets the mark, always with a full fence. A caller that finds it already set relies on the pending run to see its
     * value, so its push must be visible before it reads the mark. Returns true if the mark was not set.
     */
    public boolean mark() {
        return (long) LONG.getAndSet(memory, Memory.PORT_PENDING, 1L) == 0;
    }

    /** Clears the mark, with a full fence; true if it was set. */
    public boolean unmark() {
        return (long) LONG.getAndSet(memory, Memory.PORT_PENDING, 0L) != 0;
    }

    public boolean isMarked() {
        return (long) LONG.getVolatile(memory, Memory.PORT_PENDING) != 0;
    }

    public void setLong(int at, long value) {
        LONG.setVolatile(memory, at, value);
    }

    public long getLong(int at) {
        return (long) LONG.getVolatile(memory, at);
    }

    /** Rings a futex bell in native memory; with `again` also one that says that it was rung. */
    static void ring(Support support, ByteBuffer memory, int at, long address, boolean again) {
        if ((int) INT.getAndSet(memory, at, 1) == 0 || again) {
            int woken = support.linux.futex_wake(address, 1);
            assert woken >= 0;
        }
    }
}
