// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class IplTest {
    @Test
    void placesOnTheLadderAreThoseOfTheConstants() {
        int rank = 0;
        for (Ipl ipl : Ipl.values()) {
            assertThat(ipl.rank()).isEqualTo(rank);
            assertThat(Ipl.ofRank(rank)).isSameAs(ipl);
            rank++;
        }
    }

    @Test
    void eachSystemKnowsItsNamesAndTheSameNameMayBeAnotherLevel() {
        for (Ipl ipl : Ipl.values()) {
            assertThat(ipl.netbsdNames())
                    .allSatisfy(name -> assertThat(Ipl.netbsd(name)).isSameAs(ipl));
            assertThat(ipl.openbsdNames())
                    .allSatisfy(name -> assertThat(Ipl.openbsd(name)).isSameAs(ipl));
        }
        assertThat(Ipl.netbsd("IPL_BIO")).isSameAs(Ipl.VM);
        assertThat(Ipl.openbsd("ipl_bio")).isSameAs(Ipl.BIO);
        assertThat(Ipl.openbsd("mpfloor")).isSameAs(Ipl.TTY);
    }

    @Test
    @DisplayName("Bad input: level names and numbers that do not exist")
    void unknownLevelsAreRefused() {
        for (int rank : new int[] {-1, 13, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            assertThatThrownBy(() -> Ipl.ofRank(rank))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(Integer.toString(rank))
                    .hasMessageContaining("0 (NONE) to 12 (IPI)");
        }
        for (String name : new String[] {"", "IPL_", "IPL_SOFTTTY", "IPL_IPI", "VMM"}) {
            assertThatThrownBy(() -> Ipl.netbsd(name))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("NetBSD");
        }
        for (String name : new String[] {"SOFTBIO", "SERIAL", "splvm"}) {
            assertThatThrownBy(() -> Ipl.openbsd(name))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("OpenBSD");
        }
    }
}
