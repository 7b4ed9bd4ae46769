// SPDX-License-Identifier: BSD-2-Clause
/**
 * Mutants: seeded faults in the library, one at a time, that the suites must find. {@code affinity-tests/mutants/mutants.txt} is the
 * list; the profile {@code mutants} runs it.
 */
@NullMarked
package org.percpu.tests.mutants;

import org.jspecify.annotations.NullMarked;
