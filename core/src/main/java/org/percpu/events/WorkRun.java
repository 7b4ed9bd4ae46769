// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.events;

/** The run of one work, measured for the flight recorder. */
public final class WorkRun {
    static final WorkRunEvent PROBE = new WorkRunEvent();

    private final WorkRunEvent event = new WorkRunEvent();

    WorkRun() {
        event.begin();
    }

    /**
     * The work has run. It is recorded if it ran for longer than the recording's threshold.
     *
     * @param queue name of its queue
     * @param item the work, whose class is its name in the recording
     */
    public void end(String queue, Object item) {
        event.end();
        if (event.shouldCommit()) {
            event.queue = queue;
            event.item = item.getClass().getName();
            event.commit();
        }
    }
}
