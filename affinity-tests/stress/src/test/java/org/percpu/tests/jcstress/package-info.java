// SPDX-License-Identifier: BSD-2-Clause
/**
 * Races of the interfaces, by jcstress: real queues and kernel threads, one kernel for each forked JVM. The races inside the engine
 * are beside its parts in {@code org.percpu.queue} and {@code org.percpu.openbsd}, where an actor plays the worker.
 */
@NullMarked
package org.percpu.tests.jcstress;

import org.jspecify.annotations.NullMarked;
