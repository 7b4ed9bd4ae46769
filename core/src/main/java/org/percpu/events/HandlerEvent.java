// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

@Name("org.percpu.Handler")
@Label("Handler")
@Description("A thread has run an interrupt handler or the function of a timer")
@Category("percpu")
@Enabled(false)
@StackTrace(false)
final class HandlerEvent extends Event {
    @Label("Line")
    @Nullable
    String line;

    @Label("Rank")
    int rank;

    @Label("CPU")
    int cpu;
}
