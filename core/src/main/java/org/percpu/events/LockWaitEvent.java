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

@Name("org.percpu.LockWait")
@Label("Lock Wait")
@Description("A thread has waited for the kernel lock or a mutex")
@Category("percpu")
@Enabled(false)
@StackTrace(false)
final class LockWaitEvent extends Event {
    @Label("Lock")
    @Nullable
    String lock;

    @Label("Holder at the Beginning")
    @Nullable
    String holder;

    @Label("CPU")
    int cpu;
}
