// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.lang.reflect.Field;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Runs a {@code main} of the test classes in a JVM of its own, with the backend of this one: for tests that need another user,
 * other limits, or that could take the process with them.
 */
public final class Fork {
    private static final long MINUTES = 2;
    private static final int FIRST_UID = 200_000;
    private static final int UIDS = 100_000;
    private static final String COVERAGE = "coverage.exec";
    // Blocks of a file of JaCoCo.
    private static final byte HEADER = 0x01;
    private static final byte SESSION = 0x10;
    private static final byte PROBES = 0x11;

    private static final Pattern AGENT =
            Pattern.compile("-javaagent:(?<jar>[^=]*jacoco[^=]*)=(?<before>.*)destfile=(?<file>[^,]+)(?<after>.*)");

    private final Class<?> program;
    private final List<String> prefix = new ArrayList<>();
    private final List<String> options = new ArrayList<>();
    private final List<String> arguments = new ArrayList<>();
    private boolean foreign;
    private @Nullable Path runtime;
    private @Nullable Path classPath;

    private Fork(Class<?> program) {
        this.program = program;
    }

    public static Fork of(Class<?> program) {
        return new Fork(program);
    }

    /** Puts a command in front, such as taskset or prlimit. */
    public Fork under(String... command) {
        Machine.needsLinux(String.join(" ", command));
        prefix.addAll(List.of(command));
        return this;
    }

    /** Runs it as a user that has nothing and runs nothing else. Needs root and setpriv(1). */
    public Fork unprivileged() {
        long uid = FIRST_UID + ProcessHandle.current().pid() % UIDS;
        under("setpriv", "--reuid=" + uid, "--regid=" + uid, "--clear-groups");
        foreign = true;
        return this;
    }

    /** Runs it on another Java runtime, which may lack what an agent needs: nothing is measured there. */
    public Fork on(Path javaHome) {
        runtime = javaHome;
        return this;
    }

    /** Puts a folder in front of the class path. */
    public Fork classPath(Path folder) {
        classPath = folder;
        return this;
    }

    public Fork option(String option) {
        options.add(option);
        return this;
    }

    public Fork argument(String argument) {
        arguments.add(argument);
        return this;
    }

