// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** A program that has run to its end: its exit status, and what it wrote to either stream. */
record Command(int status, String output) {
    private static final long MINUTES = 3;

    static Command run(Path folder, String... command) throws IOException, InterruptedException {
        Path output = Files.createTempFile("percpu", ".out");
        try {
            Process process = new ProcessBuilder(command)
                    .directory(folder.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
                process.destroyForcibly();
                throw new AssertionError(String.join(" ", command) + " still runs after " + MINUTES + " minutes");
            }
            return new Command(process.exitValue(), Files.readString(output, StandardCharsets.UTF_8));
        } finally {
            Files.delete(output);
        }
    }

    /** Skips the calling test, and says so where the build can be read. */
    static void skip(String reason) {
        System.out.println("skipped: " + reason);
        assumeTrue(false, "skipped: " + reason);
    }
}
