// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

@Name("org.percpu.TimerLate")
@Label("Timer Late")
@Description("The function of a timer was called more than a millisecond after its time")
@Category("percpu")
@StackTrace(false)
final class TimerLateEvent extends Event {
    @Label("Clock")
    @Nullable
    String clock;

    @Label("Timer")
    @Nullable
    String timer;

    @Label("Late")
    @Timespan(Timespan.NANOSECONDS)
    long late;
}
