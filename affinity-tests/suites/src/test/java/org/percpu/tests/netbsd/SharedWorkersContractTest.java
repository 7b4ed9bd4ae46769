// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.netbsd;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/**
 * What the suites of workqueue(9) ask of a queue holds for queues that share their threads. A method that is overridden
 * without {@code @Test} does not run.
 */
@Tag("once")
@DisplayName("with sharedWorkers:")
class SharedWorkersContractTest {
    @Nested
    class Create extends WorkqueueCreateTest {
        Create() {
            test.shareWorkers();
        }

        /** The threads have other names: {@link SharedWorkersTest#oneThreadForEachCpu}. */
        @Override
        void aPerCpuQueueHasAWorkerOnEachCpu() {}

        /** As above. */
        @Override
        void namesAreCutForTheKernelAlone(int length) {}
    }

    @Nested
    class Delayed extends DelayedWorkTest {
        Delayed() {
            test.shareWorkers();
        }
    }

    @Nested
    class Destroy extends WorkqueueDestroyTest {
        Destroy() {
            test.shareOneCpu();
        }
    }

    @Nested
    class Enqueue extends WorkqueueEnqueueTest {
        Enqueue() {
            test.shareOneCpu();
        }

        /** There is one CPU: {@link SharedWorkersTest#theSameWorkOnTwoCpus}. */
        @Override
        void theSameWorkMayRunOnTwoCpusAtOnce() {}
    }

    @Nested
    class Peer extends WorkqueuePeerTest {
        Peer() {
            test.shareOneCpu();
        }
    }

    @Nested
    class Worker extends WorkqueueWorkerTest {
        Worker() {
            test.shareOneCpu();
        }

        /** It delays the works of other queues: {@link SharedWorkersTest#aCallbackDelaysOtherQueues}. */
        @Override
        void aSleepingCallbackDelaysOnlyItsQueue() {}
    }
}
