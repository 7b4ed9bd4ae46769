// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

@Name("org.percpu.Fault")
@Label("Fault")
@Description("A callback threw")
@Category("percpu")
@StackTrace(false)
final class FaultEvent extends Event {
    @Label("Queue")
    @Nullable
    String queue;

    @Label("Item")
    @Nullable
    String item;

    @Label("Thrown")
    @Nullable
    String thrown;
}
