// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.mutants;

import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.jspecify.annotations.Nullable;

/**
 * Compiles each mutant of a list, puts it in front of the library on the class path, and runs the tests that must find it, or the scenario
 * under Fray. A test that fails or hangs kills the mutant. Ends with 1 if a mutant survives that is not said to be equivalent.
 */
final class Mutants {
    private static final long LIMIT_SECONDS = 120;

    /** The script has a limit of its own, for which nothing counts as found. */
    private static final long SCHEDULES_LIMIT_SECONDS = 600;

    private final Path sources;
    private final Path work;
    private final Path schedules;
    private final Path schedulesTarget;
    private int survivors;

    private Mutants(Path sources, Path work, Path schedules, Path schedulesTarget) {
        this.sources = sources;
        this.work = work;
        this.schedules = schedules;
        this.schedulesTarget = schedulesTarget;
    }

    /**
     * Arguments: the list, the folder org/percpu of core's sources, a folder to work in, the script that runs schedules, the folder in which
     * that works, and the mutants to try (all, if none is named).
     */
    public static void main(String[] args) throws IOException, InterruptedException {
        List<Mutant> all = Mutant.read(Path.of(args[0]));
        List<String> chosen = List.of(args).subList(5, args.length);
        Mutants mutants = new Mutants(Path.of(args[1]), Path.of(args[2]), Path.of(args[3]), Path.of(args[4]));
        int killed = 0;
        int equivalent = 0;
        for (Mutant mutant : all) {
            if (!chosen.isEmpty() && !chosen.contains(mutant.name())) {
                continue;
            }
            if (mutant.equivalent() != null) {
                equivalent++;
                System.out.printf("%-32s equivalent: %s%n", mutant.name(), mutant.equivalent());
            } else if (mutants.isKilled(mutant)) {
                killed++;
            }
        }
        System.out.printf("mutants: %d killed, %d survived, %d equivalent%n", killed, mutants.survivors, equivalent);
        System.exit(mutants.survivors == 0 ? 0 : 1);
    }

    private boolean isKilled(Mutant mutant) throws IOException, InterruptedException {
        Path classes = compile(mutant);
        String scenario = mutant.scenario();
        List<String> command = scenario == null ? tests(mutant, classes) : schedules(scenario, classes);
        long limit = scenario == null ? LIMIT_SECONDS : SCHEDULES_LIMIT_SECONDS;
        Path out = work.resolve(mutant.name() + ".log");
        long start = System.nanoTime();
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
        boolean ended = process.waitFor(limit, TimeUnit.SECONDS);
        if (!ended) {
            // A script's own children would go on.
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly().waitFor();
        }
        String by = ended ? verdict(out, process.exitValue()) : hung(out, scenario, limit);
        System.out.printf(
                "%-32s %s (%s, %d s)%n",
                mutant.name(), by, mutant.kind(), TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start));
        if (by.startsWith("killed")) {
            return true;
        }
        survivors++;
        return false;
    }

    private static String hung(Path out, @Nullable String scenario, long limit) throws IOException {
        List<String> lines = Files.readAllLines(out);
        boolean began = scenario == null
                && !lines.isEmpty()
                && !lines.get(lines.size() - 1).startsWith(Killers.WAITS);
        return (began ? "killed by a hang of " : "NOT TRIED: no test began within ") + limit + " s";
    }

    private static List<String> tests(Mutant mutant, Path classes) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-ea",
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-Dpercpu.backend=ffm",
                "-cp",
                classes + File.pathSeparator + System.getProperty("java.class.path"),
                Killers.class.getName()));
        command.addAll(mutant.tests());
        return command;
    }

    private List<String> schedules(String scenario, Path classes) {
        return List.of(
                schedules.toString(),
                schedulesTarget.toString(),
                System.getProperty("java.class.path"),
                "mutant",
                scenario,
                classes.toString());
    }

    private static String verdict(Path out, int code) throws IOException {
        List<String> lines = Files.readAllLines(out);
        if (code == 0) {
            return "SURVIVED: " + lines.get(lines.size() - 1);
        }
        return lines.stream()
                .filter(line -> line.startsWith("killed by"))
                .findFirst()
                .orElse(
                        code == 2
                                ? "NOT TRIED: no test ran, see " + out
                                : "killed by the end of the JVM, status " + code);
    }

    private Path compile(Mutant mutant) throws IOException {
        String name = Path.of("org", "percpu").resolve(mutant.file()).toString();
        Path source = work.resolve(mutant.name()).resolve("src").resolve(name);
        Path classes = work.resolve(mutant.name()).resolve("classes");
        Path folder = source.getParent();
        if (folder == null) {
            throw new IllegalArgumentException(source.toString());
        }
        Files.createDirectories(folder);
        Files.createDirectories(classes);
        Files.writeString(source, mutant.mutate(Files.readString(sources.resolve(mutant.file()))));
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StringWriter said = new StringWriter();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
            List<String> options = List.of(
                    "--release",
                    "17",
                    "-nowarn",
                    "-proc:none",
                    "-d",
                    classes.toString(),
                    "-cp",
                    System.getProperty("java.class.path"));
            boolean compiled = compiler.getTask(said, files, null, options, null, files.getJavaFileObjects(source))
                    .call();
            if (!compiled) {
                throw new IllegalArgumentException("mutant " + mutant.name() + " does not compile:\n" + said);
            }
        }
        return classes;
    }
}
