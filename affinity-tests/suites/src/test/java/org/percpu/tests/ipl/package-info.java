// SPDX-License-Identifier: BSD-2-Clause
/** Levels, interrupts and native posts: the scenarios of spl(9) on real signals. */
@NullMarked
package org.percpu.tests.ipl;

import org.jspecify.annotations.NullMarked;
