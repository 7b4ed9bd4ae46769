// SPDX-License-Identifier: BSD-2-Clause
/**
 * Samples, in the order in which to read them: one idea each, the command that runs it at its top. Build once with
 * {@code affinity-tests/percpu --help} or {@code mvn package}.
 *
 * <p>Sample 6, where C code posts works, is in {@code affinity-tests/cli/src/samples}: it needs Java 22, and this module is for Java 17.
 */
@NullMarked
package org.percpu.samples;

import org.jspecify.annotations.NullMarked;
