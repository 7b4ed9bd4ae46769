// SPDX-License-Identifier: BSD-2-Clause
/**
 * Small scenarios for a controlled scheduler. Fray runs one in thousands of schedules, each a choice of which thread goes on at every lock,
 * every volatile access and every word of native memory; see CONTRIBUTING. The seed of a schedule decides its faults too. The suite runs
 * each scenario with a few seeds, as an ordinary test.
 *
 * <p>A scenario is a public method without parameters, in a class whose name ends with Scenarios. It waits for nothing by time, and says
 * "lost" or "twice" of what has not run, or has run again. A scenario that is new needs a line of the library that can be made wrong so
 * that the scenario fails.
 */
@NullMarked
package org.percpu.tests.schedules;

import org.jspecify.annotations.NullMarked;
