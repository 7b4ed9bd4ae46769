// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A test class that has the machine for itself: no class of another JVM of the suites runs meanwhile. It is for tests that take a CPU
 * offline, use all CPUs at a real-time priority, or measure time against a bound.
 *
 * @see MachineLock
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Inherited
public @interface Alone {}
