// SPDX-License-Identifier: BSD-2-Clause
/**
 * The counters of kernels as meters of Micrometer, see {@link org.percpu.bindings.micrometer.KernelMetrics}.
 *
 * <p>Nothing is counted here: each meter reads a counter of the kernel when the registry asks for it.
 */
@NullMarked
package org.percpu.bindings.micrometer;

import org.jspecify.annotations.NullMarked;
