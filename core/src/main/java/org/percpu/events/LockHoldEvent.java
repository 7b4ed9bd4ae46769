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

@Name("org.percpu.LockHold")
@Label("Lock Hold")
@Description("A thread has held the kernel lock or a mutex")
@Category("percpu")
@Enabled(false)
@StackTrace(false)
final class LockHoldEvent extends Event {
    @Label("Lock")
    @Nullable
    String lock;

    @Label("CPU")
    int cpu;
}
