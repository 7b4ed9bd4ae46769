// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

/** Commands that run a program in a seccomp filter, which answers some of its system calls itself. */
public final class Sandbox {
    private static final Path SOURCE = Path.of("../../native/test/sandbox.c");
    private static final AtomicReference<Path> PROGRAM = new AtomicReference<>();

    private Sandbox() {}

    /**
     * The words to put before a command. Skips the test without a C compiler, or where the kernel takes no filter.
     *
     * @param rules such as {@code sched_setscheduler=0}, which answers with success, {@code setpriority=1}, which is EPERM, or
     *     {@code membarrier:8=1}, which is EPERM for calls with the first argument 8
     */
    public static String[] of(String... rules) {
        Machine.needsLinux("a seccomp filter");
        List<String> command = new ArrayList<>(List.of(program().toString()));
        command.addAll(Arrays.asList(rules));
        command.add("--");
        List<String> trial = new ArrayList<>(command);
        trial.add("true");
        Machine.needsCommand("no seccomp filter can be had here", trial.toArray(new String[0]));
        return command.toArray(new String[0]);
    }

    private static synchronized Path program() {
        Path made = PROGRAM.get();
        if (made == null) {
            Machine.needsCommand("no C compiler here", "cc", "--version");
            try {
                Path folder = Files.createTempDirectory("percpu-sandbox");
                made = folder.resolve("sandbox");
                String[] compile = {"cc", "-Wall", "-Wextra", "-Werror", "-o", made.toString(), SOURCE.toString()};
                assertThat(new ProcessBuilder(compile).inheritIO().start().waitFor())
                        .as("exit status of cc")
                        .isZero();
                made.toFile().deleteOnExit();
                folder.toFile().deleteOnExit();
            } catch (IOException e) {
                throw new AssertionError(e);
            } catch (InterruptedException e) {
                throw new AssertionError("interrupted", e);
            }
            PROGRAM.set(made);
        }
        return made;
    }
}
