// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.ref.PhantomReference;
import java.lang.ref.ReferenceQueue;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.LinuxCalls;

/**
 * The futex words of doorbells, in native memory. The memory is never freed, because C code may ring at any time. When
 * a bell has been collected as garbage, its word goes to a new bell. So a late ring of C code, meant for a queue that
 * is gone, may wake the worker of another queue once. That worker finds nothing and sleeps again. Each word has a cache
 * line to itself, so ringing one bell does not slow down another.
 */
final class BellWords {
    private static final int CACHE_LINE = 64;
    private static final int WORDS = 64; // how many words are allocated together

    private static final ReferenceQueue<Doorbell> GARBAGE = new ReferenceQueue<>();
    private static final ArrayDeque<ByteBuffer> UNUSED = new ArrayDeque<>(); // guarded by itself
    private static final Set<Bell> BELLS = new HashSet<>(); // guarded by UNUSED

    private BellWords() {}

    private static final class Bell extends PhantomReference<Doorbell> {
        final ByteBuffer word;

        Bell(Doorbell bell, ByteBuffer word) {
            super(bell, GARBAGE);
            this.word = word;
        }
    }

    /** Returns a word with the value 0. It belongs to the bell as long as the bell is reachable. */
    static ByteBuffer of(Doorbell bell, LinuxCalls linux) {
        synchronized (UNUSED) {
            takeBack();
            ByteBuffer unused = UNUSED.poll();
            ByteBuffer word = unused != null ? unused : allocate(linux);
            word.putInt(0, 0);
            boolean added = BELLS.add(new Bell(bell, word));
            assert added;
            return word;
        }
    }

    private static void takeBack() {
        for (@Nullable Object found = GARBAGE.poll(); found != null; found = GARBAGE.poll()) {
            Bell bell = (Bell) found;
            BELLS.remove(bell);
            UNUSED.add(bell.word);
        }
    }

    private static ByteBuffer allocate(LinuxCalls linux) {
        ByteBuffer slab = linux.allocate(WORDS * CACHE_LINE);
        for (int i = 1; i < WORDS; i++) {
            UNUSED.add(slice(slab, i));
        }
        return slice(slab, 0);
    }

    private static ByteBuffer slice(ByteBuffer slab, int i) {
        return slab.slice(i * CACHE_LINE, CACHE_LINE).order(ByteOrder.nativeOrder());
    }
}
