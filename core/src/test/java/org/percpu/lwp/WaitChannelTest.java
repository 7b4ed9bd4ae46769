// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.dispatch.Sleep;

@Timeout(60)
class WaitChannelTest {
    private static final int ROUNDS = 200_000;
    private static final int PAUSES = 64;

    private static void awaitRound(AtomicInteger phase, int round) {
        for (int looks = 1; phase.get() < round; looks++) {
            // The other one may need this processor.
            if (looks % 1_000 == 0) {
                LockSupport.parkNanos(10_000);
            }
            Thread.onSpinWait();
        }
    }

    @Test
    void waiterWhoseTimeIsUpWhenAWakeUpChoosesItIsWokenInTime() throws Exception {
        WaitChannel channel = new WaitChannel();
        AtomicInteger entered = new AtomicInteger();
        AtomicInteger woken = new AtomicInteger();
        boolean[] chosen = new boolean[ROUNDS + 1];
        FutureTask<Boolean> waker = new FutureTask<>(() -> {
            for (int round = 1; round <= ROUNDS; round++) {
                awaitRound(entered, round);
                for (int pause = round % PAUSES; pause > 0; pause--) {
                    Thread.onSpinWait();
                }
                chosen[round] = channel.wakeOne();
                woken.set(round);
            }
            return true;
        });
        Thread thread = new Thread(waker, "waker");
        thread.setDaemon(true);
        thread.start();
        for (int round = 1; round <= ROUNDS; round++) {
            Sleep waiter = channel.enter();
            entered.set(round);
            boolean inTime = channel.await(waiter, 1);
            awaitRound(woken, round);
            assertThat(inTime).as("round %d: woken in time", round).isEqualTo(chosen[round]);
            assertThat(channel.isEmpty()).isTrue();
        }
        assertThat(waker.get(20, TimeUnit.SECONDS)).isTrue();
    }
}
