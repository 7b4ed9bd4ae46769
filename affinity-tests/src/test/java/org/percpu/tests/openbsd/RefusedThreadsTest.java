// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Rule;

/** Linux gives no more threads: RLIMIT_NPROC, in a JVM of its own under a user of its own. */
@Timeout(value = 240, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RefusedThreadsTest {
    @BeforeEach
    void limitsDoNotBindRoot() {
        Machine.needsRoot("to become a user who runs nothing else");
    }

    private static String run(String scenario) {
        return Fork.of(RefusedThreads.class)
                .unprivileged()
                .option("-Xss256k")
                .argument(scenario)
                .run();
    }

    @ParameterizedTest
    @ValueSource(strings = {"create-none", "create-some"})
    @Rule({"OWQ-6", "OKT-5", "U13", "G13"})
    @DisplayName(
            "G13: create that gets 0 or k of n threads is EAGAIN, names the first missing one, and leaves nothing behind")
    void createFails(String scenario) {
        assertThat(run(scenario)).contains("taskq ok", "workq ok", "kthread ok");
    }

    @ParameterizedTest
    @ValueSource(strings = {"deferred-none"})
    @Rule({"OWQ-6", "U13", "G13"})
    @DisplayName(
            "G13: a queue that gets no thread when the kernel becomes warm says so, reports its tasks and takes no more")
    void theDeferredRunGetsNoThread(String scenario) {
        assertThat(run(scenario)).contains("warned ok", "tasks reported ok", "add ok", "destroy ok");
    }

    @ParameterizedTest
    @ValueSource(strings = {"deferred-some"})
    @Rule({"OWQ-6", "OTQ-35", "U13", "G13", "G20"})
    @DisplayName(
            "G13: a queue that gets k of n threads when the kernel becomes warm says so, runs its tasks, and barriers end")
    void theDeferredRunGetsSomeThreads(String scenario) {
        assertThat(run(scenario)).contains("warned ok", "tasks ran ok", "barrier ok", "destroy ok");
    }
}
