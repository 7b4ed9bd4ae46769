// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.ffm;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * Links C functions in three shapes only. The JVM makes classes for each new shape, which takes milliseconds. It makes
 * none for a further function of a known shape.
 *
 * <p>The arguments of both calling conventions, x86-64 and aarch64, are 64-bit registers. A function reads as much of a
 * register as its parameter is wide, and ignores registers for which it has no parameter. The result is as wide as its
 * type; the bits above have no meaning. Linux passes the integers of variadic functions in the same registers.
 */
final class Link {
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;

    /** Six arguments go into registers; a seventh would not. */
    private static final FunctionDescriptor SIX_WORDS = FunctionDescriptor.of(WORD, WORD, WORD, WORD, WORD, WORD, WORD);

    private static final FunctionDescriptor NOTHING = FunctionDescriptor.of(WORD);
    private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");
    private static final Linker.Option CRITICAL = Linker.Option.critical(false);

    private Link() {}

    /**
     * A function with up to six integers or pointers that does not use errno. It needs no memory, and calls of it
     * allocate nothing, not even where the compiler inlines no further.
     *
     * @return a handle of the type {@code (long, long, long, long, long, long) long}
     */
    static MethodHandle plain(String name) {
        return Linker.nativeLinker().downcallHandle(symbol(name), SIX_WORDS);
    }

    /** {@link #plain} for any function, whose address comes as a leading {@code MemorySegment}. */
    static MethodHandle anyPlain() {
        return Linker.nativeLinker().downcallHandle(SIX_WORDS);
    }

    /**
     * A function with up to six integers or pointers, and errno as it leaves it.
     *
     * @return a handle of the type {@code (MemorySegment errno, long, long, long, long, long, long) long}
     */
    static MethodHandle withErrno(String name) {
        return Linker.nativeLinker().downcallHandle(symbol(name), SIX_WORDS, ERRNO);
    }

    /**
     * A function without parameters that returns at once, whatever happens.
     *
     * @return a handle of the type {@code () long}
     */
    static MethodHandle critical(String name) {
        return Linker.nativeLinker().downcallHandle(symbol(name), NOTHING, CRITICAL);
    }

    /**
     * The address of a function of the C library.
     *
     * @throws UnsatisfiedLinkError if it has none of that name
     */
    static MemorySegment symbol(String name) {
        Optional<MemorySegment> found = Linker.nativeLinker().defaultLookup().find(name);
        return found.isPresent()
                ? found.get()
                : BeforeGlibc234.LIBRARIES
                        .find(name)
                        .orElseThrow(() -> new UnsatisfiedLinkError("unresolved symbol: " + name));
    }

    /** Where glibc had the functions of threads and timers before they came to libc. */
    private static final class BeforeGlibc234 {
        static final SymbolLookup LIBRARIES = library("libpthread.so.0").or(library("librt.so.1"));

        private static SymbolLookup library(String name) {
            try {
                return SymbolLookup.libraryLookup(name, Arena.global());
            } catch (IllegalArgumentException e) {
                return symbol -> Optional.empty();
            }
        }
    }

    /** Downcalls throw no checked exceptions, whatever {@code invokeExact} declares. */
    static Error unexpected(Throwable thrown) {
        if (thrown instanceof RuntimeException e) {
            throw e;
        }
        return thrown instanceof Error e ? e : new AssertionError("a downcall threw a checked exception", thrown);
    }
}
