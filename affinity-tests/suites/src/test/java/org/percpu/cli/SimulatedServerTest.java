// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.percpu.tests.support.Alone;
import org.percpu.tests.support.Machine;

/** A machine with two packages of 64 cores. */
@Alone
class SimulatedServerTest {
    @BeforeAll
    static void once() {
        Machine.skipUnless(Machine.isSimulated(), "does not depend on the backend: runs with -Dpercpu.backend=sim");
    }

    @Test
    @DisplayName("run --simulate 2x64x2: 256 workers run 200000 works in less than 10 s, each once and on its CPU")
    void manyWorkers() throws IOException, InterruptedException {
        long begin = System.nanoTime();
        Percpu answer = SimulateTest.percpu(List.of(), "run", "--simulate", "2x64x2", "--json");
        Duration took = Duration.ofNanos(System.nanoTime() - begin);
        assertThat(answer.err()).isEmpty();
        assertThat(answer.status()).isZero();
        Map<String, Object> run = answer.json();
        assertThat(run.keySet()).first().isEqualTo("simulated");
        assertThat(run)
                .containsEntry("simulated", "2x64x2")
                .containsEntry("kernel", "simulated machine 2x64x2")
                .containsEntry("lost", 0)
                .containsEntry("duplicated", 0);
        List<Map<String, Object>> cpus = Percpu.objects(run, "cpus");
        assertThat(cpus).hasSize(256).allSatisfy(cpu -> {
            assertThat(cpu).containsEntry("elsewhere", 0);
            assertThat(Percpu.member(cpu, "allowed").toString()).isEqualTo("simulated " + cpu.get("cpu"));
        });
        long works = cpus.stream()
                .mapToLong(cpu -> ((Number) Percpu.member(cpu, "executed")).longValue())
                .sum();
        assertThat(works).isEqualTo(200_000);
        assertThat(took).isLessThan(Duration.ofSeconds(10));
    }
}
