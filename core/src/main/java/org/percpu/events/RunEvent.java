// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

@Name("org.percpu.Run")
@Label("Run")
@Description("A worker has run a work or task")
@Category("percpu")
@Enabled(false)
@StackTrace(false)
final class RunEvent extends Event {
    @Label("Queue")
    @Nullable
    String queue;

    @Label("Item")
    @Nullable
    String item;

    @Label("Item Id")
    int id;

    @Label("Waited")
    @Timespan(Timespan.NANOSECONDS)
    long waited;

    @Label("CPU")
    int cpu;

    @Label("CPU at the End")
    int endCpu;
}
