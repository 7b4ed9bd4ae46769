// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.tests.support.Rule;
import org.percpu.thread.Pri;
import org.percpu.thread.Sched;

/** The table of priorities. */
class PriTest {
    @ParameterizedTest
    @CsvSource({"0, 19", "1, 19", "4, 18", "31, 10", "32, 10", "60, 1", "62, 1", "63, 0", "64, 0", "96, 0", "223, 0"})
    @Rule("NWQ-5")
    @DisplayName("time-sharing: 0 to 63 is nice 19 to 0, above that nice 0")
    void timeSharing(int pri, int nice) {
        assertThat(Pri.timeSharing(pri)).isEqualTo(Sched.other(nice));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 1", "63, 1", "64, 1", "96, 18", "122, 30", "123, 31", "127, 35", "128, 36", "192, 71", "219, 84", "220, 85",
        "221, 86", "222, 87", "223, 88"
    })
    @Rule("NWQ-5")
    @DisplayName("fixed: the rows of the table in the documentation")
    void fixed(int pri, int priority) {
        assertThat(Pri.fixed(pri)).isEqualTo(Sched.rr(priority));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 89", "64, 89", "95, 89", "96, 90", "191, 90", "192, 91", "219, 91", "220, 92", "221, 93", "222, 94",
        "223, 95"
    })
    @Rule("U17")
    @DisplayName("interrupt: 89 to 95, above every fixed priority")
    void interrupt(int pri, int priority) {
        assertThat(Pri.interrupt(pri)).isEqualTo(Sched.fifo(priority));
    }

    @Test
    @Rule("NWQ-5")
    @DisplayName("a larger number is never less urgent, and nothing reaches the kernel's own 96 to 99")
    void theMappingIsMonotone() {
        for (int pri = 1; pri < Pri.PRI_COUNT; pri++) {
            assertThat(Pri.timeSharing(pri).nice())
                    .isBetween(0, Pri.timeSharing(pri - 1).nice());
            assertThat(Pri.fixed(pri).rtPriority()).isBetween(Pri.fixed(pri - 1).rtPriority(), 88);
            assertThat(Pri.interrupt(pri).rtPriority())
                    .isBetween(Pri.interrupt(pri - 1).rtPriority(), 95);
            assertThat(Pri.interrupt(pri).rtPriority())
                    .isGreaterThan(Pri.fixed(Pri.PRI_COUNT - 1).rtPriority());
        }
    }

    @Test
    @Rule("NWQ-5")
    @DisplayName(
            "every named fixed priority has a level of its own, in the order of the names; so have the soft levels as interrupts")
    void namesAreToldApart() {
        int[] names = {
            Pri.PRI_KERNEL,
            Pri.PRI_KTHREAD,
            Pri.PRI_BIO,
            Pri.PRI_IOFLUSH,
            Pri.PRI_VM,
            Pri.PRI_PGDAEMON,
            Pri.PRI_XCALL,
            Pri.PRI_USER_RT,
            Pri.PRI_KERNEL_RT,
            Pri.PRI_SOFTCLOCK,
            Pri.PRI_SOFTBIO,
            Pri.PRI_SOFTNET,
            Pri.PRI_SOFTSERIAL
        };
        for (int i = 1; i < names.length; i++) {
            assertThat(Pri.fixed(names[i]).rtPriority())
                    .as("%d after %d", names[i], names[i - 1])
                    .isGreaterThan(Pri.fixed(names[i - 1]).rtPriority());
        }
        for (int soft = Pri.PRI_SOFTCLOCK; soft <= Pri.PRI_SOFTSERIAL; soft++) {
            assertThat(Pri.interrupt(soft).rtPriority())
                    .isGreaterThan(Pri.interrupt(soft - 1).rtPriority());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {-2, -1, 224, Integer.MIN_VALUE, Integer.MAX_VALUE})
    @Rule("U17")
    @DisplayName("U17: numbers outside 0 to 223 are refused and named; -1 is valid only as PRI_NONE")
    void outOfRange(int pri) {
        assertThat(Pri.isValid(pri)).isEqualTo(pri == Pri.PRI_NONE);
        String number = Integer.toString(pri);
        assertThatThrownBy(() -> Pri.timeSharing(pri))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(number);
        assertThatThrownBy(() -> Pri.fixed(pri))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(number);
        assertThatThrownBy(() -> Pri.interrupt(pri))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(number);
    }

    @Test
    @DisplayName("the names have the numbers of sys/param.h")
    void theNamesHaveTheirNumbers() {
        assertThat(new int[] {
                    Pri.PRI_NONE,
                    Pri.PRI_USER,
                    Pri.PRI_IDLE,
                    Pri.MAXPRI_USER,
                    Pri.PRI_KERNEL,
                    Pri.PRI_KTHREAD,
                    Pri.PRI_BIO,
                    Pri.PRI_IOFLUSH,
                    Pri.PRI_VM,
                    Pri.PRI_PGDAEMON,
                    Pri.PRI_XCALL,
                    Pri.PRI_USER_RT,
                    Pri.PRI_KERNEL_RT,
                    Pri.PRI_SOFTCLOCK,
                    Pri.PRI_SOFTBIO,
                    Pri.PRI_SOFTNET,
                    Pri.PRI_SOFTSERIAL,
                    Pri.PRI_COUNT
                })
                .containsExactly(-1, 0, 0, 63, 64, 96, 123, 124, 125, 126, 127, 128, 192, 220, 221, 222, 223, 224);
    }

    @ParameterizedTest
    @CsvSource({"0, 1, 0", "1, 0, 0", "2, 0, 0", "2, 100, 0", "1, -1, 0", "0, 0, -21", "0, 0, 20"})
    @DisplayName("a scheduling setting out of range is refused")
    void settingsOutOfRange(int policy, int rtPriority, int nice) {
        assertThatThrownBy(() -> new Sched(policy, rtPriority, nice)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    @DisplayName("a scheduling setting reads as chrt(1) users write it")
    void settingsAsText() {
        assertThat(Sched.rr(18)).hasToString("SCHED_RR 18");
        assertThat(Sched.fifo(1)).hasToString("SCHED_FIFO 1");
        assertThat(Sched.other(5)).hasToString("SCHED_OTHER nice 5");
        assertThat(Sched.rr(18).realtime()).isTrue();
        assertThat(Sched.DEFAULT.realtime()).isFalse();
        assertThat(new Sched(Sched.rr(18).policy(), 18, 5)).isEqualTo(Sched.rr(18));
    }
}
