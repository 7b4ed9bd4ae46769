// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

@Name("org.percpu.Pinned")
@Label("Thread Pinned")
@Description("A thread was placed, with the mask that the kernel reports")
@Category("percpu")
@StackTrace(false)
final class PinnedEvent extends PinEvent {
    @Label("CPUs Allowed")
    @Nullable
    String allowed;
}
