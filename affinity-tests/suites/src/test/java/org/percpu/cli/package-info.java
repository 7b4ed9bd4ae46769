// SPDX-License-Identifier: BSD-2-Clause
/**
 * Tests of the command line: in this process where the answer is all that counts, in a child where the process itself matters (its
 * CPUs, its user, its exit status). Children have this process's Java, class path and backend.
 */
@NullMarked
package org.percpu.cli;

import org.jspecify.annotations.NullMarked;
