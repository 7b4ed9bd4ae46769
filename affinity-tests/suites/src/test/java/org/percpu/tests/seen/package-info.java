// SPDX-License-Identifier: BSD-2-Clause
/** What a program shows of itself while it runs: events, counters, stalls, what JMX tells. */
@NullMarked
package org.percpu.tests.seen;

import org.jspecify.annotations.NullMarked;
