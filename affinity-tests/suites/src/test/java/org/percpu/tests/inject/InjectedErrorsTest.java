// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.Scale;

@Tag("costly")
@Timeout(value = 130, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("An error at any allocation or call inside the library leaves no queue, worker, line or work dead:")
class InjectedErrorsTest {
    @TempDir
    Path folder;

    /** In the short form, which each gate runs, not every queue is ended in every way. */
    static List<String> scenarios() {
        if (!Scale.isLong()) {
            return List.of(
                    "add-workqueue add-workqueue-locked add-workqueue-percpu add-taskq add-taskq-two add-workq add-pool"
                            + " add-softint del post trigger lower",
                    "run-workqueue run-workqueue-locked run-taskq run-taskq-locked run-taskq-two run-pool run-softint"
                            + " run-posts run-line",
                    "destroy-workqueue destroy-taskq-two drain-taskq-locked drop-workqueue-percpu drop-workq close-taskq"
                            + " shutdown-workqueue shutdown-taskq-two shutdown-several",
                    "wait-workqueue barrier-two del-barrier disestablish join lock-adaptive lock-netbsd lock-openbsd"
                            + " lock-kernel sleep-condvar sleep-condvar-mutex sleep-sleepq sleep-sleepq-mutex"
                            + " wake-condvar wake-sleepq wake-sleepq-mutex",
                    "add-callout run-callout wait-callout move-callout stop-callout add-delayed add-delayed-task run-delayed"
                            + " shutdown-delayed modify-work cancel-work",
                    // Alone, because the first wake-up of a JVM must initialise no class.
                    "wake-condvar-mutex",
                    "make-workqueue make-taskq make-workq make-kthread make-systq make-softint make-line make-kernel");
        }
        Map<String, String> groups = new TreeMap<>();
        for (String name : InjectedErrors.names()) {
            groups.merge(name.split("-", 2)[0], name, (names, next) -> names + " " + next);
        }
        return List.copyOf(groups.values());
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("scenarios")
    @Rule({"U20", "NWQ-18"})
    @DisplayName("scenario")
    void injected(String scenarios) throws IOException {
        Path agent = folder.resolve("agent.jar");
        Instrumenter.writeAgent(agent);
        Fork fork =
                Fork.of(InjectedErrors.class).option("-javaagent:" + agent).option("-Dpercpu.long=" + Scale.isLong());
        String[] names = scenarios.split(" ", -1);
        for (String name : names) {
            fork.argument(name);
        }
        String output = fork.run();
        for (String name : names) {
            // None, and the agent has not found the library's code.
            assertThat(output).containsPattern(Pattern.quote(name) + " OUT_OF_MEMORY: [1-9]\\d* points");
        }
    }
}
