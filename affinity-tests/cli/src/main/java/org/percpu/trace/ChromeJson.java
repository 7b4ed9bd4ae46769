// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.trace;

import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;

/** The trace format of Chrome, which Perfetto reads too: a process for each CPU, a thread for each thread. */
public final class ChromeJson {
    private static final String UNKNOWN = "CPU unknown";

    private ChromeJson() {}

    /**
     * Writes all boxes and arrows.
     *
     * @param timeline what to write
     * @param file where; it is replaced
     * @throws IOException if it cannot be written
     */
    public static void write(Timeline timeline, Path file) throws IOException {
        try (Writer out = Files.newBufferedWriter(file, StandardCharsets.UTF_8)) {
            out.write("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
            names(timeline, out);
            for (Timeline.Box box : timeline.boxes()) {
                box(box, out);
            }
            int id = 0;
            for (Timeline.Arrow arrow : timeline.arrows()) {
                id++;
                flow("s", id, arrow.cpu(), arrow.thread(), arrow.time(), "", out);
                flow(
                        "f",
                        id,
                        arrow.run().cpu(),
                        arrow.run().thread(),
                        arrow.run().start(),
                        ",\"bp\":\"e\"",
                        out);
            }
            out.write("{\"ph\":\"M\",\"name\":\"process_sort_index\",\"pid\":-1,\"args\":{\"sort_index\":9999}}\n]}\n");
        }
    }

    private static void names(Timeline timeline, Writer out) throws IOException {
        Set<Integer> cpus = new HashSet<>();
        Set<String> rows = new HashSet<>();
        for (Timeline.Box box : timeline.boxes()) {
            name(timeline, box.cpu(), box.thread(), cpus, rows, out);
        }
        for (Timeline.Arrow arrow : timeline.arrows()) {
            name(timeline, arrow.cpu(), arrow.thread(), cpus, rows, out);
        }
    }

    private static void name(Timeline timeline, int cpu, long thread, Set<Integer> cpus, Set<String> rows, Writer out)
            throws IOException {
        if (cpus.add(cpu)) {
            out.write("{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":" + cpu + ",\"args\":{\"name\":\""
                    + (cpu < 0 ? UNKNOWN : "CPU " + cpu) + "\"}},\n");
        }
        if (rows.add(cpu + " " + thread)) {
            out.write("{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":" + cpu + ",\"tid\":" + thread
                    + ",\"args\":{\"name\":" + Escape.json(timeline.threads().getOrDefault(thread, "thread " + thread))
                    + "}},\n");
        }
    }

    private static void box(Timeline.Box box, Writer out) throws IOException {
        boolean moment = box.kind() == Timeline.Kind.MARK;
        out.write("{\"ph\":\"" + (moment ? "i" : "X") + "\",\"cat\":\""
                + box.kind().name().toLowerCase(Locale.ROOT) + "\",\"name\":" + Escape.json(box.name()) + ",\"pid\":"
                + box.cpu() + ",\"tid\":" + box.thread() + ",\"ts\":" + micros(box.start())
                + (moment ? ",\"s\":\"t\"" : ",\"dur\":" + micros(box.length())) + ",\"args\":{\"group\":"
                + Escape.json(box.group()) + (box.detail().isEmpty() ? "" : ",\"detail\":" + Escape.json(box.detail()))
                + (box.endCpu() < 0 ? "" : ",\"endCpu\":" + box.endCpu()) + "}},\n");
    }

    private static void flow(String phase, int id, int cpu, long thread, long time, String more, Writer out)
            throws IOException {
        out.write("{\"ph\":\"" + phase + "\",\"cat\":\"enqueue\",\"name\":\"enqueue\",\"id\":" + id + ",\"pid\":" + cpu
                + ",\"tid\":" + thread + ",\"ts\":" + micros(time) + more + "},\n");
    }

    private static String micros(long nanos) {
        long part = nanos % 1000;
        return nanos / 1000 + "." + (part < 10 ? "00" : part < 100 ? "0" : "") + part;
    }
}
