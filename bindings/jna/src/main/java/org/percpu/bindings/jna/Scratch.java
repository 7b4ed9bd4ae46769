// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.jna;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Native memory for the arguments of one call, kept per thread so that a call allocates none. A direct buffer rather
 * than JNA's {@code Memory}, whose cleaner may start a thread: that would inherit a pinned caller's affinity and signal
 * mask.
 */
final class Scratch {
    private static final int SMALLEST = 512;

    /** {@code sizeof(sigset_t)} in glibc and musl; the kernel knows the first eight bytes. */
    static final int SIGSET_BYTES = 128;

    private static final ThreadLocal<Scratch> OF_THREAD = ThreadLocal.withInitial(Scratch::new);

    private final ByteBuffer bytes;
    private final LongBuffer longs;
    private final long address;

    private Scratch() {
        this(SMALLEST);
    }

    private Scratch(int size) {
        bytes = ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder());
        longs = bytes.asLongBuffer();
        address = Pointer.nativeValue(Native.getDirectBufferPointer(bytes));
    }

    /** The calling thread's memory, 512 bytes at least; what it holds is left from an earlier call. */
    static Scratch mine() {
        return OF_THREAD.get();
    }

    /** The calling thread's memory, grown to the given size. */
    static Scratch mine(int size) {
        Scratch scratch = mine();
        if (scratch.bytes.capacity() < size) {
            scratch = new Scratch(size);
            OF_THREAD.set(scratch);
        }
        return scratch;
    }

    long address() {
        return address;
    }

    ByteBuffer bytes() {
        return bytes;
    }

    LongBuffer longs() {
        return longs;
    }

    /**
     * A copy of a C string. A C function that JNA has registered makes the copy. A text such as dlerror's is freed at
     * the thread's next dlsym, and any Java code that runs for the first time may look symbols up.
     */
    static String text(long string) {
        Scratch scratch = mine();
        long copy = LibC.strncpy(scratch.address, string, SMALLEST);
        assert copy == scratch.address;
        byte[] encoded = new byte[SMALLEST];
        scratch.bytes.get(0, encoded);
        int length = 0;
        while (length < encoded.length && encoded[length] != 0) {
            length++;
        }
        return new String(encoded, 0, length, StandardCharsets.UTF_8);
    }

    /** Writes a {@code sigset_t} of which only the kernel's 64 signals can be set. */
    void sigset(int offset, long set) {
        bytes.putLong(offset, set);
        for (int i = offset + Long.BYTES; i < offset + SIGSET_BYTES; i += Long.BYTES) {
            bytes.putLong(i, 0);
        }
    }

    /** Writes a {@code struct timespec} and answers where it is. */
    long timespec(int offset, long nanos) {
        bytes.putLong(offset, nanos / 1_000_000_000L);
        bytes.putLong(offset + Long.BYTES, nanos % 1_000_000_000L);
        return address + offset;
    }
}
