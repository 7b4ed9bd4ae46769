// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.trace;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import jdk.jfr.Recording;

/** Records the events of a trace: in this process, or in a program that it starts. */
public final class Tracing implements AutoCloseable {
    private static final List<String> EVENTS = List.of(
            "Enqueue",
            "Run",
            "LockWait",
            "LockHold",
            "Level",
            "Handler",
            "Sleep",
            "Thread",
            "Fault",
            "Stall",
            "TimerLate",
            "PinLost",
            "PinRestored");

    /** Each of these runs is told already, and to measure it again would take its time. */
    private static final String SLOW = "org.percpu.WorkRun";

    private final Recording recording = new Recording();

    private Tracing() {}

    /**
     * Begins to record in this process.
     *
     * @return to be closed
     */
    public static Tracing begin() {
        Tracing tracing = new Tracing();
        for (String event : EVENTS) {
            tracing.recording
                    .enable("org.percpu." + event)
                    .withThreshold(Duration.ZERO)
                    .withoutStackTrace();
        }
        tracing.recording.disable(SLOW);
        tracing.recording.start();
        return tracing;
    }

    /**
     * Ends the recording.
     *
     * @return what was recorded
     * @throws IOException if it cannot be written to the folder of temporary files
     * @throws BadRecording if nothing was recorded
     */
    public Timeline end() throws IOException, BadRecording {
        recording.stop();
        Path file = Files.createTempFile("percpu", ".jfr");
        try {
            recording.dump(file);
            return TimelineReader.read(file);
        } finally {
            Files.deleteIfExists(file);
        }
    }

    @Override
    public void close() {
        recording.close();
    }

    /**
     * The options with which a Java process records itself.
     *
     * @param settings a file that is written, and must stay as long as the process runs
     * @param recording the file that the process writes when it ends
     * @return options of java
     * @throws IOException if the settings cannot be written
     */
    public static List<String> options(Path settings, Path recording) throws IOException {
        StringBuilder xml =
                new StringBuilder("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<configuration version=\"2.0\">\n");
        for (String event : EVENTS) {
            xml.append("  <event name=\"org.percpu.")
                    .append(event)
                    .append("\"><setting name=\"enabled\">true</setting><setting name=\"threshold\">0 ns</setting>"
                            + "<setting name=\"stackTrace\">false</setting></event>\n");
        }
        xml.append("  <event name=\"" + SLOW + "\"><setting name=\"enabled\">false</setting></event>\n");
        Files.writeString(settings, xml.append("</configuration>\n").toString(), StandardCharsets.UTF_8);
        List<String> options = new ArrayList<>();
        options.add("-XX:StartFlightRecording=filename=" + recording + ",settings=" + settings + ",dumponexit=true");
        options.add("-Xlog:jfr*=off");
        return options;
    }
}
