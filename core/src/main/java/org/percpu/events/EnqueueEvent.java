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

@Name("org.percpu.Enqueue")
@Label("Enqueue")
@Description("A work or task was appended to a queue. The event is written before a worker can find it")
@Category("percpu")
@Enabled(false)
@StackTrace(false)
final class EnqueueEvent extends Event {
    @Label("Queue")
    @Nullable
    String queue;

    @Label("Item")
    @Nullable
    String item;

    @Label("Item Id")
    int id;

    @Label("CPU")
    int cpu;
}
