// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.util.concurrent.Callable;
import javax.management.ObjectName;
import org.percpu.top.NoAnswer;
import org.percpu.top.Plain;
import org.percpu.top.Target;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code percpu dump}: what the kernels of a running process do right now, with stacks. */
@Command(
        name = "dump",
        description = {
            "Prints once what the kernels of a running process do: each worker with its queue, the stacks of the threads that do"
                    + " something, what each one waits for, and threads that wait for one another in a circle.",
            ""
        },
        footer = {"", "Exit status: 0 it was printed; 1 the process does not answer; 2 bad input."})
final class DumpCommand implements Callable<Integer> {
    private final Streams streams;

    @Mixin
    private ProcessOption process = new ProcessOption();

    DumpCommand(Streams streams) {
        this.streams = streams;
    }

    @Override
    public Integer call() {
        try (Target target = process.attach()) {
            for (ObjectName kernel : target.kernels()) {
                target.dump(kernel).lines().forEach(line -> streams.out().println(Plain.text(line)));
            }
            return ExitStatus.OK;
        } catch (NoAnswer e) {
            streams.err().println("percpu dump: " + e.getMessage());
            return ExitStatus.FAILED;
        }
    }
}
