// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.WorkerState;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

/** By how much Linux may wake the library's threads late. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TimerSlackTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    private static int slack() {
        return Backend.linux().prctl(LinuxCalls.PR_GET_TIMERSLACK, 0);
    }

    @Test
    @Rule({"CX-7"})
    @DisplayName(
            "CX-7: workers have a timer slack of 1 ns, and their state says so; the thread that made them keeps its own")
    void workersHaveNoSlack() throws Exception {
        int before = slack();
        CompletableFuture<Integer> inWork = new CompletableFuture<>();
        CompletableFuture<Integer> inTask = new CompletableFuture<>();
        Workqueue<Work> wq = Workqueue.create(
                test.get(),
                "slack",
                (work, arg) -> inWork.complete(slack()),
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE);
        Taskq tq = Taskq.create(test.get(), "slack", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        wq.enqueue(new Work(), null);
        tq.add(Task.initializer(future -> future.complete(slack()), inTask));
        assertThat(inWork.get(30, TimeUnit.SECONDS)).isEqualTo(1);
        assertThat(inTask.get(30, TimeUnit.SECONDS)).isEqualTo(1);
        for (WorkerState worker : wq.workers()) {
            assertThat(worker.thread().timerSlackNanos()).isEqualTo(1);
        }
        assertThat(slack()).isEqualTo(before).isGreaterThan(1);
        wq.drainAndDestroy();
        tq.destroy();
    }
}
