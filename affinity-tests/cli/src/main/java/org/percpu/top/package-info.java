// SPDX-License-Identifier: BSD-2-Clause
/**
 * Kernels of another process, as it shows them by JMX. {@link org.percpu.top.Target} attaches to a process and says in
 * one line why it cannot; {@link org.percpu.top.Kernels} reads what the kernels show; {@link org.percpu.top.Plain} makes
 * names of that process harmless.
 */
@NullMarked
package org.percpu.top;

import org.jspecify.annotations.NullMarked;
