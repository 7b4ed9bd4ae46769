// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.events;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** What all events of a pin tell. */
@Category("percpu")
@StackTrace(false)
abstract class PinEvent extends Event {
    @Label("Thread Name")
    @Nullable
    String name;

    @Label("Thread Id")
    int tid;

    @Label("CPUs Asked")
    @Nullable
    String asked;
}
