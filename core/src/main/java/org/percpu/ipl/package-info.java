// SPDX-License-Identifier: BSD-2-Clause
/**
 * Interrupt priority levels, spl(9), and mutexes with a level, mutex(9). Package {@code org.percpu.intr} above has the
 * interrupts themselves.
 *
 * <p><b>The ladder.</b> {@link org.percpu.ipl.Ipl} is one for both systems. Levels for hardware have a real-time signal
 * each, the highest level the lowest number, so that the kernel hands them out in the order of the levels.
 * {@link org.percpu.ipl.SplSupport} shows which. No level ever blocks a signal that HotSpot, the JDK or the C library
 * uses, nor one that no line has.
 *
 * <p><b>What holds a level.</b> The classes here are what users see. The level word, the pending interrupts and the
 * spin mutexes of a thread are in {@code org.percpu.dispatch}, which users do not see. So the threads and queues of the
 * library use these without a public method for each.
 *
 * <p><b>One answer for a mistake.</b> A null argument is {@code ErrnoException} EINVAL with its name. A sleep at a
 * raised level is EPERM. A wrong cookie, and a call on another thread than the level's, is
 * {@code IllegalStateException}. A mutex that must not be taken or released is {@code IllegalMonitorStateException}, as
 * for every {@code Lock}.
 *
 * <p><b>Rules</b> that comments and tests cite: R1 a level belongs to its thread; R2 raising never lowers; R3 splx runs
 * what is no longer masked before it returns; R4 pairs nest; R5 requests without a value are one; R6 a handler starts
 * and returns at its level; R7 no sleep at a raised level; R9 splassert; R10 spl0 and spllowersoftclock lower whatever
 * is open.
 *
 * <p><b>Names.</b>
 *
 * <ul>
 * <li>{@code Ipl}: a level, one of the ladder.
 * <li>{@code Spl}: the level of one thread, with its named raises.
 * <li>{@code SplMode}: how a thread masks signals, EAGER or LAZY.
 * <li>{@code SplSupport}: which features work in this process.
 * <li>{@code Mutex}: a lock with a level. A spin mutex raises the level while it is held; an adaptive one may sleep.
 * </ul>
 */
@NullMarked
package org.percpu.ipl;

import org.jspecify.annotations.NullMarked;
