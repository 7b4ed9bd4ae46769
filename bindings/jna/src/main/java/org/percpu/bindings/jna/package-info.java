// SPDX-License-Identifier: BSD-2-Clause
/**
 * {@link org.percpu.bindings.spi.LinuxCalls} over JNA, for Java 17 to 22, and for comparison with the FFM backend.
 *
 * <p>The C functions are declared in {@code LibC} as static native methods and registered with JNA ("direct mapping"),
 * with {@code int} and {@code long} as the only types. Structures are written and read at their offsets in a direct
 * buffer that each thread keeps: no {@code Structure}, no reflection into this package, no callbacks, no libffi
 * closures.
 *
 * <p>No method declares {@code LastErrorException}: with that clause JNA throws whenever errno is not zero afterwards,
 * whatever the function returned. JNA saves errno after each call, and {@code JnaLinuxCalls} reads it only after a
 * failure.
 *
 * <p>Opening this backend has side effects of JNA: it unpacks a native library into the user's cache or temporary
 * folder, runs {@code ldconfig -p} once, and starts the daemon thread "JNA Cleaner", which inherits affinity and signal
 * mask of the thread that opens. No later call starts a thread or a process.
 */
@NullMarked
package org.percpu.bindings.jna;

import org.jspecify.annotations.NullMarked;
