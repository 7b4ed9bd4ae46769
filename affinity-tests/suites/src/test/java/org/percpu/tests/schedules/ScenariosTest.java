// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.schedules;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.tests.support.Machine;

/** The scenarios for controlled schedules, each in the one schedule that comes. */
@Timeout(60)
@DisplayName("In whatever schedule comes, nothing is lost:")
class ScenariosTest {
    private final Scenarios scenarios = new Scenarios();

    @BeforeAll
    static void onASimulatedMachine() {
        Machine.skipUnless(Machine.isSimulated(), "needs a simulated machine: -Dpercpu.backend=sim");
    }

    @Test
    @DisplayName("workqueue: enqueue from two threads, drain")
    void workqueue() throws InterruptedException {
        scenarios.workqueue();
    }

    @Test
    @DisplayName("workqueue_wait of a work that may be anywhere")
    void workqueueWait() throws InterruptedException {
        scenarios.workqueueWait();
    }

    @Test
    @DisplayName("the end of a queue whose worker is about to sleep")
    void workqueueEnd() throws InterruptedException {
        scenarios.workqueueEnd();
    }

    @Test
    @DisplayName("taskq: add, del, barrier by two threads")
    void taskq() throws InterruptedException {
        scenarios.taskq();
    }

    @Test
    @DisplayName("adds that race with the end of the queue")
    void taskqEnd() throws InterruptedException {
        scenarios.taskqEnd();
    }
}
