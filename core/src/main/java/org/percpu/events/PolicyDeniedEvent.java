// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

@Name("org.percpu.PolicyDenied")
@Label("Scheduling Policy Denied")
@Description("A real-time policy was asked for and not granted")
@Category("percpu")
@StackTrace(false)
final class PolicyDeniedEvent extends Event {
    @Label("Thread Name")
    @Nullable
    String name;

    @Label("Thread Id")
    int tid;

    @Label("Scheduling Asked")
    @Nullable
    String asked;

    @Label("Reason")
    @Nullable
    String reason;
}
