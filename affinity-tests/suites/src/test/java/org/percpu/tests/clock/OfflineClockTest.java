// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.clock;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.parallel.Isolated;
import org.percpu.tests.support.Alone;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;

@Isolated("takes a CPU offline")
@Alone
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("a clock whose CPU goes offline")
class OfflineClockTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    @Test
    @Rule("TM-10")
    @Tag("offline")
    @DisplayName("TM-10: the CPU of 1000 timers goes offline and comes back: all run, and the clock is pinned again")
    void cpuGoesOffline() throws IOException {
        Machine.needsLinux("takes a CPU offline");
        Machine.needsRoot("to take a CPU offline");
        Machine.needsCpus(2);
        int cpu = test.lastCpu().id();
        Path online = Path.of("/sys/devices/system/cpu/cpu" + cpu + "/online");
        Machine.skipUnless(Files.isWritable(online), "CPU " + cpu + " cannot be taken offline");
        // Under cgroup v1 a CPU that went offline does not come back into any cpuset but the root one.
        Path cpuset = Path.of("/proc/self/cpuset");
        Machine.skipUnless(
                !Files.exists(cpuset) || Files.readString(cpuset).strip().equals("/"),
                "a cpuset other than the root one could lose CPU " + cpu + " for good");
        try {
            assertThat(Fork.of(OfflineClock.class)
                            .argument(Integer.toString(cpu))
                            .run())
                    .contains("pinned again");
        } finally {
            Files.writeString(online, "1");
        }
        Bounded.until(
                "this process may use the CPU again",
                () -> Proc.allowed(Machine.linux().gettid()).contains(cpu));
    }
}
