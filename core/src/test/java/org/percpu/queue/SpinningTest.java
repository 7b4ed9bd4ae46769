// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.percpu.kernel.WaitStrategy;

class SpinningTest {
    private static int looks(Spinning spinning) {
        int looks = 0;
        while (looks < 2 * Spinning.MOST && spinning.goesOn(looks)) {
            looks++;
        }
        return looks;
    }

    @Test
    void spinThenParkSpinsLongerAfterShortParksAndShorterAfterLongOnes() {
        Spinning spinning = new Spinning(WaitStrategy.SPIN_THEN_PARK);
        int first = looks(spinning);

        spinning.parked(Spinning.SOON_NANOS);
        assertThat(looks(spinning)).isEqualTo(first / 2);
        for (int i = 0; i < 100; i++) {
            spinning.parked(1_000_000_000);
        }
        assertThat(looks(spinning)).isEqualTo(Spinning.LEAST);

        spinning.parked(Spinning.SOON_NANOS - 1);
        assertThat(looks(spinning)).isEqualTo(2 * Spinning.LEAST);
        for (int i = 0; i < 100; i++) {
            spinning.parked(0);
        }
        assertThat(looks(spinning)).isEqualTo(Spinning.MOST);
    }

    @Test
    void parkNeverSpinsAndBusySpinNeverStops() {
        Spinning parks = new Spinning(WaitStrategy.PARK);
        Spinning spins = new Spinning(WaitStrategy.BUSY_SPIN);
        for (int i = 0; i < 10; i++) {
            parks.parked(0);
            spins.parked(1_000_000_000);
        }
        assertThat(parks.goesOn(0)).isFalse();
        assertThat(spins.goesOn(Integer.MAX_VALUE)).isTrue();
    }
}
