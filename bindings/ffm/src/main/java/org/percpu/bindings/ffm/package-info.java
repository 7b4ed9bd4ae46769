// SPDX-License-Identifier: BSD-2-Clause
/**
 * {@link org.percpu.bindings.spi.LinuxCalls} over the foreign function API.
 *
 * <p>From the ground up:
 *
 * <ul>
 *   <li>{@code generated} is what jextract makes of {@code native/jextract/linux.h}: committed, unedited, not
 *       null-marked. Nothing here uses it at run time, because it links functions inside class initialisers. Tests
 *       compare its constants with {@code native/audit}.
 *   <li>{@code Link} links functions of the C library by their names. Its methods can be repeated.
 *   <li>{@code LibC} is the functions under their C names. errno is captured, since a read after the call may see an
 *       errno of the JVM.
 *   <li>{@code Scratch} is the native memory of one thread: arguments, results, errno.
 *   <li>{@code Everything} is all memory as one constant segment, for reads and writes of single words.
 *   <li>{@code FfmLinuxCalls} marshals between Java arrays and the scratch memory.
 *   <li>{@code FfmProvider} opens it all, and says which flag is missing if it may not.
 * </ul>
 *
 * <p>Start-up decides how functions are linked. The JVM makes some ten classes for each new shape of a function, and
 * keeps them. The shape is the parameter types with the options of the link. So {@code Link} has three shapes only: six
 * 64-bit words with errno, six without, and no parameter. {@code native/audit} asserts the real parameters. The first
 * shape is linked when the backend opens, and has every function that a thread needs until it is pinned. The other two
 * are linked when they are first called.
 *
 * <p>A link may meet the end of a stack or of memory, and must then be possible again. A class whose initialiser fails
 * is unusable for good, the JDK's classes as well. So no function is linked in a class initialiser; the handles and the
 * addresses stand in static final fields, which the JIT folds into the call, of classes whose initialisers copy what
 * was linked before. {@code StackRoom} tries the stack before a link, and so before the JDK initialises its classes.
 *
 * <p>glibc is required, with every function: before 2.34 part of the functions is in {@code libpthread.so.0} and
 * {@code librt.so.1}.
 *
 * <p>Only a call that returns at once, whatever happens, skips the thread state transition
 * ({@code Linker.Option.critical}): {@code sched_getcpu}. A call that skips it and blocks would hold up every garbage
 * collection.
 */
@NullMarked
package org.percpu.bindings.ffm;

import org.jspecify.annotations.NullMarked;
