// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.ffm;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Native memory for the arguments and the errno of one call, kept per thread so that a call allocates none. The garbage
 * collector frees it after its thread has ended, because this library cannot hook into a thread's end.
 *
 * <p>It is a direct buffer rather than an arena with layouts. Layouts link a handle for each kind of access, which
 * makes a start slower.
 */
final class Scratch {
    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    /** {@code sizeof(sigset_t)}; the kernel knows the first eight bytes. Of {@code siginfo_t} as well. */
    private static final int SIGSET_BYTES = 128;

    /** The structure of {@code Linker.Option.captureStateLayout()} is an int on Linux. */
    private static final int ERRNO_BYTES = 4;

    private static final int VALUE = 8;
    private static final int TIME = 16;
    private static final int OLD = 32;
    private static final int MEMORY = OLD + SIGSET_BYTES;

    /** A mask of 4096 CPUs, four times what {@code cpu_set_t} holds. */
    private static final int SMALLEST = 512;

    /** Bytes of a message of the C library that are copied; all of {@link #memory()} at its smallest. */
    static final int LONGEST_TEXT = SMALLEST;

    private static final ThreadLocal<Scratch> OF_THREAD = new ThreadLocal<>() {
        @Override
        protected Scratch initialValue() {
            return new Scratch();
        }
    };

    /** The leading argument of handles that capture errno. */
    final MemorySegment errno;

    private final ByteBuffer small = allocate(MEMORY + SMALLEST);
    private final long address;
    private ByteBuffer memory;
    private long memoryAddress;

    private Scratch() {
        MemorySegment all = MemorySegment.ofBuffer(small);
        errno = all.asSlice(0, ERRNO_BYTES);
        address = all.address();
        memory = small.slice(MEMORY, SMALLEST).order(ByteOrder.nativeOrder());
        memoryAddress = address + MEMORY;
    }

    private static ByteBuffer allocate(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }

    /** The calling thread's memory; what it holds is left from an earlier call. */
    static Scratch mine() {
        return OF_THREAD.get();
    }

    /** What a function with the result -1 means by it. */
    int orErrno(int result) {
        return result == -1 ? -small.getInt(0) : result;
    }

    /** What a function with the result -1 means by it. */
    long orErrno(long result) {
        return result == -1 ? -small.getInt(0) : result;
    }

    /** Memory for the main argument, 512 bytes at least. */
    ByteBuffer memory() {
        return memory;
    }

    /** Memory for the main argument, grown to the given size. */
    ByteBuffer memory(int bytes) {
        if (memory.capacity() < bytes) {
            memory = allocate(bytes);
            memoryAddress = MemorySegment.ofBuffer(memory).address();
        }
        return memory;
    }

    /** Of {@link #memory()}, until it grows. */
    long address() {
        return memoryAddress;
    }

    /** The address of 128 bytes for a second result: a {@code sigset_t}, a {@code siginfo_t}, or less. */
    long old() {
        return address + OLD;
    }

    /** Reads from {@link #old()}. */
    long oldLong(int offset) {
        return small.getLong(OLD + offset);
    }

    /** Reads from {@link #old()}. */
    int oldInt(int offset) {
        return small.getInt(OLD + offset);
    }

    /** The address of eight bytes for a third result. */
    long value() {
        return address + VALUE;
    }

    /** Reads {@link #value()}. */
    long valueLong() {
        return small.getLong(VALUE);
    }

    /** Writes words into {@link #memory(int)} and answers where they are. */
    long words(long[] words) {
        ByteBuffer buffer = memory(words.length * Long.BYTES);
        for (int i = 0; i < words.length; i++) {
            buffer.putLong(i * Long.BYTES, words[i]);
        }
        return memoryAddress;
    }

    /** Writes a C string into {@link #memory(int)} and answers where it is. */
    long string(String text) {
        byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
        memory(encoded.length + 1).put(0, encoded).put(encoded.length, (byte) 0);
        return memoryAddress;
    }

    /** The address of a C string without characters. */
    long empty() {
        small.put(VALUE, (byte) 0);
        return value();
    }

    /** Copies a C string, or the first {@link #LONGEST_TEXT} bytes of one, to {@link #address()}. */
    void copy(long text) {
        long copy = LibC.strncpy(memoryAddress, text, LONGEST_TEXT);
        assert copy == memoryAddress;
    }

    /** Reads the C string at {@link #address()}, of which the first {@link #LONGEST_TEXT} bytes count. */
    String text() {
        byte[] encoded = new byte[LONGEST_TEXT];
        memory.get(0, encoded);
        int length = 0;
        while (length < encoded.length && encoded[length] != 0) {
            length++;
        }
        return new String(encoded, 0, length, StandardCharsets.UTF_8);
    }

    /** Writes a {@code sigset_t}, of which only the kernel's 64 signals can be set, into {@link #memory()}. */
    long sigset(long set) {
        memory.putLong(0, set);
        for (int i = Long.BYTES; i < SIGSET_BYTES; i += Long.BYTES) {
            memory.putLong(i, 0);
        }
        return memoryAddress;
    }

    /** Writes a {@code struct timespec}; a negative time comes out as such, and the kernel refuses it. */
    long time(long nanos) {
        time(small, TIME, nanos);
        return address + TIME;
    }

    /** Writes a relative time into a {@code struct timespec}. */
    static void time(ByteBuffer buffer, int offset, long nanos) {
        buffer.putLong(offset, nanos / NANOS_PER_SECOND);
        buffer.putLong(offset + Long.BYTES, nanos % NANOS_PER_SECOND);
    }
}
