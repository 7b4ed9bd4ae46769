// SPDX-License-Identifier: BSD-2-Clause
/**
 * The contract of {@code LinuxCalls}, run against each backend and then side by side, and the choice among backends.
 *
 * <p>Tests that change a thread's state do so on a thread of their own, because neither an affinity mask nor a lowered
 * priority can always be taken back. Each wait is bounded. What a call did is read from {@code /proc}, not asked of the
 * backend under test.
 */
@NullMarked
package org.percpu.tests.bindings;

import org.jspecify.annotations.NullMarked;
