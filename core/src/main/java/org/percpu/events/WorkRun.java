// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.events;

/** Writes the runs of one worker, one after the other. It is used again for each run, so that a run allocates nothing. */
public final class WorkRun {
    private final WorkRunEvent slow = new WorkRunEvent();
    private final RunEvent run = new RunEvent();
    private boolean traced;
    private boolean timed;

    WorkRun() {}

    /** A run begins. */
    public void begin() {
        traced = Trace.runs();
        if (traced) {
            run.cpu = CurrentCpu.get();
            run.begin();
        }
        timed = slow.isEnabled();
        if (timed) {
            slow.begin();
        }
    }

    /**
     * The run has ended.
     *
     * @param queue name of its queue
     * @param item the work
     */
    public void end(String queue, Object item) {
        if (traced) {
            run.end();
        }
        if (timed) {
            slow.end();
            if (slow.shouldCommit()) {
                slow.queue = queue;
                slow.item = item.getClass().getName();
                slow.commit();
            }
        }
    }

    /**
     * Whether the run that has ended is to be told by {@link #commit}.
     *
     * @return false if no recording wants it
     */
    public boolean isTraced() {
        return traced;
    }

    /**
     * Writes the run that has ended.
     *
     * @param queue name of its queue
     * @param item what the work calls itself
     * @param id number of the work
     * @param waitedNanos from its enqueue to its run; -1 if unknown
     */
    public void commit(String queue, String item, int id, long waitedNanos) {
        run.queue = queue;
        run.item = item;
        run.id = id;
        run.waited = waitedNanos;
        run.endCpu = CurrentCpu.get();
        run.commit();
    }
}
