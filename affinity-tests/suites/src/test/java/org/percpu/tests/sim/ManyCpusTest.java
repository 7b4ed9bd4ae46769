// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.bindings.spi.LinuxCallsProvider;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Scale;

/** What many CPUs cost: threads, and calls of the C library. */
@Timeout(120)
class ManyCpusTest {
    private static final Pattern STEP = Pattern.compile("step (\\w+) (\\d+) calls \\d+ us");
    private static final int FEW = 32;
    private static final int MANY = 128;

    @BeforeAll
    static void once() {
        Machine.skipUnless(Machine.isSimulated(), "does not depend on the backend: runs with -Dpercpu.backend=sim");
    }

    private static Fork on(int cpus, String scenario) {
        return Fork.of(ManyCpus.class).option("-Dpercpu.sim=" + cpus).argument(scenario);
    }

    @Test
    @DisplayName(
            "a hundred queues without shared workers are refused before the machine is out of threads, in one sentence;"
                    + " with shared workers, as the sentence says, they are 128 threads")
    void ownWorkers() {
        // The machine allows 10000 threads unless told otherwise.
        String most = Scale.isLong() ? "10000" : "600";
        String made = Scale.isLong() ? "made: 77" : "made: 4";
        assertThat(on(MANY, "own").option("-Dpercpu.sim.threads=" + most).run())
                .contains(
                        "no room for its 128 threads, as /proc/sys/kernel/threads-max allows " + most,
                        "build the kernel with sharedWorkers(true)",
                        made,
                        "100 queues on 128 CPUs: 128 threads",
                        "works run: 12800");
    }

    @Test
    @DisplayName(
            "to make a queue, to use, watch and describe it, and to end it takes so many calls for each CPU, however many"
                    + " CPUs there are")
    void callsGrowWithTheCpusAndNotFaster(@TempDir Path services) throws IOException {
        Path file = services.resolve("META-INF/services/" + LinuxCallsProvider.class.getName());
        Files.createDirectories(file.getParent());
        Files.writeString(file, CountingProvider.class.getName() + "\n");
        Map<String, Long> few = calls(FEW, services);
        Map<String, Long> many = calls(MANY, services);
        assertThat(few.keySet()).contains("kernel", "create", "enqueue", "wait", "workers", "watch", "shutdown");
        assertThat(few.get("create")).isGreaterThan(FEW);
        assertThat(many.keySet()).isEqualTo(few.keySet());
        few.forEach((step, calls) -> assertThat(many.getOrDefault(step, Long.MAX_VALUE))
                .as("calls of %s on %d CPUs; on %d CPUs it made %d", step, MANY, FEW, calls)
                .isLessThanOrEqualTo(calls * 2 * (MANY / FEW) + MANY));
    }

    private static Map<String, Long> calls(int cpus, Path services) {
        Map<String, Long> calls = new TreeMap<>();
        Matcher step = STEP.matcher(on(cpus, "steps").classPath(services).run());
        while (step.find()) {
            calls.put(step.group(1), Long.valueOf(step.group(2)));
        }
        return calls;
    }
}
