// SPDX-License-Identifier: BSD-2-Clause
/**
 * Creation that the system refuses, of everything that makes threads ({@code Maker}): too few threads for the user, too little memory for
 * the process. Each scenario is a program that runs in a JVM of its own, because it takes what the tests beside it would need.
 */
@NullMarked
package org.percpu.tests.scarce;

import org.jspecify.annotations.NullMarked;
