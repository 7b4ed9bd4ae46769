// SPDX-License-Identifier: BSD-2-Clause
/**
 * Small scenarios for a controlled scheduler. Fray runs one in thousands of schedules, each a choice of which thread goes on at every lock
 * and every volatile access; see CONTRIBUTING. The suite runs each of them once, as an ordinary test.
 */
@NullMarked
package org.percpu.tests.schedules;

import org.jspecify.annotations.NullMarked;
