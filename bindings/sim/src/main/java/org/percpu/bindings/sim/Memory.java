// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Addresses of direct buffers. Each buffer object has a range of its own; a slice is another object and another range.
 * An address is valid while its buffer is reachable, as in {@code LinuxCalls.address}.
 *
 * <p>How often memory is made, and how much of it has become garbage, depends on the collector. A schedule must not
 * depend on that, or it could not be replayed. So a controlled scheduler must see none of these steps, see
 * {@link WordLock}.
 */
final class Memory {
    static final VarHandle INT = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.nativeOrder());
    static final VarHandle LONG = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.nativeOrder());

    private static final long PAGE = 4096;
    private static final int CACHE_LINE = 64;
    private static final int SLAB = 1 << 20;
    private static final int FIRST_SWEEP = 1 << 10;

    private static final class Range extends WeakReference<ByteBuffer> {
        final long base;

        Range(ByteBuffer buffer, long base) {
            super(buffer);
            this.base = base;
        }
    }

    private final WordLock lock = new WordLock();
    // All guarded by lock.
    private final TreeMap<Long, Range> ranges = new TreeMap<>();
    private final Map<Integer, List<Range>> ofBuffer = new HashMap<>();
    private final List<ByteBuffer> kept = new ArrayList<>();
    private ByteBuffer slab = ByteBuffer.allocateDirect(SLAB).alignedSlice(CACHE_LINE);
    private int sweepAt = FIRST_SWEEP;
    private long end = PAGE;

    /** Zeroed memory that is never freed. It starts a cache line. */
    ByteBuffer allocate(int bytes) {
        int length = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
        ByteBuffer memory;
        lock.lock();
        try {
            if (slab.remaining() < length) {
                slab = ByteBuffer.allocateDirect(Math.max(SLAB, length) + CACHE_LINE)
                        .alignedSlice(CACHE_LINE);
            }
            memory = slab.slice(slab.position(), bytes).order(ByteOrder.nativeOrder());
            slab.position(slab.position() + length);
            kept.add(memory);
        } finally {
            lock.unlock();
        }
        return memory;
    }

    /**
     * A view of memory at an address. Its own address is another one.
     *
     * @throws IllegalArgumentException where there is no such memory
     */
    ByteBuffer view(long address, int bytes) {
        lock.lock();
        try {
            Map.Entry<Long, Range> entry = ranges.floorEntry(address);
            ByteBuffer buffer = entry == null ? null : entry.getValue().get();
            long offset = entry == null ? 0 : address - entry.getKey();
            if (buffer == null || offset + bytes > buffer.capacity()) {
                throw new IllegalArgumentException(
                        "a simulated machine has no " + bytes + " bytes at address " + address);
            }
            return buffer.slice((int) offset, bytes).order(ByteOrder.nativeOrder());
        } finally {
            lock.unlock();
        }
    }

    long address(ByteBuffer direct) {
        if (!direct.isDirect()) {
            throw new IllegalArgumentException("a buffer on the heap has no address: use ByteBuffer.allocateDirect");
        }
        int hash = System.identityHashCode(direct);
        lock.lock();
        try {
            List<Range> same = ofBuffer.computeIfAbsent(hash, unused -> new ArrayList<>());
            for (Range range : same) {
                if (range.refersTo(direct)) {
                    return range.base;
                }
            }
            Range range = new Range(direct, end);
            end += (direct.capacity() + PAGE) / PAGE * PAGE;
            same.add(range);
            ranges.put(range.base, range);
            if (ranges.size() >= sweepAt) {
                sweep();
            }
            return range.base;
        } finally {
            lock.unlock();
        }
    }

    /** Forgets the buffers that are garbage. A reference queue would do it sooner, with steps that others see. */
    private void sweep() {
        ranges.values().removeIf(range -> range.refersTo(null));
        for (List<Range> same : ofBuffer.values()) {
            same.removeIf(range -> range.refersTo(null));
        }
        ofBuffer.values().removeIf(List::isEmpty);
        sweepAt = Math.max(FIRST_SWEEP, 2 * ranges.size());
    }

    /** The aligned word at an address, or null where there is no memory. */
    @Nullable
    Word word(long address) {
        if (address % Integer.BYTES != 0) {
            return null;
        }
        lock.lock();
        try {
            Map.Entry<Long, Range> entry = ranges.floorEntry(address);
            ByteBuffer buffer = entry == null ? null : entry.getValue().get();
            if (entry == null || buffer == null) {
                return null;
            }
            long offset = address - entry.getKey();
            return offset <= buffer.capacity() - Integer.BYTES ? new Word(buffer, (int) offset) : null;
        } finally {
            lock.unlock();
        }
    }

    /** A word in a buffer. */
    record Word(ByteBuffer buffer, int offset) {
        int get() {
            return (int) INT.getVolatile(buffer, offset);
        }
    }
}
