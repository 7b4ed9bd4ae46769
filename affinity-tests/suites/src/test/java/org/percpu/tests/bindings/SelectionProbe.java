// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipFile;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;

/**
 * Prints the choice of a backend, or why there is none; or, given a path, what dlopen says of it. Run as a process of its own with a
 * class path made to measure.
 */
final class SelectionProbe {
    static final String SPI = "org/percpu/bindings/spi/Backend.class";
    static final String FFM = "org/percpu/bindings/ffm/FfmProvider.class";
    static final String JNA = "org/percpu/bindings/jna/JnaProvider.class";
    static final String JNA_LIBRARY = "com/sun/jna/Native.class";

    private static final String SELF = "org/percpu/tests/bindings/SelectionProbe.class";

    private SelectionProbe() {}

    /**
     * Chooses and prints.
     *
     * @param args none, or a path to open
     */
    public static void main(String[] args) {
        try {
            Backend backend = Backend.get();
            if (args.length > 0) {
                System.out.println(backend.calls().dlopen(args[0]));
                return;
            }
            System.out.println(backend.calls().backend() + ": " + backend.reason());
        } catch (UnsupportedOperationException e) {
            System.out.println("none: " + e.getMessage());
        }
    }

    /**
     * Runs the probe in a new JVM of the same version.
     *
     * @param options of java
     * @param parts one class file of each part that shall be on the class path
     * @param arguments of the probe
     * @return what it printed to standard output; warnings of the JVM go elsewhere
     */
    static String run(List<String> options, List<String> parts, String... arguments)
            throws IOException, InterruptedException {
        return run(options, parts, null, arguments);
    }

    /** The same, with a folder of classes at the end of the class path. */
    static String run(List<String> options, List<String> parts, @Nullable Path more, String... arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(options);
        command.add("-cp");
        command.add(Stream.concat(Stream.of(SELF), parts.stream())
                        .map(SelectionProbe::locationOf)
                        .collect(Collectors.joining(File.pathSeparator))
                + (more == null ? "" : File.pathSeparator + more));
        command.add(SelectionProbe.class.getName());
        command.addAll(List.of(arguments));
        Path output = Files.createTempFile("percpu-probe", ".txt");
        try {
            ProcessBuilder builder = new ProcessBuilder(command)
                    .redirectOutput(output.toFile())
                    .redirectError(ProcessBuilder.Redirect.DISCARD);
            // The JVM prints a note of its own to standard error for these, and must not inherit an agent.
            builder.environment().keySet().removeAll(Set.of("JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS"));
            Process process = builder.start();
            if (!process.waitFor(60, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new AssertionError("no answer within 60 s from " + command);
            }
            return Files.readString(output).strip();
        } finally {
            Files.delete(output);
        }
    }

    /** Copies the classes beside one, and not the service file. */
    static void copyPackage(String file, Path to) throws IOException {
        Path entry = Path.of(locationOf(file));
        if (Files.isDirectory(entry)) {
            copyFiles(entry, file, to);
            return;
        }
        try (FileSystem jar = FileSystems.newFileSystem(entry)) {
            copyFiles(jar.getPath("/"), file, to);
        }
    }

    private static void copyFiles(Path root, String file, Path to) throws IOException {
        String folder = file.substring(0, file.lastIndexOf('/'));
        try (Stream<Path> classes = Files.list(root.resolve(folder))) {
            for (Path one : classes.toList()) {
                Files.copy(one, to.resolve(folder).resolve(one.getFileName().toString()));
            }
        }
    }

    /** The folder or jar on this JVM's class path that has the file; it need not be a class that this Java can load. */
    private static String locationOf(String file) {
        return Stream.of(System.getProperty("java.class.path").split(File.pathSeparator, -1))
                .filter(entry -> has(entry, file))
                .findFirst()
                .orElseThrow(() -> new AssertionError(file + " is not on the class path"));
    }

    private static boolean has(String entry, String file) {
        if (!entry.endsWith(".jar")) {
            return Files.exists(Path.of(entry, file));
        }
        if (!Files.exists(Path.of(entry))) {
            return false;
        }
        try (ZipFile jar = new ZipFile(entry)) {
            return jar.getEntry(file) != null;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
