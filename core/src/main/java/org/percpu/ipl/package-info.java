// SPDX-License-Identifier: BSD-2-Clause
/**
 * Interrupt priority levels, spl(9).
 *
 * <p>{@link org.percpu.ipl.Ipl} is one ladder for both systems; the level of a queue is the highest one at which it may be used.
 */
@NullMarked
package org.percpu.ipl;

import org.jspecify.annotations.NullMarked;
