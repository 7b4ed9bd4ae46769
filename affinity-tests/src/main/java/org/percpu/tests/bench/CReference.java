// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bench;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The program that native/reference becomes: built by Maven, or here if that has not happened. */
final class CReference {
    private static final List<String> OPTIONS = List.of("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread");
    private static final int COMPILER_SECONDS = 60;

    private final @Nullable Path program;
    private final String problem;

    private CReference(@Nullable Path program, String problem) {
        this.program = program;
        this.problem = problem;
    }

    /** Null if there is none. */
    @Nullable
    Path program() {
        return program;
    }

    /** Why there is none. */
    String problem() {
        return problem;
    }

    static CReference find() throws IOException, InterruptedException {
        Path root = root();
        if (root == null) {
            return new CReference(
                    null, "native/reference/reference.c is not beside the program: run percpu from its repository");
        }
        Path source = root.resolve("native/reference/reference.c");
        Path built = root.resolve("native/target/reference");
        if (Files.isExecutable(built)
                && Files.getLastModifiedTime(built).compareTo(Files.getLastModifiedTime(source)) >= 0) {
            return new CReference(built, "");
        }
        Path compiler = onPath("cc");
        if (compiler == null) {
            return new CReference(
                    null, "there is no C compiler named cc on PATH (Debian: apt-get install gcc libc6-dev)");
        }
        Path fresh = Files.createTempFile("percpu-reference", "");
        fresh.toFile().deleteOnExit();
        List<String> command = new ArrayList<>(List.of(compiler.toString()));
        command.addAll(OPTIONS);
        command.addAll(List.of("-o", fresh.toString(), source.toString()));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said;
        try (InputStream output = process.getInputStream()) {
            said = new String(output.readAllBytes(), StandardCharsets.UTF_8);
        }
        if (!process.waitFor(COMPILER_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
            process.destroyForcibly();
            return new CReference(
                    null,
                    "cc does not compile " + source + ": "
                            + said.strip().lines().findFirst().orElse(""));
        }
        return new CReference(fresh, "");
    }

    /** The folder that holds native/, above the place where this class was loaded from. */
    private static @Nullable Path root() {
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
            for (Path at = Path.of(entry).toAbsolutePath(); at != null; at = at.getParent()) {
                if (Files.isRegularFile(at.resolve("native/reference/reference.c"))) {
                    return at;
                }
            }
        }
        return null;
    }

    private static @Nullable Path onPath(String name) {
        String path = System.getenv("PATH");
        if (path != null) {
            for (String folder : path.split(File.pathSeparator, -1)) {
                Path file = Path.of(folder, name);
                if (Files.isExecutable(file) && !Files.isDirectory(file)) {
                    return file;
                }
            }
        }
        return null;
    }
}
