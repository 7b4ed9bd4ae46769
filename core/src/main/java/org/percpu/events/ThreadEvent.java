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

@Name("org.percpu.Thread")
@Label("Kernel Thread")
@Description("A kernel thread has reached a state of its life")
@Category("percpu")
@Enabled(false)
@StackTrace(false)
final class ThreadEvent extends Event {
    @Label("Thread Name")
    @Nullable
    String name;

    @Label("Thread Id")
    int tid;

    @Label("Scheduling Asked")
    @Nullable
    String pri;

    @Label("State")
    @Nullable
    String state;
}
