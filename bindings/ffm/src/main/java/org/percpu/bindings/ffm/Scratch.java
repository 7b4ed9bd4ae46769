// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.ffm;

import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import org.percpu.bindings.ffm.generated.sigset_t;
import org.percpu.bindings.ffm.generated.sigval;
import org.percpu.bindings.ffm.generated.timespec;

/**
 * Native memory for the arguments and the errno of one call, kept per thread so that a call allocates none. It is freed by
 * the garbage collector after its thread has ended: a thread's end is not ours to hook into.
 */
final class Scratch {
    private static final StructLayout CAPTURE = Linker.Option.captureStateLayout();
    private static final long ERRNO = CAPTURE.byteOffset(PathElement.groupElement("errno"));
    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    /** A mask of 4096 CPUs, four times what {@code cpu_set_t} holds. */
    private static final long SMALLEST = 512;

    private static final ThreadLocal<Scratch> OF_THREAD = ThreadLocal.withInitial(Scratch::new);

    /** The leading argument of handles that capture errno. */
    final MemorySegment errno;

    /** 128 bytes for a second result: a {@code sigset_t}, a {@code siginfo_t}, or less. */
    final MemorySegment old;

    /** A {@code union sigval}. */
    final MemorySegment value;

    private final MemorySegment time;
    private MemorySegment memory;

    private Scratch() {
        Arena arena = Arena.ofAuto();
        errno = arena.allocate(CAPTURE);
        old = arena.allocate(sigset_t.layout());
        value = arena.allocate(sigval.layout());
        time = arena.allocate(timespec.layout());
        memory = arena.allocate(SMALLEST, Long.BYTES);
    }

    /** The calling thread's memory; what it holds is left from an earlier call. */
    static Scratch mine() {
        return OF_THREAD.get();
    }

    /** What a function with the result -1 means by it. */
    int orErrno(int result) {
        return result == -1 ? -errno.get(ValueLayout.JAVA_INT, ERRNO) : result;
    }

    /** What a function with the result -1 means by it. */
    long orErrno(long result) {
        return result == -1 ? -errno.get(ValueLayout.JAVA_INT, ERRNO) : result;
    }

    /** Memory for the main argument, 512 bytes at least. */
    MemorySegment memory() {
        return memory;
    }

    /** Memory for the main argument, grown to the given size. */
    MemorySegment memory(long bytes) {
        if (memory.byteSize() < bytes) {
            memory = Arena.ofAuto().allocate(bytes, Long.BYTES);
        }
        return memory;
    }

    /** Writes words into {@link #memory(long)}. */
    MemorySegment words(long[] words) {
        MemorySegment segment = memory((long) words.length * Long.BYTES);
        MemorySegment.copy(words, 0, segment, ValueLayout.JAVA_LONG, 0, words.length);
        return segment;
    }

    /** Writes a C string into {@link #memory(long)}. */
    MemorySegment string(String text) {
        byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
        MemorySegment segment = memory(encoded.length + 1L);
        MemorySegment.copy(encoded, 0, segment, ValueLayout.JAVA_BYTE, 0, encoded.length);
        segment.set(ValueLayout.JAVA_BYTE, encoded.length, (byte) 0);
        return segment;
    }

    /** Writes a {@code sigset_t}, of which only the kernel's 64 signals can be set, into {@link #memory()}. */
    MemorySegment sigset(long set) {
        memory.set(ValueLayout.JAVA_LONG, 0, set);
        for (long i = Long.BYTES; i < sigset_t.layout().byteSize(); i += Long.BYTES) {
            memory.set(ValueLayout.JAVA_LONG, i, 0);
        }
        return memory;
    }

    /** Writes a relative time; a negative one comes out as such, and the kernel refuses it. */
    MemorySegment time(long nanos) {
        time(time, nanos);
        return time;
    }

    /** Writes a relative time into a {@code struct timespec}. */
    static void time(MemorySegment timespecSegment, long nanos) {
        timespec.tv_sec(timespecSegment, nanos / NANOS_PER_SECOND);
        timespec.tv_nsec(timespecSegment, nanos % NANOS_PER_SECOND);
    }
}
