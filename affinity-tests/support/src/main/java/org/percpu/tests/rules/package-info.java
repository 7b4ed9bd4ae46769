// SPDX-License-Identifier: BSD-2-Clause
/**
 * The table of rules, made from the tests themselves. {@link org.percpu.tests.rules.RuleRecorder} listens to each run of the suites and
 * writes down which test showed which rule; {@link org.percpu.tests.rules.RuleTable} merges the runs, adds jcstress, and fails the build
 * if a rule has neither a test that passed nor a reason in {@code rules-without-test.md}.
 */
@NullMarked
package org.percpu.tests.rules;

import org.jspecify.annotations.NullMarked;
