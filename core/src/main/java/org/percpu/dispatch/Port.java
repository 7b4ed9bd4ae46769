// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import static org.percpu.dispatch.Memory.LONG;

import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * A bounded queue of values in native memory, with a handle. It is the Java half of {@code struct percpu_port}: C code
 * and signal handlers push values to it too. A slot is free if its sequence equals its position, and full if its
 * sequence is its position + 1.
 *
 * <p>The memory is never freed, so a late signal handler finds a closed port. Later ports reuse the memory under other
 * handles, see {@code Ports}.
 */
public final class Port {
    private static final long HANDLE_STEP = Memory.PORTS;
    private static final long CLOSE_NANOS = 1_000_000_000L;

    /** The open works, by the index of their port. Ports of the library come first, then ports of {@code Ports}. */
    private static final AtomicReferenceArray<@Nullable Posted> WORKS = new AtomicReferenceArray<>(2 * Memory.PORTS);

    final Support support;
    private final @Nullable LibPercpu library; // the owner of the memory
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

    /** Clears the port as percpu_take does. Used without the library. */
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

    /** Returns the work to which a link in an inbox leads. */
    static Posted workAt(long index) {
        Posted work = WORKS.get((int) index);
        if (work == null) {
            throw new IllegalStateException("an inbox holds index " + index + ", which is no work");
        }
        return work;
    }

    /** Refuses further callers. */
    void shut() {
        LONG.setVolatile(memory, Memory.PORT_HANDLE, 0L);
    }

    /**
     * Refuses further callers, and waits until the callers inside have left, but for one second at most.
     *
     * @param own how many times the calling thread itself is inside
     */
    public void close(int own) {
        shut();
        await(own);
    }

    /** Waits until the callers inside have left, but for one second at most. */
    void awaitVacant() {
        await(0);
    }

    private void await(int own) {
        long start = System.nanoTime();
        // Producers are lock-free and short. A producer that a debugger stops for longer is not waited for: it finds
        // live memory anyway.
        while (getLong(Memory.PORT_ACTIVE) > own) {
            if (System.nanoTime() - start >= CLOSE_NANOS) {
                return;
            }
            Thread.onSpinWait();
        }
    }

    /**
     * Returns whether no caller is inside. A closed port stays vacant, except for late callers, which leave at once.
     */
    boolean isVacant() {
        return getLong(Memory.PORT_ACTIVE) == 0;
    }

    /** Returns whether signals can be routed here, that is, whether libpercpu knows the port. */
    public boolean isKnownToLibrary() {
        return library != null;
    }

    /**
     * Gives a port back that is closed and in no inbox; libpercpu may then reuse it. Returns false if the memory is not
     * the library's.
     */
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

    /** Any thread: adds a value. Returns false if there is no room for the values of callers. */
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
                        // The slot is claimed. If it stayed empty, the values behind it would wait for ever. There was
                        // room on the stack for a call just now.
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

    /** Any consumer: returns whether there is no value to be {@linkplain #take(long) taken}. */
    public boolean isEmpty() {
        long head = (long) LONG.getVolatile(memory, Memory.PORT_HEAD);
        return (long) LONG.getAcquire(memory, slot(head)) != head + 1;
    }

    /**
     * Claims the next value for the caller. Returns its position, or -1 if there is none. If this throws, nothing was
     * claimed.
     */
    public long claim() {
        return claimBefore(Long.MAX_VALUE);
    }

    private long claimBefore(long end) {
        while (true) {
            long head = (long) LONG.getVolatile(memory, Memory.PORT_HEAD);
            long sequence = (long) LONG.getAcquire(memory, slot(head));
            if (head >= end || sequence < head + 1) {
                return -1;
            }
            if (sequence == head + 1 && LONG.compareAndSet(memory, Memory.PORT_HEAD, head, head + 1)) {
                return head;
            }
        }
    }

    /** Discards the next value if its position is below {@code end}. Returns false if there is no such value. */
    boolean discardBefore(long end) {
        long at = claimBefore(end);
        if (at < 0) {
            return false;
        }
        try {
            free(at);
        } catch (Throwable t) {
            // If the slot stayed full, the ring would have no room behind it. There was room for a call just now.
            free(at);
        }
        return true;
    }

    /** Returns the value at a claimed position, and frees its slot. After an error the call may be repeated. */
    public long take(long position) {
        int slot = slot(position);
        long value = (long) LONG.get(memory, slot + Long.BYTES);
        free(position);
        return value;
    }

    private void free(long position) {
        LONG.setRelease(memory, slot(position), position + Memory.SLOTS);
    }

    /**
     * Drops the values of a closed port that nobody has taken, and the request of the mark. Returns how many. They
     * count as lost.
     */
    public long drop() {
        long dropped = unmark() ? 1 : 0;
        for (long at = claim(); at >= 0; at = claim()) {
            free(at);
            dropped++;
        }
        LONG.getAndAdd(memory, Memory.PORT_LOST, dropped);
        return dropped;
    }

    /**
     * Called after room was made. Returns true if a receiver has left signals in the kernel's queue because the ring
     * was full.
     */
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
}
