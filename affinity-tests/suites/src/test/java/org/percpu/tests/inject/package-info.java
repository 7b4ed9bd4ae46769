// SPDX-License-Identifier: BSD-2-Clause
/**
 * Errors inside the library's own code. An agent puts a point before each allocation and each call of the library; a scenario is
 * run again and again, with an error at the first point, the second, and so on until none is hit. After each, every queue, worker and
 * line must work or have said no, and each work must have run, be returned, or be refused. Each scenario has a JVM of its own.
 */
@NullMarked
package org.percpu.tests.inject;

import org.jspecify.annotations.NullMarked;
