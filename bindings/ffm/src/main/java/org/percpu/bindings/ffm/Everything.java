// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.ffm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * All memory of the process as one segment. A buffer over native memory checks at each access that its arena is open
 * and that the thread may use it. That takes most of a nanosecond. This segment is a constant, so the compiler makes
 * these checks once and for all.
 */
final class Everything {
    private static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private Everything() {}

    static int getInt(long address) {
        return MEMORY.get(ValueLayout.JAVA_INT, address);
    }

    static void putInt(long address, int value) {
        MEMORY.set(ValueLayout.JAVA_INT, address, value);
    }
}
