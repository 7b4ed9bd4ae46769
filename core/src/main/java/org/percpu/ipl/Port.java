// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

import static org.percpu.ipl.Memory.INT;
import static org.percpu.ipl.Memory.LONG;

import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxException;

/**
 * A bounded queue of values in native memory with a handle: the Java half of {@code struct percpu_port}, which C code and signal
 * handlers push to as well. A slot whose sequence is its position is free; one more, and it is full.
 *
 * <p>The memory is never freed: a signal handler that comes late finds a closed port. It is used again for later ports, under other
 * handles.
 */
final class Port {
    private static final long HANDLE_STEP = Memory.PORTS;
    private static final long CLOSE_NANOS = 1_000_000_000L;

    /** All that were ever made, by index: C code that comes late, or uses a line that nobody has closed, finds the memory. */
    private static final List<Port> MADE = new ArrayList<>(); // guarded by UNUSED

    /** Memory without an owner. */
    private static final ArrayDeque<Port> UNUSED = new ArrayDeque<>(); // guarded by itself

    private static final AtomicReferenceArray<@Nullable NativeWork> WORKS = new AtomicReferenceArray<>(Memory.PORTS);

    final Support support;
    final ByteBuffer memory = Memory.allocate(Memory.PORT_BYTES);
    final int index;
    private long generation;

    private Port(Support support, int index) {
        this.support = support;
        this.index = index;
    }

    /**
     * A port that nobody knows yet.
     *
     * @throws LinuxException EAGAIN if there are too many
     */
    static Port take(Support support, String what) {
        Port port;
        synchronized (UNUSED) {
            port = pollUnused();
            if (port == null) {
                if (MADE.size() == Memory.PORTS) {
                    throw new LinuxException(
                            "percpu_open(\"" + what + "\")",
                            Errno.EAGAIN.number(),
                            "there are " + Memory.PORTS + " lines and natively posted works already",
                            "close those that are not used any more");
                }
                port = new Port(support, MADE.size());
                MADE.add(port);
            }
        }
        port.clear();
        return port;
    }

    /** Memory in which nobody is any more: a poster may be stopped for long, and a handler may run when its line is closed. */
    private static @Nullable Port pollUnused() {
        for (Port port : UNUSED) {
            if (port.getLong(Memory.PORT_ACTIVE) == 0) {
                boolean removed = UNUSED.remove(port);
                assert removed;
                return port;
            }
        }
        return null;
    }

    private void clear() {
        ByteBuffer m = memory;
        for (int at = 0; at < Memory.PORT_SLOTS; at += Long.BYTES) {
            // The count of callers is theirs.
            if (at != Memory.PORT_ACTIVE) {
                m.putLong(at, 0);
            }
        }
        for (int i = 0; i < Memory.SLOTS; i++) {
            m.putLong(Memory.PORT_SLOTS + i * Memory.SLOT_BYTES, i);
        }
        m.putLong(Memory.PORT_INDEX, index);
    }

    /** Makes the port known under a handle that was never used before. */
    long open(@Nullable NativeWork work) {
        generation++;
        long handle = generation * HANDLE_STEP + index;
        WORKS.set(index, work);
        if (support.topHalf != null) {
            support.topHalf.register(index, support.linux.address(memory));
        }
        LONG.setVolatile(memory, Memory.PORT_HANDLE, handle);
        return handle;
    }

    /** The work of a link in an inbox. */
    static NativeWork workAt(long index) {
        NativeWork work = WORKS.get((int) index);
        if (work == null) {
            throw new IllegalStateException("an inbox holds index " + index + ", which is no work");
        }
        return work;
    }

    /** Lets nobody in any more. */
    void shut() {
        LONG.setVolatile(memory, Memory.PORT_HANDLE, 0L);
    }

    /** Lets nobody in any more and waits for who is inside; false if somebody still is after a second. */
    boolean close() {
        shut();
        long start = System.nanoTime();
        // Producers are lock-free and short. One that a debugger holds for longer keeps nobody waiting: it finds live
        // memory anyway.
        while (getLong(Memory.PORT_ACTIVE) != 0) {
            if (System.nanoTime() - start >= CLOSE_NANOS) {
                return false;
            }
            Thread.onSpinWait();
        }
        return true;
    }

    /** Closed, and in no inbox: may become another port as soon as nobody is inside. */
    void recycle() {
        WORKS.set(index, null);
        synchronized (UNUSED) {
            UNUSED.add(this);
        }
    }

    void enter() {
        LONG.getAndAdd(memory, Memory.PORT_ACTIVE, 1L);
    }

    void leave() {
        LONG.getAndAdd(memory, Memory.PORT_ACTIVE, -1L);
    }

    private static int slot(long position) {
        return Memory.PORT_SLOTS + (int) (position & (Memory.SLOTS - 1)) * Memory.SLOT_BYTES;
    }

    /** Any thread; false if there is no room for callers. */
    boolean push(long value) {
        while (true) {
            long tail = (long) LONG.getVolatile(memory, Memory.PORT_TAIL);
            if (tail - (long) LONG.getVolatile(memory, Memory.PORT_HEAD) >= Memory.VALUES) {
                return false;
            }
            int slot = slot(tail);
            long distance = (long) LONG.getAcquire(memory, slot) - tail;
            if (distance == 0) {
                if (LONG.compareAndSet(memory, Memory.PORT_TAIL, tail, tail + 1)) {
                    LONG.set(memory, slot + Long.BYTES, value);
                    LONG.setRelease(memory, slot, tail + 1);
                    return true;
                }
            } else if (distance < 0) {
                return false;
            }
        }
    }

    /** Any consumer: whether a value is there to be {@linkplain #take(long) taken}. */
    boolean isEmpty() {
        long head = (long) LONG.getVolatile(memory, Memory.PORT_HEAD);
        return (long) LONG.getAcquire(memory, slot(head)) != head + 1;
    }

    /** Position of the next value, now the caller's, or -1. */
    long claim() {
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

    /** The value at a claimed position; its slot is free then. */
    long take(long position) {
        int slot = slot(position);
        long value = (long) LONG.get(memory, slot + Long.BYTES);
        LONG.setRelease(memory, slot, position + Memory.SLOTS);
        return value;
    }

    /** After room was made: true if a receiver has left signals with the kernel for want of it. */
    boolean unspill() {
        VarHandle.fullFence();
        return (long) LONG.getOpaque(memory, Memory.PORT_SPILLED) != 0
                && (long) LONG.getAndSet(memory, Memory.PORT_SPILLED, 0L) != 0;
    }

    /**
     * Sets the mark, with a full fence, also if it is set: who finds it set must not have read it before the value of its push was there
     * for the consumer to see. True if it was not set.
     */
    boolean mark() {
        return (long) LONG.getAndSet(memory, Memory.PORT_PENDING, 1L) == 0;
    }

    /** Clears the mark, with a full fence; true if it was set. */
    boolean unmark() {
        return (long) LONG.getAndSet(memory, Memory.PORT_PENDING, 0L) != 0;
    }

    boolean isMarked() {
        return (long) LONG.getVolatile(memory, Memory.PORT_PENDING) != 0;
    }

    void setLong(int at, long value) {
        LONG.setVolatile(memory, at, value);
    }

    long getLong(int at) {
        return (long) LONG.getVolatile(memory, at);
    }

    /** Rings a futex bell in native memory. */
    static void ring(Support support, ByteBuffer memory, int at, long address) {
        if ((int) INT.getAndSet(memory, at, 1) == 0) {
            int woken = support.linux.futex_wake(address, 1);
            assert woken >= 0;
        }
    }
}
