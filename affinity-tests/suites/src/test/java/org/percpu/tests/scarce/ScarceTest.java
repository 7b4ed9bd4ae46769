// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.scarce;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Rule;

/** The system has no thread or no memory left when something is created, or when the kernel becomes warm. */
@Timeout(value = 240, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Tag("once")
class ScarceTest {
    private static final Map<Maker, FutureTask<String>> WITHOUT_MEMORY = new EnumMap<>(Maker.class);

    /** Side by side: a JVM waits half a second in each call for memory that it does not have. */
    @BeforeAll
    static void takeTheMemory() {
        for (Maker maker : Maker.values()) {
            Fork fork = Fork.of(ScarceMemory.class)
                    .option("-XX:MaxDirectMemorySize=4m")
                    .argument(maker.name());
            WITHOUT_MEMORY.put(maker, Bounded.start("without memory: " + maker, fork::run));
        }
    }

    private static String withoutThreads(String scenario) {
        Machine.needsRoot("to become a user with a limit on threads");
        Machine.needsCommand("no other user can be had here", "setpriv", "--reuid=200000", "true");
        return Fork.of(ScarceThreads.class).argument(scenario).unprivileged().run();
    }

    @Test
    @Rule({"NWQ-3", "NKT-3", "OWQ-6", "OTQ-6", "OKT-5", "U13", "G13"})
    @DisplayName(
            "G13, U13: k of n threads to be had (RLIMIT_NPROC) is EAGAIN for every queue and thread, names k, leaves nothing half made")
    void refusedThreadsLeaveNothing() {
        String output = withoutThreads("create");
        for (Maker maker : Maker.values()) {
            assertThat(output).contains(maker + ": refused with 0 to ");
        }
    }

    @ParameterizedTest
    @EnumSource(Maker.class)
    @Rule({"NWQ-3", "NKT-3", "OWQ-6", "OTQ-6", "OKT-5", "G13"})
    @DisplayName("an OutOfMemoryError at the k-th of n workers is ENOMEM, names k, and those made before are gone")
    void memoryThatRunsOutLeavesNothing(Maker maker) {
        FutureTask<String> ended = requireNonNull(WITHOUT_MEMORY.get(maker));
        assertThat(Bounded.join(ended, 200)).contains("created in the end");
    }

    @Test
    @Rule({"OTQ-7", "U13", "G13"})
    @DisplayName("a system queue that gets no thread is EAGAIN, and made at the next call")
    void aRefusedSystemQueueIsNotRemembered() {
        assertThat(withoutThreads("systq")).contains("was made at the next call");
    }

    @Test
    @Rule({"U13", "G13"})
    @DisplayName(
            "a soft interrupt whose level gets k of n threads is EAGAIN, leaves none of them, and is made at the next call")
    void aRefusedSoftInterruptLeavesNothing() {
        assertThat(withoutThreads("softint")).contains("was made at the next call");
    }

    @Test
    @Rule({"NKT-3", "G13"})
    @DisplayName("NKT-3: no thread left for the pin watch does not leave a half-made kernel thread")
    void aRefusedPinWatchLeavesNothing() {
        assertThat(withoutThreads("watch")).contains("the refused watch left nothing");
    }

    @Test
    @Rule({"OWQ-6", "OTQ-6", "U13", "G13"})
    @DisplayName(
            "G13: a queue that gets no thread when the kernel becomes warm says so, reports its tasks and takes no more")
    void theDeferredRunGetsNoThread() {
        assertThat(withoutThreads("deferred none")).contains("warm with 0 of ");
    }

    @Test
    @Rule({"OWQ-5", "OWQ-6", "U13", "G13"})
    @DisplayName("G13: who waits for an entry of a queue that then gets no thread is told so")
    void whoWaitsForAnEntryIsTold() {
        assertThat(withoutThreads("deferred wait")).contains("who waited for an entry was told");
    }

    @Test
    @Rule({"OWQ-6", "OTQ-6", "OTQ-35", "U13", "G13", "G20"})
    @DisplayName(
            "G13: a queue that gets k of n threads when the kernel becomes warm says so, runs its tasks, and barriers end")
    void theDeferredRunGetsSomeThreads() {
        assertThat(withoutThreads("deferred some")).contains("warm with 5 of ");
    }
}
