// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.SplMode;

/** timer_getoverrun(2), for handlers. */
@Timeout(60)
class OverrunsTest {
    private static final long PERIOD = 1_000_000;
    private static final int PERIODS = 40;
    private static final int ROUNDS = 3;

    @ParameterizedTest
    @EnumSource
    @DisplayName("a handler is told how many periods of its timer it has missed since it was called before")
    void handlerIsToldWhatItHasMissed(SplMode mode) {
        Levels.needLibrary();
        Levels.on(mode, spl -> {
            InterruptLine[] self = new InterruptLine[1];
            List<Long> missed = new ArrayList<>();
            InterruptLine line = InterruptLine.establish(
                    Receiver.current(), "tick", Ipl.SCHED, value -> missed.add(self[0].overruns()));
            self[0] = line;
            long begin = System.nanoTime();
            for (int round = 1; round <= ROUNDS; round++) {
                int s = spl.splhigh();
                line.timer(0, PERIOD, 0);
                long until = System.nanoTime() + PERIODS * PERIOD;
                while (System.nanoTime() < until) {
                    Thread.onSpinWait();
                }
                int called = missed.size();
                spl.splx(s);
                assertThat(missed).hasSizeGreaterThan(called);
                line.timer(0, 0, 0);
                int ran = spl.poll();
                assertThat(ran).isNotNegative();
                assertThat(missed.stream().mapToLong(Long::longValue).sum())
                        .as("told %s", missed)
                        .isEqualTo(line.state().overruns())
                        .isGreaterThan((long) round * PERIODS / 2);
            }
            assertThat(missed.size() + line.state().overruns())
                    .as("calls and periods missed are all there were")
                    .isBetween(ROUNDS * (PERIODS - 1L), (System.nanoTime() - begin) / PERIOD + ROUNDS);
            missed.clear();
            assertThat(line.trigger(1)).isTrue();
            assertThat(spl.poll()).isEqualTo(1);
            assertThat(missed).as("a call that is not the timer's").containsExactly(0L);
            line.close();
        });
    }
}
