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

@Name("org.percpu.Sleep")
@Label("Sleep")
@Description("A thread has slept, with the kernel lock dropped")
@Category("percpu")
@Enabled(false)
@StackTrace(false)
final class SleepEvent extends Event {
    @Label("Wait Message")
    @Nullable
    String wmesg;

    @Label("CPU")
    int cpu;
}
