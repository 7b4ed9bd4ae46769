// SPDX-License-Identifier: BSD-2-Clause
/**
 * The contracts of OpenBSD's taskq, workq and kthread, one test a sentence, each with the rules it shows.
 *
 * <p>A task that must be held is held by a {@code Plug}; waits are bounded. That something does <em>not</em> happen is shown by
 * a wait that runs out, after everything that would make it happen has been seen. Races are run for many rounds and judged by
 * exact counts.
 */
package org.percpu.tests.openbsd;
