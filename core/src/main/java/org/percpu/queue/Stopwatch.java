// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import org.jspecify.annotations.Nullable;
import org.percpu.events.Events;
import org.percpu.events.Trace;
import org.percpu.events.WorkRun;
import org.percpu.lwp.Reports;

/** Measures the runs of one worker, for its counters and for recordings. Only the worker uses it. */
final class Stopwatch {
    private final boolean timing;

    /** How long works have waited, and how long they ran; null if the kernel does not time its works. */
    final @Nullable TimeBuckets waiting;

    final @Nullable TimeBuckets running;

    private @Nullable WorkRun record;
    private boolean records;
    private int stamp; // when the item that runs was enqueued

    Stopwatch(boolean timing) {
        this.timing = timing;
        this.waiting = timing ? new TimeBuckets() : null;
        this.running = timing ? new TimeBuckets() : null;
        if (timing) {
            Stamps.make();
        }
    }

    /** Looks whether somebody wants to know how long works run. */
    boolean look() {
        Events.refresh();
        records = Trace.measures();
        if (records && record == null) {
            Stamps.make();
            record = Events.works();
        }
        return timing || records;
    }

    /** The item is still pending here. */
    void load(Item item) {
        stamp = Stamps.take(item.id);
    }

    /** Returns the time at which the run begins. */
    long begin(Item item) {
        WorkRun writer = records && item.isOfUser() ? record : null;
        if (writer != null) {
            writer.begin();
        }
        return System.nanoTime();
    }

    /** Returns how long the run took. */
    long end(String queue, Item item, int id, long start) {
        long ran = System.nanoTime() - start;
        long waited = Stamp.waited(stamp, start);
        TimeBuckets waits = waiting;
        TimeBuckets runs = running;
        if (waits != null && runs != null) {
            runs.record(ran);
            if (waited != Stamp.UNKNOWN) {
                waits.record(waited);
            }
        }
        WorkRun writer = records && item.isOfUser() ? record : null;
        if (writer != null) {
            writer.end(queue, item);
            if (writer.isTraced()) {
                writer.commit(queue, Reports.nameOf(item), id, waited);
            }
        }
        return ran;
    }
}
