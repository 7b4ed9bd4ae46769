// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.ffm;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;

/**
 * dlopen(3) and calls through addresses. A {@code SymbolLookup} is not used: it discards the text of dlerror, and
 * unloads the library with its arena, while a signal handler may still run in the library.
 */
final class DynamicLinking {
    private static final int RTLD_NOW = 2;

    private static final MethodHandle ERROR = Link.plain("dlerror");

    private static final MethodHandle COPY = Link.plain("strncpy");

    private static final MethodHandle OPEN = Link.plain("dlopen");

    private static final MethodHandle SYMBOL = Link.plain("dlsym");

    private static final class Call {
        static final MethodHandle HANDLE = Link.anyPlain();
    }

    static {
        // The first call of a handle looks symbols up.
        String none = error(Scratch.mine());
        assert none == null || !none.isEmpty();
    }

    private DynamicLinking() {}

    static long open(@Nullable String path) {
        Scratch scratch = Scratch.mine();
        long name = path == null ? 0 : scratch.string(path);
        try {
            long library = (long) OPEN.invokeExact(name, (long) RTLD_NOW, 0L, 0L, 0L, 0L);
            if (library == 0) {
                String text = error(scratch);
                throw new UnsupportedOperationException(text == null ? "dlopen of " + path + " failed" : text);
            }
            return library;
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    /**
     * What dlerror says, or null. The C library frees the text at the thread's next dlsym, and the JVM may look symbols
     * up between any two statements of Java that run for the first time: so C copies the text, and all of this has run
     * before the first dlopen.
     */
    private static @Nullable String error(Scratch scratch) {
        try {
            long text = (long) ERROR.invokeExact(0L, 0L, 0L, 0L, 0L, 0L);
            long copy = (long) COPY.invokeExact(
                    scratch.address(), text == 0 ? scratch.empty() : text, (long) Scratch.LONGEST_TEXT, 0L, 0L, 0L);
            assert copy == scratch.address();
            return text == 0 ? null : scratch.text();
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    static long symbol(long library, String name) {
        Scratch scratch = Scratch.mine();
        try {
            return (long) SYMBOL.invokeExact(library, scratch.string(name), 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    static long call(long function, long a, long b, long c, long d, long e, long f) {
        if (function == 0) {
            throw new IllegalArgumentException("a call of address 0: the symbol was not found");
        }
        try {
            return (long) Call.HANDLE.invokeExact(MemorySegment.ofAddress(function), a, b, c, d, e, f);
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }
}
