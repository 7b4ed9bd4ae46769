// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

@Name("org.percpu.PinLost")
@Label("Pin Lost")
@Description("The kernel's mask of a thread was no longer the one asked for")
@Category("percpu")
@StackTrace(false)
final class PinLostEvent extends PinEvent {
    @Label("CPUs Found")
    @Nullable
    String found;

    @Label("Pinned Again")
    boolean repinned;
}
