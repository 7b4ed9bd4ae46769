// SPDX-License-Identifier: BSD-2-Clause
/**
 * The seam between the library and native code: {@link org.percpu.bindings.spi.LinuxCalls} is the C library as one Java
 * interface, {@link org.percpu.bindings.spi.Backend} finds an implementation.
 *
 * <p>Users meet the exceptions. {@link org.percpu.bindings.spi.PercpuException} is the parent of those with an error
 * number: {@link org.percpu.bindings.spi.LinuxException} when a call of the C library failed, and
 * {@link org.percpu.bindings.spi.ErrnoException} when a manual page forbids a call or lists its error.
 * {@link org.percpu.bindings.spi.Errno} names the numbers. {@link org.percpu.bindings.spi.NoBackendException} says why
 * no backend runs here.
 *
 * <p>The rest is for the library and its backends: {@link org.percpu.bindings.spi.LinuxCallsProvider} is how a backend
 * is found, {@link org.percpu.bindings.spi.Tasks} reads {@code /proc/self/task},
 * {@link org.percpu.bindings.spi.Argument} checks arguments, and {@link org.percpu.bindings.spi.StackRoom} tries the
 * stack before a class is initialised that must not meet its end.
 *
 * <p>Nothing here knows the foreign function API or JNA, and nothing behind it knows threads or queues. Meaning,
 * messages and policy live in {@code org.percpu.core}.
 */
@NullMarked
package org.percpu.bindings.spi;

import org.jspecify.annotations.NullMarked;
