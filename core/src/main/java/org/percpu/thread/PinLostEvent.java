// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.CpuSet;

@Name("org.percpu.PinLost")
@Label("Pin Lost")
@Description("The kernel's mask of a thread was no longer the one asked for")
@Category("percpu")
@StackTrace(false)
final class PinLostEvent extends Event {
    @Label("Thread Name")
    @Nullable
    String name;

    @Label("Thread Id")
    int tid;

    @Label("CPUs Asked")
    @Nullable
    String asked;

    @Label("CPUs Found")
    @Nullable
    String found;

    @Label("Pinned Again")
    boolean repinned;

    static void commit(String name, int tid, CpuSet asked, CpuSet found, boolean repinned) {
        PinLostEvent event = new PinLostEvent();
        if (event.shouldCommit()) {
            event.name = name;
            event.tid = tid;
            event.asked = asked.toString();
            event.found = found.toString();
            event.repinned = repinned;
            event.commit();
        }
    }
}
