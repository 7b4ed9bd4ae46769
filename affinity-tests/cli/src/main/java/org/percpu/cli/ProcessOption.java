// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.percpu.top.NoAnswer;
import org.percpu.top.Target;
import picocli.CommandLine.Parameters;

/** {@code PID}: the process that a command looks at. */
final class ProcessOption {
    @Parameters(
            paramLabel = "PID",
            arity = "0..1",
            description = "The process, of the same user; may be left out if there is only one other Java process.")
    private @Nullable String text;

    private long pid;

    long pid() {
        return pid;
    }

    Target attach() throws NoAnswer {
        String named = text;
        if (named == null) {
            List<String> others = Target.candidates();
            if (others.size() != 1) {
                throw new BadInput(
                        others.isEmpty()
                                ? "there is no other Java process of this user: start one, or name its PID as its user"
                                : "name a PID, one of: " + String.join(", ", others));
            }
            named = others.get(0).split(" ", 2)[0];
        }
        pid = Numbers.parse("PID", named, 1, Integer.MAX_VALUE);
        return Target.attach(pid);
    }
}
