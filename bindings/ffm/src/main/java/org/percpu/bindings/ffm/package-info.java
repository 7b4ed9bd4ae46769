// SPDX-License-Identifier: BSD-2-Clause
/**
 * {@link org.percpu.bindings.spi.LinuxCalls} over the foreign function API.
 *
 * <p>From the ground up:
 *
 * <ul>
 *   <li>{@code generated} is what jextract makes of {@code native/jextract/linux.h}: committed, unedited, not null-marked.
 *   <li>{@code ErrnoCalls} is the errno layer. The generated handles do not capture errno, and a read after the call may see
 *       that of the JVM; so functions that report through errno are linked again, from the generated descriptor and
 *       address. Functions that return their error number, as {@code pthread_*} do, or cannot fail are used as generated.
 *   <li>{@code Scratch} is the native memory of one thread: arguments, results, errno.
 *   <li>{@code FfmLinuxCalls} marshals between Java arrays and the scratch memory.
 *   <li>{@code FfmProvider} opens it all, and says which flag is missing if it may not.
 * </ul>
 *
 * <p>Each handle stands in a static final field of a class of its own: the JIT folds it into the call, and a function that
 * the C library lacks spoils itself alone. glibc is required: before 2.34 part of the functions is in {@code libpthread.so.0}
 * and {@code librt.so.1}, which the generated code opens.
 *
 * <p>Only calls that return at once, whatever happens, skip the thread state transition ({@code Linker.Option.critical}):
 * {@code sched_getcpu}, {@code gettid}, {@code pthread_self}. A call that skips it and blocks would hold up every garbage
 * collection.
 */
@NullMarked
package org.percpu.bindings.ffm;

import org.jspecify.annotations.NullMarked;
