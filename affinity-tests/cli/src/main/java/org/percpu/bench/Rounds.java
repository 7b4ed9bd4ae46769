// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;

/** Runs every contender in a process of its own, in turn, several times over. */
public final class Rounds {
    private static final int PROCESS_SECONDS = 120;
    private static final int UNSAFE_OPTION_SINCE = 23;
    private static final String HEAP = "1g";
    /** Ten million works and the arrays that hold them. */
    private static final String BIG_HEAP = "2g";

    private final List<Lineup.Entry> entries;
    private final int count;
    private final boolean quick;
    private final CpuSet allowed = CpuTopology.system().allowed();
    private final Results results;

    /**
     * A plan.
     *
     * @param entries who
     * @param count how many rounds
     * @param quick a fraction of the samples
     */
    public Rounds(List<Lineup.Entry> entries, int count, boolean quick) {
        this.entries = List.copyOf(entries);
        this.count = count;
        this.quick = quick;
        this.results = new Results(entries, count);
    }

    /**
     * Runs the plan.
     *
     * @param progress told the round, from 1, and the contender before each
     * @return what was measured
     * @throws IOException if no process can be started
     * @throws InterruptedException if the caller is interrupted
     */
    public Results run(BiConsumer<Integer, String> progress) throws IOException, InterruptedException {
        List<Lineup.Entry> running = new ArrayList<>(entries);
        CReference reference = CReference.find("reference");
        if (reference.program() == null) {
            leaveOut(running, Lineup.Trait.C, reference.problem());
        }
        if (allowed.size() < 2) {
            leaveOut(
                    running,
                    Lineup.Trait.QUEUE,
                    "a producer and a worker need two CPUs and this process may use only " + allowed
                            + ": widen its taskset or cpuset");
        } else if (allowed.size() == 2) {
            results.note("there are only two CPUs, so the two producers share one: they take turns and do not collide");
        }
        for (int round = 0; round < count; round++) {
            for (Lineup.Entry entry : List.copyOf(running)) {
                progress.accept(round + 1, entry.id());
                Map<String, Object> answer = process(entry, reference.program());
                Object reason = answer.get(Measurement.LEFT_OUT);
                if (reason == null) {
                    results.add(round, entry, answer);
                } else {
                    results.leftOut(entry, reason.toString());
                    running.remove(entry);
                }
            }
            // Who comes after whom must not matter.
            Collections.rotate(running, 1 + running.size() / 3);
        }
        results.noteWakeUp();
        return results;
    }

    private void leaveOut(List<Lineup.Entry> running, Lineup.Trait trait, String reason) {
        for (Lineup.Entry entry : List.copyOf(running)) {
            if (entry.is(trait)) {
                results.leftOut(entry, reason);
                running.remove(entry);
            }
        }
    }

    private Map<String, Object> process(Lineup.Entry entry, @Nullable Path reference)
            throws IOException, InterruptedException {
        List<String> command = entry.is(Lineup.Trait.C) && reference != null ? c(entry, reference) : java(entry);
        ProcessBuilder builder = new ProcessBuilder(command);
        Path errors = Files.createTempFile("percpu-compare", ".err");
        builder.redirectError(errors.toFile());
        try {
            Process process = builder.start();
            process.getOutputStream().close();
            // A process that hangs must not hang this one, which reads until the end of its output.
            Thread watchdog = new Thread(() -> endIfLate(process), "compare-watchdog");
            watchdog.setDaemon(true);
            watchdog.start();
            String said;
            try (InputStream output = process.getInputStream()) {
                said = new String(output.readAllBytes(), StandardCharsets.UTF_8);
            }
            int status = process.waitFor();
            watchdog.interrupt();
            String answer = said.lines()
                    .filter(line -> line.startsWith("{"))
                    .findFirst()
                    .orElse(null);
            if (status != 0 || answer == null) {
                String why = Files.readString(errors)
                        .lines()
                        .filter(line -> !line.startsWith("WARNING"))
                        .findFirst()
                        .orElse("it printed nothing");
                return Map.of(Measurement.LEFT_OUT, "its process ended with status " + status + ": " + why);
            }
            return JSON.std.mapFrom(answer);
        } finally {
            Files.deleteIfExists(errors);
        }
    }

    private static void endIfLate(Process process) {
        try {
            if (!process.waitFor(PROCESS_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private String cpu(int index) {
        int[] ids = allowed.stream().toArray();
        return Integer.toString(ids[Math.min(index, ids.length - 1)]);
    }

    /** The CPUs of the first producer, of the second, and of the worker. */
    private List<String> places() {
        return List.of(cpu(0), allowed.size() > 2 ? cpu(2) : cpu(0), cpu(1));
    }

    private List<String> c(Lineup.Entry entry, Path program) {
        Measures.Amount amount = quick ? Measures.Amount.QUICK : Measures.Amount.FULL;
        List<String> command =
                new ArrayList<>(List.of(program.toString(), entry.id().substring("c-".length())));
        command.addAll(places());
        for (int number : new int[] {amount.spinSamples(), amount.sleepSamples(), amount.items()}) {
            command.add(Integer.toString(number));
        }
        return command;
    }

    private List<String> java(Lineup.Entry entry) {
        String heap = entry.is(Lineup.Trait.BIG) ? BIG_HEAP : HEAP;
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xms" + heap,
                "-Xmx" + heap,
                "--enable-native-access=ALL-UNNAMED",
                // Agrona looks for the JDK's internal Unsafe.
                "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
                "-Dslf4j.internal.verbosity=ERROR",
                // A virtual thread for each item runs beside the one before it unless there is a single carrier.
                "-Djdk.virtualThreadScheduler.parallelism=1",
                "-Djdk.virtualThreadScheduler.maxPoolSize=1"));
        if (Runtime.version().feature() >= UNSAFE_OPTION_SINCE) {
            command.add("--sun-misc-unsafe-memory-access=allow");
        }
        String backend = System.getProperty(Backend.PROPERTY);
        if (backend != null) {
            command.add("-D" + Backend.PROPERTY + "=" + backend);
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Measurement.class.getName(), entry.id()));
        command.addAll(places());
        command.add(quick ? "quick" : "full");
        command.add("two");
        return command;
    }

    /**
     * Where it was run.
     *
     * @return one line for each thing that matters
     */
    public List<String> machine() {
        List<String> at = places();
        return Machine.lines("producers on CPU " + at.get(0) + " and " + at.get(1) + ", worker on CPU " + at.get(2));
    }
}
