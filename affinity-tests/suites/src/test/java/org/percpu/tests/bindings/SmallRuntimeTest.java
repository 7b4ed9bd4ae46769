// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.bindings.spi.Backend;
import org.percpu.cpu.CpuTopology;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;

/** Java runtimes of a few modules, as jlink makes them. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Tag("once")
class SmallRuntimeTest {
    @TempDir
    Path folder;

    private Path image(String modules) {
        Machine.skipUnless(ToolProvider.findFirst("jlink").isPresent(), "this Java has no jlink");
        Path image = folder.resolve("image");
        StringWriter said = new StringWriter();
        PrintWriter out = new PrintWriter(said, true);
        int status = ToolProvider.findFirst("jlink")
                .orElseThrow()
                .run(out, out, "--add-modules", modules, "--output", image.toString());
        assertThat(status).as("jlink: %s", said).isZero();
        return image;
    }

    private static String ranEverywhere() {
        int cpus = CpuTopology.system().allowed().size();
        return "ran " + cpus + " of " + cpus;
    }

    @Test
    @DisplayName(
            "a runtime without jdk.jfr runs works and pins threads; there are no events, and nothing is said of it")
    void withoutTheFlightRecorder() {
        boolean jna = Backend.linux().backend().equals("jna");
        String modules = jna ? "java.base,java.logging" : "java.base";
        assertThat(Fork.of(SmallRuntime.class).on(image(modules)).run())
                .contains(ranEverywhere())
                .doesNotContain("jfr", "Exception", "Error");
    }

    @Test
    @DisplayName("the JNA backend on a runtime without java.logging says that this module is missing, and not JNA")
    void withoutLogging() {
        assertThat(Fork.of(SmallRuntime.class)
                        .on(image("java.base"))
                        .option("-Dpercpu.backend=jna")
                        .run())
                .contains("JNA needs the module java.logging", "--add-modules java.logging")
                .doesNotContain("JNA is missing");
    }

    @Test
    @DisplayName("where JNA and java.logging are both missing, one message names both")
    void withoutJnaAndLogging() throws IOException {
        String path = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                // The jar of the command names JNA in its manifest.
                .filter(entry -> !entry.contains("/net/java/dev/jna/") && !entry.contains("percpu-cli"))
                .collect(Collectors.joining(File.pathSeparator));
        Process process = new ProcessBuilder(
                        image("java.base").resolve("bin/java").toString(),
                        "-Dpercpu.backend=jna",
                        "-cp",
                        path,
                        SmallRuntime.class.getName())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(output).contains("JNA is missing", "add net.java.dev.jna:jna", "--add-modules java.logging");
    }
}
