// SPDX-License-Identifier: BSD-2-Clause
/** What only a simulated machine can be made to do: faults from a seed, CPUs that come and go, any number of CPUs. */
@NullMarked
package org.percpu.tests.sim;

import org.jspecify.annotations.NullMarked;
