// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
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
 */
final class Memory {
    private static final VarHandle INT = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.nativeOrder());
    private static final long PAGE = 4096;
    private static final int CACHE_LINE = 64;

    private static final class Range extends WeakReference<ByteBuffer> {
        final long base;
        final int hash;

        Range(ByteBuffer buffer, long base, ReferenceQueue<ByteBuffer> gone) {
            super(buffer, gone);
            this.base = base;
            this.hash = System.identityHashCode(buffer);
        }
    }

    private final TreeMap<Long, Range> ranges = new TreeMap<>(); // guarded by this
    private final Map<Integer, List<Range>> ofBuffer = new HashMap<>(); // guarded by this
    private final ReferenceQueue<ByteBuffer> gone = new ReferenceQueue<>();
    private final List<ByteBuffer> kept = new ArrayList<>(); // guarded by this
    private long end = PAGE; // guarded by this

    /** Zeroed memory that is never freed. */
    synchronized ByteBuffer allocate(int bytes) {
        // An aligned slice ends at a boundary too.
        ByteBuffer buffer = ByteBuffer.allocateDirect((bytes / CACHE_LINE + 2) * CACHE_LINE)
                .alignedSlice(CACHE_LINE)
                .slice(0, bytes)
                .order(ByteOrder.nativeOrder());
        kept.add(buffer);
        address(buffer);
        return buffer;
    }

    /**
     * A view of memory at an address. Its own address is another one.
     *
     * @throws IllegalArgumentException where there is no such memory
     */
    synchronized ByteBuffer view(long address, int bytes) {
        Map.Entry<Long, Range> entry = ranges.floorEntry(address);
        ByteBuffer buffer = entry == null ? null : entry.getValue().get();
        long offset = entry == null ? 0 : address - entry.getKey();
        if (buffer == null || offset + bytes > buffer.capacity()) {
            throw new IllegalArgumentException("a simulated machine has no " + bytes + " bytes at address " + address);
        }
        return buffer.slice((int) offset, bytes).order(ByteOrder.nativeOrder());
    }

    synchronized long address(ByteBuffer direct) {
        if (!direct.isDirect()) {
            throw new IllegalArgumentException("a buffer on the heap has no address: use ByteBuffer.allocateDirect");
        }
        purge();
        List<Range> same = ofBuffer.computeIfAbsent(System.identityHashCode(direct), hash -> new ArrayList<>());
        for (Range range : same) {
            if (range.refersTo(direct)) {
                return range.base;
            }
        }
        Range range = new Range(direct, end, gone);
        end += (direct.capacity() + PAGE) / PAGE * PAGE;
        same.add(range);
        ranges.put(range.base, range);
        return range.base;
    }

    private void purge() {
        for (Reference<? extends ByteBuffer> dead = gone.poll(); dead != null; dead = gone.poll()) {
            Range range = (Range) dead;
            ranges.remove(range.base);
            List<Range> same = ofBuffer.get(range.hash);
            if (same != null && same.remove(range) && same.isEmpty()) {
                ofBuffer.remove(range.hash);
            }
        }
    }

    /** The aligned word at an address, or null where there is no memory. */
    synchronized @Nullable Word word(long address) {
        Map.Entry<Long, Range> entry = ranges.floorEntry(address);
        ByteBuffer buffer = entry == null ? null : entry.getValue().get();
        if (entry == null || buffer == null || address % Integer.BYTES != 0) {
            return null;
        }
        long offset = address - entry.getKey();
        return offset <= buffer.capacity() - Integer.BYTES ? new Word(buffer, (int) offset) : null;
    }

    /** A 32-bit word in a buffer. */
    record Word(ByteBuffer buffer, int offset) {
        int get() {
            return (int) INT.getVolatile(buffer, offset);
        }
    }
}
