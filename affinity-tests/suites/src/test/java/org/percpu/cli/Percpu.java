// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.percpu.bindings.spi.Backend;

/**
 * What a run of {@code percpu} answered.
 *
 * @param status exit status
 * @param out standard output
 * @param err standard error
 */
record Percpu(int status, String out, String err) {
    private static final long MINUTES = 3;

    /** Runs a command in this process. */
    static Percpu here(String... args) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int status = Main.run(
                new Streams(
                        new PrintStream(out, true, StandardCharsets.UTF_8),
                        new PrintStream(err, true, StandardCharsets.UTF_8)),
                args);
        return new Percpu(status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    /** Runs a command in a child, which another program may start. */
    static Percpu childWith(String classPath, List<String> starter, String... args)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(starter);
        command.add(java());
        // A second of Java does not gain what the second compiler and the threads of a collector cost.
        command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED"));
        String backend = System.getProperty(Backend.PROPERTY);
        if (backend != null) {
            command.add("-D" + Backend.PROPERTY + "=" + backend);
        }
        command.addAll(List.of("-cp", classPath, Main.class.getName()));
        command.addAll(List.of(args));
        return program(Path.of("."), command);
    }

    static Percpu child(List<String> starter, String... args) throws IOException, InterruptedException {
        return childWith(System.getProperty("java.class.path"), starter, args);
    }

    /** Runs any program to its end. */
    static Percpu program(Path folder, List<String> command) throws IOException, InterruptedException {
        Path out = Files.createTempFile("percpu", ".out");
        Path err = Files.createTempFile("percpu", ".err");
        try {
            Process process = new ProcessBuilder(command)
                    .directory(folder.toFile())
                    .redirectOutput(out.toFile())
                    .redirectError(err.toFile())
                    .start();
            if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
                process.destroyForcibly();
                throw new AssertionError(String.join(" ", command) + " still runs after " + MINUTES + " minutes");
            }
            return new Percpu(process.exitValue(), Files.readString(out), Files.readString(err));
        } finally {
            Files.delete(out);
            Files.delete(err);
        }
    }

    static String java() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    Map<String, Object> json() throws IOException {
        return JSON.std.mapFrom(out);
    }

    /** A member of a JSON object, which must have it. */
    static Object member(Map<String, Object> object, String key) {
        return requireNonNull(object.get(key), key);
    }

    static long number(Map<String, Object> object, String key) {
        return ((Number) member(object, key)).longValue();
    }

    /** A member that is an object. */
    @SuppressWarnings("unchecked")
    static Map<String, Object> object(Map<String, Object> object, String key) {
        return (Map<String, Object>) member(object, key);
    }

    /** A member that is a list of objects. */
    @SuppressWarnings("unchecked")
    static List<Map<String, Object>> objects(Map<String, Object> object, String key) {
        return (List<Map<String, Object>>) member(object, key);
    }

    /** Skips the calling test unless a program is there. */
    static String assumeProgram(String name) {
        for (String folder : List.of("/usr/bin", "/bin", "/usr/sbin", "/sbin")) {
            Path program = Path.of(folder, name);
            if (Files.isExecutable(program)) {
                return program.toString();
            }
        }
        skip("there is no program " + name);
        return name;
    }

    static void assumeRoot(String why) {
        if (Backend.linux().geteuid() != 0) {
            skip("this process is not root, and " + why);
        }
    }

    /** Skips the calling test, and says so where the build can be read. */
    static void skip(String reason) {
        System.out.println("skipped: " + reason);
        assumeTrue(false, "skipped: " + reason);
    }
}
