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

@Name("org.percpu.Level")
@Label("Level")
@Description("A thread was at a raised interrupt priority level")
@Category("percpu")
@Enabled(false)
@StackTrace(false)
final class LevelEvent extends Event {
    @Label("Level")
    @Nullable
    String level;

    @Label("Rank")
    int rank;

    @Label("CPU")
    int cpu;
}
