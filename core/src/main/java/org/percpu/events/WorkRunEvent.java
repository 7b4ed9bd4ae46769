// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Threshold;
import org.jspecify.annotations.Nullable;

@Name("org.percpu.WorkRun")
@Label("Work Run")
@Description("A work or task ran for longer than the threshold")
@Category("percpu")
@Threshold("10 ms")
@StackTrace(false)
final class WorkRunEvent extends Event {
    @Label("Queue")
    @Nullable
    String queue;

    @Label("Item")
    @Nullable
    String item;
}
