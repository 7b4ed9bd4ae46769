// SPDX-License-Identifier: BSD-2-Clause
/**
 * The events of a flight recording, in two groups.
 *
 * <p><b>Rare ones</b>, which every recording has unless it leaves them out: pins, pins lost and restored, denied
 * policies, works that ran for long, timers called late, callbacks that threw, and stalls.
 *
 * <p><b>The trace</b>, which a recording must ask for: Enqueue, Run, LockWait, LockHold, Level, Handler, Sleep and Thread.
 * From these a picture can be drawn of what ran where, when, and what held it up. While no recording asks for them, each
 * place that could write one reads a plain field and branches ({@link org.percpu.events.Trace}).
 *
 * <p>An Enqueue and the Run that it leads to have the same queue and item id. An item has its id for life, so several
 * runs share it; the time of the enqueue is the beginning of the run less what it has waited.
 *
 * <p>The names that the library gives are short: Java 17 may lose texts of 16 to 128 letters in the second and later
 * recordings of a process.
 *
 * <p>The module {@code jdk.jfr} is optional. {@link org.percpu.events.Events} looks once whether it is there; without
 * it every method of that class does nothing, and no event class is loaded. On the module path the module is there if
 * something resolves it: another module that requires it, {@code --add-modules jdk.jfr}, or
 * {@code -XX:StartFlightRecording}.
 *
 * <p>The package is not exported. The names of the events and of their fields are what users see, in {@code jfr print}
 * and in JDK Mission Control.
 */
@NullMarked
package org.percpu.events;

import org.jspecify.annotations.NullMarked;
