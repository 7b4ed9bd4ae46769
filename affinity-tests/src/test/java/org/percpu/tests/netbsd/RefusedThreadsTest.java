// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.netbsd;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Rule;

/** Creation that the system refuses half way: each in a JVM of its own, as a user with limits. */
@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RefusedThreadsTest {
    @Test
    @Rule({"NKT-3", "NWQ-3", "U13", "G13"})
    @DisplayName(
            "NKT-3, U13: no thread to be had (RLIMIT_NPROC) is EAGAIN, names k of n, and nothing half made is left")
    void refusedThreadsLeaveNothing() {
        Machine.needsRoot("to become a user with a limit on threads");
        Machine.needsCommand("no other user can be had here", "setpriv", "--reuid=200000", "true");
        Machine.needsCpus(2);
        String output = Fork.of(RefusedThreads.class).unprivileged().run();
        assertThat(output).contains("all refusals were clean");
    }

    @Test
    @Rule({"NKT-3", "NWQ-3", "G13"})
    @DisplayName("NKT-3: no thread left for the pin watch does not leave a half-made kernel thread")
    void aRefusedPinWatchLeavesNothing() {
        Machine.needsRoot("to become a user with a limit on threads");
        Machine.needsCommand("no other user can be had here", "setpriv", "--reuid=200000", "true");
        String output =
                Fork.of(RefusedThreads.class).argument("watch").unprivileged().run();
        assertThat(output).contains("the refused watch left nothing");
    }

    @Test
    @Rule({"NWQ-3", "G13"})
    @DisplayName("an OutOfMemoryError at the k-th of n workers is ENOMEM, names k, and those made before are gone")
    void memoryThatRunsOutLeavesNothing() {
        Machine.needsCpus(2);
        String output =
                Fork.of(ScarceMemory.class).option("-XX:MaxDirectMemorySize=4m").run();
        assertThat(output).contains("worker 1 of", "worker 2 of", "created in the end");
    }
}
