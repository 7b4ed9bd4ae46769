// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;

class FfmLinuxCallsTest extends LinuxCallsContract {
    @BeforeAll
    static void needsJava23() {
        Runtimes.assumeFfm();
    }

    @Override
    LinuxCalls linux() {
        return Backend.select("ffm").calls();
    }

    @Test
    void wakeOfAWorkerAllocatesNothingOnceCompiled() throws Exception {
        LinuxCalls linux = linux();
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long address = linux.address(Words.of(0));
        long least = OwnThread.call(() -> {
            int calls = 100_000;
            long smallest = Long.MAX_VALUE;
            // The first rounds run in the interpreter and in code that is still being compiled.
            for (int round = 0; round < 30 && smallest >= calls; round++) {
                long before = threads.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < calls; i++) {
                    if (linux.futex_wake(address, 1) != 0) {
                        throw new AssertionError("woke somebody on a word that nobody knows");
                    }
                }
                smallest = Math.min(smallest, threads.getCurrentThreadAllocatedBytes() - before);
            }
            return smallest;
        });
        assertThat(least).as("bytes allocated by 100000 calls").isLessThan(100_000);
    }
}
