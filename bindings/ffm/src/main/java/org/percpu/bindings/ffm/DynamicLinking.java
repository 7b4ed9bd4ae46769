// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.ffm;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * dlopen(3) and calls through addresses. A {@code SymbolLookup} is not used: it discards the text of dlerror, and
 * unloads the library with its arena, while a signal handler may still run in the library.
 */
final class DynamicLinking {
    private static final int RTLD_NOW = 2;

    private DynamicLinking() {}

    static long open(@Nullable String path) {
        Scratch scratch = Scratch.mine();
        // All that reads the text has then run before the first dlopen.
        String none = error(scratch);
        assert none == null || !none.isEmpty();
        long library = LibC.dlopen(path == null ? 0 : scratch.string(path), RTLD_NOW);
        if (library == 0) {
            String text = error(scratch);
            throw new UnsupportedOperationException(text == null ? "dlopen of " + path + " failed" : text);
        }
        return library;
    }

    /**
     * What dlerror says, or null. The C library frees the text at the thread's next dlsym, and the JVM may look symbols
     * up between any two statements of Java that run for the first time: so C copies the text, and all of this has run
     * before.
     */
    private static @Nullable String error(Scratch scratch) {
        long text = LibC.dlerror();
        scratch.copy(text == 0 ? scratch.empty() : text);
        return text == 0 ? null : scratch.text();
    }

    static long symbol(long library, String name) {
        return LibC.dlsym(library, Scratch.mine().string(name));
    }

    static long call(long function, long a, long b, long c, long d, long e, long f) {
        if (function == 0) {
            throw new IllegalArgumentException("a call of address 0: the symbol was not found");
        }
        return LibC.call(MemorySegment.ofAddress(function), a, b, c, d, e, f);
    }
}
