// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.io.PrintStream;

/**
 * Where a command writes.
 *
 * @param out the answer
 * @param err everything else
 */
record Streams(PrintStream out, PrintStream err) {}