    /** Runs the program to its end and returns what it printed; it must exit with 0. */
    public String run() {
        Path folder = null;
        try {
            folder = Files.createTempDirectory("percpu-fork");
            if (foreign) {
                Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxrwxrwx"));
            }
            return run(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted", e);
        } finally {
            if (folder != null) {
                delete(folder);
            }
        }
    }

    private String run(Path folder) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(prefix);
        Path home = runtime == null ? Path.of(System.getProperty("java.home")) : runtime;
        command.add(home.resolve("bin/java").toString());
        command.addAll(List.of("-ea", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"));
        command.addAll(List.of("-XX:-UseDynamicNumberOfCompilerThreads", "-Djava.io.tmpdir=" + folder));
        command.addAll(List.of("-Djna.tmpdir=" + folder, "-XX:ErrorFile=" + folder.resolve("error")));
        if (Runtime.version().feature() >= 22) {
            command.add("--enable-native-access=ALL-UNNAMED");
        }
        String backend = System.getProperty("percpu.backend");
        if (backend != null) {
            command.add("-Dpercpu.backend=" + backend);
            command.add("-Dpercpu.patience=" + Integer.getInteger("percpu.patience", 1));
            command.add("-Dpercpu.sim=" + System.getProperty("percpu.sim", ""));
        }
        if (runtime == null) {
            command.addAll(coverage(folder));
        }
        command.addAll(options);
        String path = foreign ? copyOfClassPath(folder) : System.getProperty("java.class.path");
        command.addAll(List.of("-cp", classPath == null ? path : classPath + File.pathSeparator + path));
        command.add(program.getName());
        command.addAll(arguments);

        Path output = folder.resolve("output");
        Process process = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        boolean ended = process.waitFor(MINUTES, TimeUnit.MINUTES);
        if (!ended) {
            process.destroyForcibly();
        }
        keepCoverage(folder.resolve(COVERAGE));
        String text = Files.readString(output, StandardCharsets.UTF_8);
        assertThat(ended)
                .as("%s still ran after %d minutes:%n%s", program, MINUTES, text)
                .isTrue();
        assertThat(process.exitValue())
                .as("exit status of %s:%n%s", program, text)
                .isZero();
        return text;
    }

    /**
     * JaCoCo's agent, if this JVM runs under it: what the other JVM covers counts. It writes where its user may. Only in the first run: the
     * JVMs of the others would cover the same, and take half as long again to start.
     */
    private List<String> coverage(Path folder) throws IOException {
        if (!"ffm".equals(System.getProperty("percpu.backend"))) {
            return List.of();
        }
        for (String argument : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
            Matcher agent = AGENT.matcher(argument);
            if (agent.matches()) {
                Path jar = folder.resolve("agent.jar");
                copy(Path.of(agent.group("jar")), jar);
                return List.of("-javaagent:" + jar + "=" + agent.group("before") + "destfile="
                        + folder.resolve(COVERAGE) + agent.group("after"));
            }
        }
        return List.of();
    }

    /**
     * Called by a program whose end is the test: JaCoCo's agent writes its file beside the hook of the library, so this has it write again
     * behind that hook.
     */
    public static void coverTheEnd() {
        if (ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .anyMatch(argument -> AGENT.matcher(argument).matches())) {
            Runtime.getRuntime().addShutdownHook(new Thread(Fork::writeBehindTheHook));
        }
    }

    private static void writeBehindTheHook() {
        try {
            Field field = Class.forName("org.percpu.kernel.AtExit").getDeclaredField("hook");
            field.setAccessible(true);
            Thread hook = (Thread) field.get(null);
            if (hook == null) {
                return;
            }
            while (hook.getState() == Thread.State.NEW) {
                Thread.onSpinWait();
            }
            hook.join();
            Object agent = Class.forName("org.jacoco.agent.rt.RT")
                    .getMethod("getAgent")
                    .invoke(null);
            Class.forName("org.jacoco.agent.rt.IAgent")
                    .getMethod("dump", boolean.class)
                    .invoke(agent, false);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("JaCoCo or AtExit has changed", e);
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted", e);
        }
    }

    /** Behind what other JVMs have written: such files may be joined, and the agents write them under this lock. */
    private static void keepCoverage(Path file) throws IOException {
        if (!Files.exists(file)) {
            return;
        }
        byte[] coverage = Files.readAllBytes(file);
        if (!isWhole(ByteBuffer.wrap(coverage))) {
            System.out.println("left out: the coverage of a JVM that could not write all of it");
            return;
        }
        for (String argument : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
            Matcher agent = AGENT.matcher(argument);
            if (agent.matches()) {
                try (FileChannel all = FileChannel.open(
                                Path.of(agent.group("file")), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
                        FileLock lock = all.lock()) {
                    assertThat(lock.isValid()).isTrue();
                    assertThat(all.write(ByteBuffer.wrap(coverage))).isEqualTo(coverage.length);
                }
            }
        }
    }

    /** A JVM without memory, or without room in a buffer, may end in the middle; behind that the joined file would not be read. */
    private static boolean isWhole(ByteBuffer blocks) {
        try {
            while (blocks.hasRemaining()) {
                switch (blocks.get()) {
                    case HEADER -> skip(blocks, Short.BYTES + Short.BYTES);
                    case SESSION -> skip(blocks, blocks.getShort() + 2 * Long.BYTES);
                    case PROBES -> {
                        skip(blocks, Long.BYTES);
                        skip(blocks, blocks.getShort());
                        skip(blocks, (length(blocks) + Byte.SIZE - 1) / Byte.SIZE);
                    }
                    default -> {
                        return false;
                    }
                }
            }
            return true;
        } catch (BufferUnderflowException | IllegalArgumentException e) {
            return false;
        }
    }

    private static void skip(ByteBuffer blocks, int bytes) {
        blocks.position(blocks.position() + bytes);
    }

    /** Seven bits in a byte, the least first; the eighth says that there are more. */
    private static int length(ByteBuffer blocks) {
        int length = 0;
        int shift = 0;
        byte next;
        do {
            next = blocks.get();
            length |= (next & Byte.MAX_VALUE) << shift;
            shift += Byte.SIZE - 1;
        } while (next < 0);
        return length;
    }

    /** The class path may lie in a home directory that others cannot enter. */
    private static String copyOfClassPath(Path folder) throws IOException {
        List<String> copies = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
            Path source = Path.of(entry);
            if (Files.exists(source)) {
                Path copy = folder.resolve(copies.size() + "-" + source.getFileName());
                copy(source, copy);
                copies.add(copy.toString());
            }
        }
        return String.join(File.pathSeparator, copies);
    }

    private static void copy(Path source, Path target) throws IOException {
        Files.walkFileTree(source, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path dir, BasicFileAttributes attributes) throws IOException {
                Path made = Files.createDirectory(target.resolve(source.relativize(dir)));
                Files.setPosixFilePermissions(made, PosixFilePermissions.fromString("rwxr-xr-x"));
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Path made = source.equals(file) ? target : target.resolve(source.relativize(file));
                Files.copy(file, made);
                Files.setPosixFilePermissions(made, PosixFilePermissions.fromString("rw-r--r--"));
                return FileVisitResult.CONTINUE;
            }
        });
    }

    private static void delete(Path folder) {
        try {
            Files.walkFileTree(folder, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.delete(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path dir, IOException e) throws IOException {
                    Files.delete(dir);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
