// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.percpu.trace.BadRecording;
import org.percpu.trace.ChromeJson;
import org.percpu.trace.HtmlPicture;
import org.percpu.trace.Timeline;
import org.percpu.trace.TimelineReader;
import org.percpu.trace.Tracing;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code percpu trace}: the picture of a program or of a recording. */
@Command(
        name = "trace",
        description = {
            "Runs a Java program and draws what ran where, when, and what held it up; or draws a recording that was made"
                    + " elsewhere. The picture is one HTML file, which needs no network: a band for each CPU, a row for each"
                    + " thread, a box for each work, handler, raised level, sleep and wait, an arrow from each enqueue to its run.",
            ""
        },
        footer = {
            "",
            "A recording of your own needs the events: -XX:StartFlightRecording:filename=x.jfr,org.percpu.Run#enabled=true,"
                    + " and likewise Enqueue, LockWait, LockHold, Level, Handler, Sleep and Thread.",
            "Exit status: 0 the picture was written; 1 it was not, or the program failed; 2 bad input."
        })
final class TraceCommand implements Callable<Integer> {
    private static final String JFR = ".jfr";
    private static final String JAVA = ".java";

    private final Streams streams;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "FILE.html",
            description =
                    "Where to write the picture; unless given, the name of the program with .html, in this folder.")
    private @Nullable Path output;

    @Option(names = "--json", paramLabel = "FILE", description = "Write Chrome's trace format too, for Perfetto.")
    private @Nullable Path json;

    @Option(names = "--from", paramLabel = "T", description = "Draw from this time of the recording on, such as 10ms.")
    private @Nullable String from;

    @Option(names = "--to", paramLabel = "T", description = "Draw up to this time of the recording, such as 20ms.")
    private @Nullable String to;

    @Option(
            names = {"-cp", "--class-path"},
            paramLabel = "PATH",
            description = "Where the classes of the program are; percpu itself is always there.")
    private @Nullable String classPath;

    @Parameters(
            paramLabel = "FILE.java|CLASS|FILE.jfr",
            arity = "1",
            index = "0",
            description = "A source file, a class, or a recording.")
    private String what = "";

    @Parameters(
            paramLabel = "ARG",
            arity = "0..*",
            index = "1..*",
            description = "Arguments of the program; after -- if they begin with -.")
    private List<String> args = new ArrayList<>();

    TraceCommand(Streams streams) {
        this.streams = streams;
    }

    @Override
    public Integer call() throws InterruptedException {
        long first = from == null ? 0 : Durations.parse("--from", from);
        long last = to == null ? Long.MAX_VALUE : Durations.parse("--to", to);
        if (last <= first) {
            throw new BadInput("--to " + to + " is not after --from " + from);
        }
        if (what.endsWith(JAVA) && !Files.isReadable(Path.of(what))) {
            throw new BadInput("'" + what + "' cannot be read: name a source file, a class, or a recording");
        }
        Path html = output == null ? Path.of(base() + ".html") : output;
        TraceFile.requireWritable("-o", html);
        if (json != null) {
            TraceFile.requireWritable("--json", json);
        }
        try {
            if (what.endsWith(JFR)) {
                if (!args.isEmpty()) {
                    throw new BadInput("'" + args.get(0) + "': a recording takes no arguments");
                }
                draw(TimelineReader.read(Path.of(what)), html, first, last);
                return ExitStatus.OK;
            }
            return runAndDraw(html, first, last);
        } catch (BadRecording e) {
            streams.err().println("percpu trace: " + e.getMessage());
            return ExitStatus.FAILED;
        }
    }

    /** Name of the program without folder and ending. */
    private String base() {
        String name = what.substring(what.lastIndexOf('/') + 1);
        for (String ending : List.of(JFR, JAVA)) {
            name = name.endsWith(ending) ? name.substring(0, name.length() - ending.length()) : name;
        }
        return name.substring(name.lastIndexOf('.') + 1);
    }

    private void draw(Timeline timeline, Path html, long first, long last) {
        if (first >= timeline.nanos() && timeline.nanos() > 0) {
            throw new BadInput(
                    "--from " + from + ": the recording is only " + TopCommand.time(timeline.nanos()) + " long");
        }
        try {
            HtmlPicture.write(timeline, first, Math.min(last, Math.max(timeline.nanos(), 1)), what, html);
        } catch (IOException e) {
            throw TraceFile.cannotWrite("-o", html, e);
        }
        Path chrome = json;
        if (chrome != null) {
            try {
                ChromeJson.write(timeline, chrome);
            } catch (IOException e) {
                throw TraceFile.cannotWrite("--json", chrome, e);
            }
        }
        streams.out()
                .println(html + ": " + timeline.boxes().size() + " boxes and "
                        + timeline.arrows().size() + " arrows in " + TopCommand.time(timeline.nanos())
                        + (chrome == null ? "" : "; " + chrome));
    }

    private int runAndDraw(Path html, long first, long last) throws InterruptedException, BadRecording {
        try {
            Path folder = Files.createTempDirectory("percpu");
            Path settings = folder.resolve("trace.jfc");
            Path recording = folder.resolve("trace.jfr");
            try {
                int status = run(settings, recording);
                if (!Files.exists(recording)) {
                    streams.err()
                            .println("percpu trace: the program ended with " + status
                                    + " and left no recording: was it killed?");
                    return ExitStatus.FAILED;
                }
                draw(TimelineReader.read(recording), html, first, last);
                if (status != 0) {
                    streams.err().println("percpu trace: the program ended with " + status);
                }
                return status == 0 ? ExitStatus.OK : ExitStatus.FAILED;
            } finally {
                Files.deleteIfExists(settings);
                Files.deleteIfExists(recording);
                Files.deleteIfExists(folder);
            }
        } catch (IOException e) {
            throw new BadInput(
                    "the program cannot be recorded (" + e.getMessage()
                            + "): is there room in the folder of temporary files?",
                    e);
        }
    }

    private int run(Path settings, Path recording) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        if (Runtime.version().feature() >= 22) {
            command.add("--enable-native-access=ALL-UNNAMED");
        }
        command.addAll(Tracing.options(settings, recording));
        String ours = System.getProperty("java.class.path");
        command.add("-cp");
        command.add(classPath == null ? ours : classPath + File.pathSeparator + ours);
        command.add(what);
        command.addAll(args);
        return new ProcessBuilder(command).inheritIO().start().waitFor();
    }
}
