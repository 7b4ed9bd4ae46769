// SPDX-License-Identifier: BSD-2-Clause
/**
 * Samples, in the order in which to read them: one idea each, the command that runs it at its top. Build once with
 * {@code affinity-tests/percpu --help} or {@code mvn package}.
 */
@NullMarked
package org.percpu.tests.samples;

import org.jspecify.annotations.NullMarked;
