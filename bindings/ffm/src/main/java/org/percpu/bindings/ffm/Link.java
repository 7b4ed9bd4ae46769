// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.ffm;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What {@link LibC} calls: one handle for each of four shapes of functions, and the addresses of the functions.
 *
 * <p>Everything here is made by methods that can be repeated after they have failed, and before a class is initialised
 * that has it in a constant, and only copies it. A link inside a class initialiser that fails for want of stack or
 * memory would leave the class unusable for good.
 *
 * <p>The JVM makes classes for each new shape, which takes milliseconds. So all shapes but the first are linked when
 * they are first called. The arguments of both calling conventions, x86-64 and aarch64, are 64-bit registers. A
 * function reads as much of a register as its parameter is wide, and ignores registers for which it has no parameter.
 * The result is as wide as its type; the bits above have no meaning. Linux passes the integers of variadic functions in
 * the same registers.
 */
final class Link {
    private static @Nullable Link made;
    private static @Nullable MethodHandle plain;
    private static @Nullable MethodHandle critical;
    private static @Nullable MethodHandle seven;

    /**
     * A function with up to six integers or pointers, and errno as it leaves it. The type is {@code (MemorySegment
     * function, MemorySegment errno, long, long, long, long, long, long) long}.
     */
    final MethodHandle withErrno =
            Linker.nativeLinker().downcallHandle(sixWords(), Linker.Option.captureCallState("errno"));

    private final Map<String, MemorySegment> functions = new HashMap<>();

    private Link() {
        SymbolLookup library = Linker.nativeLinker().defaultLookup();
        for (String name : names()) {
            functions.put(name, find(library, name));
        }
    }

    /** Six arguments go into registers; a seventh would not. */
    private static FunctionDescriptor sixWords() {
        ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
        return FunctionDescriptor.of(word, word, word, word, word, word, word);
    }

    /**
     * Links the first shape and finds the functions, unless that has been done.
     *
     * @throws UnsatisfiedLinkError if the C library lacks a function
     */
    static synchronized Link all() {
        Link all = made;
        if (all == null) {
            all = new Link();
            made = all;
        }
        return all;
    }

    /**
     * A function with up to six integers or pointers that does not use errno. It needs no memory, and calls of it
     * allocate nothing, not even where the compiler inlines no further. The type is
     * {@code (MemorySegment function, long, long, long, long, long, long) long}.
     */
    static synchronized MethodHandle plain() {
        MethodHandle handle = plain;
        if (handle == null) {
            handle = Linker.nativeLinker().downcallHandle(sixWords());
            plain = handle;
        }
        return handle;
    }

    /** A function without parameters that returns at once, whatever happens: {@code (MemorySegment function) long}. */
    static synchronized MethodHandle critical() {
        MethodHandle handle = critical;
        if (handle == null) {
            handle = Linker.nativeLinker()
                    .downcallHandle(FunctionDescriptor.of(ValueLayout.JAVA_LONG), Linker.Option.critical(false));
            critical = handle;
        }
        return handle;
    }

    /**
     * A function with seven integers or pointers, of which the last goes to the stack, and errno as it leaves it. The
     * type is {@code (MemorySegment function, MemorySegment errno, long, long, long, long, long, long, long) long}.
     */
    static synchronized MethodHandle seven() {
        MethodHandle handle = seven;
        if (handle == null) {
            FunctionDescriptor words = sixWords().appendArgumentLayouts(ValueLayout.JAVA_LONG);
            handle = Linker.nativeLinker().downcallHandle(words, Linker.Option.captureCallState("errno"));
            seven = handle;
        }
        return handle;
    }

    /** The address of a function that is among {@link #names}. */
    MemorySegment function(String name) {
        MemorySegment function = functions.get(name);
        if (function == null) {
            throw new AssertionError(name + " is not among the names in Link; add it there");
        }
        return function;
    }

    private static MemorySegment find(SymbolLookup library, String name) {
        Optional<MemorySegment> found = library.find(name);
        if (found.isEmpty()) {
            // Before glibc 2.34 the functions of threads and timers were not in libc.
            found = library("libpthread.so.0").or(library("librt.so.1")).find(name);
        }
        return found.orElseThrow(() -> new UnsatisfiedLinkError("unresolved symbol: " + name));
    }

    private static SymbolLookup library(String name) {
        try {
            return SymbolLookup.libraryLookup(name, Arena.global());
        } catch (IllegalArgumentException e) {
            return symbol -> Optional.empty();
        }
    }

    /** The functions that {@link LibC} asks for. */
    private static String[] names() {
        return new String[] {
            "sched_setaffinity",
            "sched_getaffinity",
            "sched_getscheduler",
            "sched_getparam",
            "sched_get_priority_min",
            "sched_get_priority_max",
            "sched_yield",
            "setpriority",
            "sigpending",
            "sigqueue",
            "sigtimedwait",
            "getrlimit",
            "setrlimit",
            "timer_create",
            "timer_settime",
            "timer_delete",
            "fcntl",
            "prctl",
            "getpid",
            "geteuid",
            "pthread_self",
            "pthread_setname_np",
            "pthread_getname_np",
            "pthread_setschedparam",
            "pthread_getschedparam",
            "pthread_kill",
            "pthread_sigqueue",
            "pthread_sigmask",
            "__libc_current_sigrtmin",
            "__libc_current_sigrtmax",
            "sysconf",
            "strerror_r",
            "strncpy",
            "dlopen",
            "dlsym",
            "dlerror",
            "syscall",
            "sched_getcpu",
            "gnu_get_libc_version",
        };
    }
}
