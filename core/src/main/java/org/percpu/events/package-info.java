// SPDX-License-Identifier: BSD-2-Clause
/**
 * The events of a flight recording: pins, pins lost and restored, denied policies, and works that ran for long.
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
