// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.shutdown;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelQueue;
import org.percpu.queue.Call;
import org.percpu.queue.Fences;
import org.percpu.queue.Item;
import org.percpu.queue.SerialQueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.Sandbox;
import org.percpu.tests.support.TestKernel;

/**
 * A worker looks for waiters without a fence: its look may miss a waiter whose own look misses the change. On most processors that
 * takes luck, so here the change is one that nobody announces at all. The waiter looks a second time where the machine
 * has no membarrier(2).
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SecondLookTest {
    private static final long LATE_ENOUGH_NANOS = 1_000_000;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    @BeforeEach
    void withoutMembarrier() {
        Fences.areMissing(true);
    }

    @AfterEach
    void asTheMachineIs() {
        Fences.areMissing(false);
    }

    private SerialQueue queue() {
        return queue(test.get());
    }

    private static SerialQueue queue(Kernel kernel) {
        return new SerialQueue(
                kernel,
                "look",
                new Call() {
                    @Override
                    public void load(Item item) {}

                    @Override
                    public void invoke(Item item) {}
                },
                true);
    }

    @ParameterizedTest
    @ValueSource(longs = {3_600, Long.MAX_VALUE})
    @Rule({"NWQ-23", "OTQ-31"})
    @DisplayName("a waiter whose first look misses the change looks again soon, though nobody wakes it")
    void theSecondLookNeedsNoWakeUp(long seconds) {
        SerialQueue queue = queue();
        AtomicInteger looks = new AtomicInteger();
        Duration atMost = seconds == Long.MAX_VALUE ? KernelQueue.FOREVER : Duration.ofSeconds(seconds);
        assertThat(Bounded.<Boolean>call("waits", () -> queue.await(() -> looks.incrementAndGet() > 1, atMost)))
                .isTrue();
        assertThat(looks).hasValue(2);
    }

    @Test
    @DisplayName(
            "a waiter on a machine with membarrier(2) has put a fence into every worker and looks once, until somebody wakes it")
    void membarrierTakesThePlaceOfTheSecondLook() {
        assumeThat(Fences.areThere()).as("this machine has membarrier(2)").isTrue();
        Fences.areMissing(false);
        SerialQueue queue = queue();
        List<Long> looks = new ArrayList<>();
        boolean held = Bounded.<Boolean>call(
                "waits",
                () -> queue.await(
                        () -> {
                            looks.add(System.nanoTime());
                            return false;
                        },
                        Duration.ofMillis(200)));
        assertThat(held).isFalse();
        assertThat(looks.get(1) - looks.get(0)).isGreaterThan(100 * LATE_ENOUGH_NANOS);
    }

    @Test
    @Rule({"NWQ-23", "OTQ-31"})
    @DisplayName("a waiter that is woken for another one's sake before its second look still has that look")
    void aWakeUpDoesNotTakeTheSecondLookAway() {
        SerialQueue queue = queue();
        AtomicInteger looks = new AtomicInteger();
        // It holds from a moment on at which a second look is still to come, however late the threads are.
        FutureTask<Boolean> waiter = Bounded.start("waits", () -> {
            long begin = System.nanoTime();
            return queue.await(
                    () -> looks.incrementAndGet() > 1 && System.nanoTime() - begin >= LATE_ENOUGH_NANOS,
                    KernelQueue.FOREVER);
        });
        while (looks.get() == 0) {
            Thread.onSpinWait();
        }
        // In vain. It comes when the waiter sleeps, which has the interlock until then.
        queue.itemLeft();
        assertThat(Bounded.join(waiter)).isTrue();
        assertThat(looks).hasValueGreaterThan(1);
    }

    /** Waits for a change that nobody announces, in a process whose sandbox refuses membarrier(2). */
    static final class Refused {
        private Refused() {}

        public static void main(String[] args) {
            try (Kernel kernel = Kernel.builder("refused").build()) {
                SerialQueue queue = queue(kernel);
                for (int i = 0; i < 2; i++) {
                    AtomicInteger looks = new AtomicInteger();
                    boolean held = Bounded.<Boolean>call(
                            "waits", () -> queue.await(() -> looks.incrementAndGet() > 1, KernelQueue.FOREVER));
                    System.out.println("wait " + i + ": " + held + " after " + looks);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "membarrier=1",
                "membarrier=38",
                "membarrier:" + LinuxCalls.MEMBARRIER_CMD_PRIVATE_EXPEDITED + "=1",
                "membarrier:" + LinuxCalls.MEMBARRIER_CMD_PRIVATE_EXPEDITED + "=13"
            })
    @Rule({"NWQ-23", "OTQ-31"})
    @DisplayName("a waiter looks again soon in a sandbox that refuses membarrier(2), or its fence alone")
    void aSandboxMayRefuseMembarrier(String rule) {
        assertThat(Fork.of(Refused.class).under(Sandbox.of(rule)).run())
                .contains("wait 0: true after 2", "wait 1: true after 2");
    }
}
