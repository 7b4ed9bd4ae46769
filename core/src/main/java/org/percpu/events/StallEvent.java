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

@Name("org.percpu.Stall")
@Label("Stall")
@Description("A worker, a queue, the kernel lock or a thread makes no progress")
@Category("percpu")
@StackTrace(false)
final class StallEvent extends Event {
    @Label("Kernel")
    @Nullable
    String kernel;

    @Label("Kind")
    @Nullable
    String kind;

    @Label("Queue or Lock")
    @Nullable
    String queue;

    @Label("Item")
    @Nullable
    String item;

    @Label("Lasts")
    @Timespan(Timespan.NANOSECONDS)
    long lasts;

    @Label("Thread Name")
    @Nullable
    String name;

    @Label("Thread Id")
    int tid;

    @Label("CPU")
    int cpu;

    @Label("Text")
    @Nullable
    String text;
}
