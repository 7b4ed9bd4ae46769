// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.Scale;

@Timeout(value = 130, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("An error at any allocation or call inside the library leaves no queue, worker, line or work dead:")
class InjectedErrorsTest {
    @TempDir
    Path folder;

    @ParameterizedTest(name = "{0}")
    @ValueSource(
            strings = {
                "enqueue enqueue-locked enqueue-percpu",
                "add add-two queue-task add-task schedule",
                "post trigger lower",
                "run-workqueue",
                "run-workqueue-locked",
                "run-taskq",
                "run-taskq-locked",
                "run-taskq-two",
                "run-workq",
                "run-softint",
                "run-posts",
                "run-line",
                "make-workqueue make-taskq make-workq make-kthread"
            })
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
            // Fewer than these, and the agent has not found the library's code.
            assertThat(output)
                    .containsPattern(
                            name + " OUT_OF_MEMORY: [2-9]\\d+ points|" + name + " OUT_OF_MEMORY: \\d{3} points");
        }
    }
}
