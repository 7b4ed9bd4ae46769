// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

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

/** A program of native/reference: built by Maven, or here if that has not happened. */
final class CReference {
    private static final List<String> OPTIONS = List.of("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread");
    private static final int COMPILER_SECONDS = 60;
    private static final String FOLDER = "native/reference";

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

    static CReference find(String name) throws IOException, InterruptedException {
        Path root = root();
        if (root == null) {
            return new CReference(
                    null, FOLDER + "/" + name + ".c is not beside the program: run percpu from its repository");
        }
        Path source = root.resolve(FOLDER).resolve(name + ".c");
        Path built = root.resolve("native/target").resolve(name);
        if (Files.isExecutable(built)
                && isNewer(built, source)
                && isNewer(built, root.resolve(FOLDER).resolve("common.h"))) {
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

    private static boolean isNewer(Path file, Path than) throws IOException {
        return Files.getLastModifiedTime(file).compareTo(Files.getLastModifiedTime(than)) >= 0;
    }

    /** The folder that holds native/, above the place where this class was loaded from. */
    private static @Nullable Path root() {
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
            for (Path at = Path.of(entry).toAbsolutePath(); at != null; at = at.getParent()) {
                if (Files.isRegularFile(at.resolve(FOLDER).resolve("common.h"))) {
                    return at;
                }
            }
        }
        return null;
    }

    static @Nullable Path onPath(String name) {
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
