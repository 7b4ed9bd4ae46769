// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;

/**
 * Plain access to words of native memory. The backend is a constant here, so the compiler makes one instruction of each
 * access where the backend lets it.
 */
final class Words {
    private static final LinuxCalls LINUX = Backend.linux();

    static {
        // Loads now what the backend needs: if a load failed at the end of a caller's stack, the class would stay
        // unusable for ever.
        ByteBuffer memory = LINUX.allocate(Integer.BYTES);
        long address = LINUX.address(memory);
        put(memory.asIntBuffer(), address, 0, 1);
        assert get(memory.asIntBuffer(), address, 0) == 1;
    }

    private Words() {}

    /** Initializes this class. The backend must have been opened. */
    static void load() {}

    static int get(IntBuffer words, long address, int index) {
        return LINUX.getInt(words, address, index);
    }

    static void put(IntBuffer words, long address, int index, int value) {
        LINUX.putInt(words, address, index, value);
    }
}
