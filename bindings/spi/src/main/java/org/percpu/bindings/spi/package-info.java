// SPDX-License-Identifier: BSD-2-Clause
/**
 * The seam between the library and native code: {@link org.percpu.bindings.spi.LinuxCalls} is the C library as one Java
 * interface, {@link org.percpu.bindings.spi.Backend} finds an implementation.
 *
 * <p>Nothing here knows the foreign function API or JNA, and nothing behind it knows threads or queues. Meaning,
 * messages and policy live in {@code org.percpu.core}.
 */
@NullMarked
package org.percpu.bindings.spi;

import org.jspecify.annotations.NullMarked;
