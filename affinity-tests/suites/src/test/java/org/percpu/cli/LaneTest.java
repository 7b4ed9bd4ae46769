// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;

/** The verdict is worth something: what goes wrong is counted. */
@Tag("once")
class LaneTest {
    private static final int NOWHERE = CpuSet.LIMIT - 1;

    private static Lane lane(int inFlight, Job job) {
        Cpu cpu = CpuTopology.uniform(CpuSet.of(NOWHERE)).cpu(NOWHERE);
        return new Lane(cpu, job, inFlight);
    }

    private static Ticket deal(Lane lane) {
        Ticket ticket = requireNonNull(lane.free());
        lane.deal(ticket, lane.dealt());
        return ticket;
    }

    @Test
    void aWorkThatRanOnceIsNeitherLostNorDuplicated() {
        Lane lane = lane(2, Job.nop());
        lane.run(deal(lane));
        lane.run(deal(lane));
        lane.run(deal(lane));
        assertThat(List.of(lane.dealt(), lane.executed(), lane.lost(), lane.duplicated()))
                .containsExactly(3L, 3L, 0L, 0L);
        assertThat(lane.idle()).isTrue();
        assertThat(lane.latency().getTotalCount()).isEqualTo(3);
    }

    @Test
    void aWorkThatNeverRanIsLost() {
        Lane lane = lane(2, Job.nop());
        deal(lane);
        lane.run(deal(lane));
        assertThat(lane.lost()).isEqualTo(1);
        assertThat(lane.idle()).isFalse();
        assertThat(lane.free()).isNull();
    }

    @Test
    void aWorkThatRanTwiceIsDuplicated() {
        Lane lane = lane(1, Job.nop());
        Ticket ticket = deal(lane);
        lane.run(ticket);
        lane.run(ticket);
        assertThat(lane.duplicated()).isEqualTo(1);
        assertThat(lane.lost()).isZero();
    }

    @Test
    @DisplayName("One lost and one run twice do not make up for each other")
    void lostAndDuplicatedDoNotCancelOut() {
        Lane lane = lane(2, Job.nop());
        deal(lane);
        Ticket second = deal(lane);
        lane.run(second);
        lane.run(second);
        assertThat(lane.executed()).isEqualTo(lane.dealt());
        assertThat(lane.lost()).isEqualTo(1);
        assertThat(lane.duplicated()).isEqualTo(1);
    }

    @Test
    void aWorkThatRanOnAnotherCpuIsElsewhere() {
        Lane lane = lane(1, Job.nop());
        lane.run(deal(lane));
        assertThat(lane.elsewhere()).isEqualTo(1);
    }

    @Test
    void aJobThatThrowsIsDone() {
        Lane lane = lane(1, item -> {
            throw new IllegalStateException("no");
        });
        Ticket ticket = deal(lane);
        assertThatThrownBy(() -> lane.run(ticket)).hasMessage("no");
        assertThat(lane.idle()).isTrue();
        assertThat(lane.busy()).isFalse();
        assertThat(lane.lost()).isZero();
    }

    @Test
    void theSpinJobSpinsAsLongAsItSays() {
        long before = System.nanoTime();
        Job.spin(2_000_000).run(0);
        assertThat(System.nanoTime() - before).isGreaterThanOrEqualTo(2_000_000);
    }
}
