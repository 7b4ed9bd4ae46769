// SPDX-License-Identifier: BSD-2-Clause
/**
 * {@link org.percpu.bindings.spi.LinuxCalls} over the foreign function API.
 *
 * <p>From the ground up:
 *
 * <ul>
 *   <li>{@code generated} is what jextract makes of {@code native/jextract/linux.h}: committed, unedited, not
 *       null-marked.
 *   <li>{@code Link} links a function of the C library by its name, with errno captured: a read after the call may see
 *       an errno of the JVM.
 *   <li>{@code ErrnoCalls} is the functions that report through errno, and those that every start needs. The others are
 *       used as generated; they return their error number, as {@code pthread_*} do, or cannot fail.
 *   <li>{@code Scratch} is the native memory of one thread: arguments, results, errno.
 *   <li>{@code Everything} is all memory as one constant segment, for reads and writes of single words.
 *   <li>{@code FfmLinuxCalls} marshals between Java arrays and the scratch memory.
 *   <li>{@code FfmProvider} opens it all, and says which flag is missing if it may not.
 * </ul>
 *
 * <p>Start-up decides how functions are linked. The JVM makes some ten classes for each new shape of a function, and
 * keeps them. The shape is the parameter types with the options of the link. So {@code Link} has three shapes only: six
 * 64-bit words with errno, six without, and no parameter. {@code native/audit} asserts the real parameters. Nothing on
 * the way to the first pinned thread touches the generated classes, which open two libraries and link each function in
 * a shape of its own.
 *
 * <p>Each handle stands in a static final field of a class of its own: the JIT folds the handle into the call, a
 * function costs nothing before it is called, and a function that the C library lacks does not affect the others. glibc
 * is required: before 2.34 part of the functions is in {@code libpthread.so.0} and {@code librt.so.1}.
 *
 * <p>Only a call that returns at once, whatever happens, skips the thread state transition
 * ({@code Linker.Option.critical}): {@code sched_getcpu}. A call that skips it and blocks would hold up every garbage
 * collection.
 */
@NullMarked
package org.percpu.bindings.ffm;

import org.jspecify.annotations.NullMarked;
