// SPDX-License-Identifier: BSD-2-Clause
/**
 * What every package above needs to get along with Linux and the JVM: masks whose length only the kernel knows, waits
 * that {@code Thread.interrupt} does not end, threads that are virtual, and the room for more threads. Not exported.
 */
@NullMarked
package org.percpu.linux;

import org.jspecify.annotations.NullMarked;
