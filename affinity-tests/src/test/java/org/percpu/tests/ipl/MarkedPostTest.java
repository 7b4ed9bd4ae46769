// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.NativeInbox;
import org.percpu.ipl.NativeWork;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;

/** A post that finds the work pending, against the worker that takes it out of the inbox just then. */
@Timeout(60)
class MarkedPostTest {
    private static final long TEST_NANOS = 5_000_000_000L;
    private static final long SPIN_NANOS =
            100_000_000; // then somebody else has the processor, or the value is stranded
    private static final int BURST = 8; // posts, of which all but the first mostly find the work pending
    private static final int SPACINGS = 60;

    @Test
    @DisplayName("a value whose post was told \"pending already\" is found by that run, without another post")
    void valuePostedToAPendingWorkIsFoundByItsRun() {
        ByteBuffer bell = ByteBuffer.allocateDirect(Integer.BYTES).order(ByteOrder.nativeOrder());
        NativeInbox inbox = new NativeInbox(Machine.linux().address(bell), () -> {});
        AtomicLong taken = new AtomicLong();
        NativeWork[] work = new NativeWork[1];
        work[0] = new NativeWork("marked", Ipl.HIGH, inbox, () -> taken.addAndGet(work[0].drain(value -> {})));
        AtomicBoolean enough = new AtomicBoolean();
        FutureTask<Boolean> worker = Bounded.startCode("worker", () -> {
            while (!enough.get()) {
                inbox.moveAll();
            }
        });
        long begin = System.nanoTime();
        long posted = 0;
        for (int round = 0; System.nanoTime() - begin < TEST_NANOS; round++) {
            for (int i = 0; i < BURST; i++) {
                assertThat(work[0].post(1)).isNotNegative();
                for (int spin = round % SPACINGS; spin > 0; spin--) {
                    Thread.onSpinWait();
                }
            }
            posted += BURST;
            long all = posted;
            long posts = System.nanoTime();
            while (taken.get() != all && System.nanoTime() - posts < SPIN_NANOS) {
                Thread.onSpinWait();
            }
            if (taken.get() != all) {
                Bounded.until("every value was taken", () -> taken.get() == all);
            }
        }
        enough.set(true);
        assertThat(Bounded.join(worker)).isTrue();
        work[0].close();
    }
}
