// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.ffm;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;

/**
 * dlopen(3) and calls through addresses. Not a {@code SymbolLookup}: that throws away what dlerror says, and unloads with its arena,
 * while a signal handler may be in the library.
 */
final class DynamicLinking {
    private static final int RTLD_NOW = 2;

    /** dlerror is linked before the first dlopen: looking a symbol up would wipe out its message. */
    private static final MethodHandle ERROR = link("dlerror", FunctionDescriptor.of(ValueLayout.ADDRESS));

    private static final MethodHandle OPEN =
            link("dlopen", FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));

    private static final MethodHandle SYMBOL =
            link("dlsym", FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS));

    private static final class Call {
        static final MethodHandle HANDLE = Linker.nativeLinker()
                .downcallHandle(FunctionDescriptor.of(
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG));
    }

    private DynamicLinking() {}

    private static MethodHandle link(String name, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        MemorySegment function = linker.defaultLookup()
                .find(name)
                .orElseThrow(() -> new UnsupportedOperationException("the C library has no " + name));
        return linker.downcallHandle(function, descriptor);
    }

    private static Error unexpected(Throwable thrown) {
        if (thrown instanceof RuntimeException e) {
            throw e;
        }
        return thrown instanceof Error e ? e : new AssertionError("a downcall threw a checked exception", thrown);
    }

    static long open(MemorySegment name, @Nullable String path) {
        try {
            long library = (long) OPEN.invokeExact(name, RTLD_NOW);
            if (library == 0) {
                MemorySegment text = (MemorySegment) ERROR.invokeExact();
                throw new UnsupportedOperationException(
                        text.address() == 0 ? "dlopen of " + path + " failed" : string(text));
            }
            return library;
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static String string(MemorySegment text) {
        return text.reinterpret(Long.MAX_VALUE).getString(0);
    }

    static long symbol(long library, MemorySegment name) {
        try {
            return (long) SYMBOL.invokeExact(library, name);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    static long call(long function, long a, long b, long c, long d, long e, long f) {
        if (function == 0) {
            throw new IllegalArgumentException("a call of address 0: the symbol was not found");
        }
        try {
            return (long) Call.HANDLE.invokeExact(MemorySegment.ofAddress(function), a, b, c, d, e, f);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }
}
