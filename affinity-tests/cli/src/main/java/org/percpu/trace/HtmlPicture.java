// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.trace;

import java.io.IOException;
import java.io.InputStream;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A timeline as one HTML file. Below a band for each CPU, with a row for each thread that did something there, comes a
 * row for each lock with its holders. The boxes carry their times, so that a script in the page can zoom, and a test can
 * compare them with the events.
 */
public final class HtmlPicture {
    private static final int LABELS = 190;
    private static final int WIDTH = 1300;
    private static final int AXIS = 24;
    private static final int BAND = 22;
    private static final int ROW = 34;
    private static final int BOX = 22;
    private static final int GAP = 8;
    private static final int TICKS = 10;
    private static final int COLOURS = 8;

    /** About the width of a letter. */
    private static final double LETTER = 6.3;

    private final Timeline timeline;
    private final Summary summary;
    private final long from;
    private final long to;
    private final Map<String, Integer> rows = new LinkedHashMap<>(); // heights, by row
    private final Map<String, Integer> queues = new LinkedHashMap<>();
    private final StringBuilder svg = new StringBuilder();
    private int height = AXIS;

    private HtmlPicture(Timeline whole, long from, long to) {
        this.timeline = from == 0 && to >= whole.nanos() ? whole : whole.between(from, to);
        this.from = from;
        this.to = Math.max(Math.min(to, whole.nanos()), from + 1);
        this.summary = Summary.of(timeline, this.from, this.to);
    }

    /**
     * Draws the timeline.
     *
     * @param timeline what to draw
     * @param from the first moment
     * @param to the last moment
     * @param title what was recorded
     * @param file where to; it is replaced
     * @throws IOException if it cannot be written
     */
    public static void write(Timeline timeline, long from, long to, String title, Path file) throws IOException {
        HtmlPicture picture = new HtmlPicture(timeline, from, to);
        picture.draw();
        try (Writer out = Files.newBufferedWriter(file, StandardCharsets.UTF_8)) {
            picture.page(title, out);
        }
    }

    private static String resource(String name) throws IOException {
        try (InputStream in = HtmlPicture.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IOException("the jar of percpu has no " + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private void page(String title, Writer out) throws IOException {
        out.write("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                + "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline';"
                + " script-src 'unsafe-inline'\">\n<title>percpu trace: "
                + Escape.html(title) + "</title>\n<style>\n" + resource("picture.css") + "</style>\n</head>\n<body>\n");
        out.write("<header><b>percpu trace</b> <span>" + Escape.html(title) + "</span>" + legend() + "</header>\n");
        out.write("<p class=\"note\">" + note() + "</p>\n");
        out.write("<div id=\"bar\" hidden><button id=\"in\">+</button><button id=\"out\">&minus;</button>"
                + "<button id=\"all\">all</button> <input id=\"find\" type=\"search\" placeholder=\"find a name\">"
                + " <span id=\"found\"></span> <span class=\"dim\">wheel: zoom; drag: move; + - 0 and the arrow keys do the"
                + " same</span></div>\n");
        out.write(String.format(
                Locale.ROOT,
                "<svg id=\"p\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" data-from=\"%d\" data-to=\"%d\""
                        + " data-label=\"%d\" data-width=\"%d\">%n",
                LABELS + WIDTH + 20,
                height + 6,
                LABELS + WIDTH + 20,
                height + 6,
                from,
                to,
                LABELS,
                WIDTH));
        out.write("<defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternTransform=\"rotate(45)\""
                + " patternUnits=\"userSpaceOnUse\"><rect width=\"6\" height=\"6\" fill=\"#fff\" fill-opacity=\".55\"/>"
                + "<rect width=\"2.5\" height=\"6\" fill=\"#5b3fa8\"/></pattern>"
                + "<marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"6\" markerHeight=\"6\""
                + " orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#1c2b4a\"/></marker>"
                + "<clipPath id=\"clip\"><rect x=\"" + LABELS + "\" y=\"0\" width=\"" + WIDTH + "\" height=\"" + height
                + "\"/></clipPath></defs>\n");
        out.append(svg);
        out.write("</svg>\n<script>\n" + resource("picture.js") + "</script>\n</body>\n</html>\n");
    }

    private String legend() {
        StringBuilder legend = new StringBuilder();
        int shown = 0;
        for (Map.Entry<String, Integer> queue : queues.entrySet()) {
            if (shown++ < COLOURS) {
                legend.append("<i class=\"q")
                        .append(queue.getValue())
                        .append("\"></i>")
                        .append(Escape.html(queue.getKey()))
                        .append(' ');
            }
        }
        if (queues.size() > COLOURS) {
            legend.append("and ").append(queues.size() - COLOURS).append(" more queues ");
        }
        return "<span class=\"legend\">" + legend
                + "<i class=\"handler\"></i>interrupt handler <i class=\"level\"></i>level"
                + " raised <i class=\"hold\"></i>lock held <i class=\"wait\"></i>waits for a lock <i class=\"sleep\"></i>"
                + "asleep <span>&rarr; enqueue to run</span></span>";
    }

    private String note() {
        StringBuilder note = new StringBuilder();
        note.append(timeline.boxes().size())
                .append(" boxes, ")
                .append(timeline.arrows().size())
                .append(" arrows in ")
                .append(time(to - from));
        if (summary.mergedBoxes() > 0) {
            note.append(". <b>Left out:</b> the ")
                    .append(summary.mergedBoxes())
                    .append(" shortest boxes are merged to ")
                    .append(summary.merged().size())
                    .append(" pale ones, which say how many there are");
        }
        if (summary.hiddenArrows() > 0) {
            note.append(summary.mergedBoxes() > 0 ? ", and " : ". <b>Left out:</b> ")
                    .append(summary.hiddenArrows())
                    .append(" arrows, those of the shortest waits, are not drawn");
        }
        if (summary.mergedBoxes() > 0 || summary.hiddenArrows() > 0) {
            note.append("; a shorter stretch shows all of them, such as percpu trace --from 10ms --to 20ms");
        }
        if (timeline.unrun() > 0) {
            note.append(". ").append(timeline.unrun()).append(" enqueues have no run in the recording");
        }
        if (timeline.unqueued() > 0) {
            note.append(". ").append(timeline.unqueued()).append(" runs have no enqueue in the recording");
        }
        return note + ".";
    }

    // ---- rows

    private static String key(int cpu, long thread) {
        return cpu + " " + thread;
    }

    private void draw() {
        Map<Integer, Map<String, Long>> bands = new TreeMap<>();
        TreeSet<String> locks = new TreeSet<>();
        for (Timeline.Box box : timeline.boxes()) {
            if (box.kind() == Timeline.Kind.HOLD) {
                locks.add(box.group());
            } else {
                row(bands, box.cpu(), box.thread());
            }
            if (box.kind() == Timeline.Kind.RUN) {
                queues.computeIfAbsent(box.group(), q -> queues.size() % COLOURS);
            }
        }
        for (Timeline.Arrow arrow : summary.arrows()) {
            row(bands, arrow.cpu(), arrow.thread());
        }
        int band = 0;
        for (Map.Entry<Integer, Map<String, Long>> cpu : bands.entrySet()) {
            int top = height;
            height += BAND;
            StringBuilder labels = new StringBuilder();
            for (Map.Entry<String, Long> thread : cpu.getValue().entrySet()) {
                rows.put(key(cpu.getKey(), thread.getValue()), height);
                labels.append(label(name(thread.getValue()), height));
                height += ROW;
            }
            band(top, cpu.getKey() < 0 ? "CPU unknown" : "CPU " + cpu.getKey(), band++, labels);
        }
        if (!locks.isEmpty()) {
            int top = height;
            height += BAND;
            StringBuilder labels = new StringBuilder();
            for (String lock : locks) {
                rows.put("lock " + lock, height);
                labels.append(label(lock, height));
                height += ROW;
            }
            band(top, "locks", band, labels);
        }
        svg.insert(0, axis());
        svg.append("<g id=\"boxes\" clip-path=\"url(#clip)\">\n");
        for (Summary.Merged merged : summary.merged()) {
            merged(merged);
        }
        for (Timeline.Kind kind : new Timeline.Kind[] {
            Timeline.Kind.RUN,
            Timeline.Kind.HOLD,
            Timeline.Kind.WAIT,
            Timeline.Kind.SLEEP,
            Timeline.Kind.HANDLER,
            Timeline.Kind.LEVEL,
            Timeline.Kind.MARK
        }) {
            for (Timeline.Box box : summary.whole()) {
                if (box.kind() == kind) {
                    box(box);
                }
            }
        }
        svg.append("</g>\n<g id=\"arrows\" clip-path=\"url(#clip)\">\n");
        summary.arrows().forEach(this::arrow);
        svg.append("</g>\n");
    }

    private void row(Map<Integer, Map<String, Long>> bands, int cpu, long thread) {
        bands.computeIfAbsent(cpu, c -> new TreeMap<>()).put(name(thread) + " " + thread, thread);
    }

    private String name(long thread) {
        return timeline.threads().getOrDefault(thread, "thread " + thread);
    }

    private void band(int top, String name, int number, StringBuilder labels) {
        svg.append("<rect class=\"band")
                .append(number % 2)
                .append("\" x=\"0\" y=\"")
                .append(top)
                .append("\" width=\"")
                .append(LABELS + WIDTH + 20)
                .append("\" height=\"")
                .append(height - top)
                .append("\"/><text class=\"cpu\" x=\"8\" y=\"")
                .append(top + 16)
                .append("\">")
                .append(name)
                .append("</text>\n")
                .append(labels);
        height += GAP;
    }

    private String label(String name, int top) {
        int most = (int) ((LABELS - 24) / LETTER);
        String cut = name.length() > most ? name.substring(0, most - 1) + "\u2026" : name;
        return "<text class=\"row\" x=\"16\" y=\"" + (top + 20) + "\">" + Escape.html(cut) + "<title>"
                + Escape.html(name) + "</title></text><line class=\"base\" x1=\"" + LABELS + "\" x2=\""
                + (LABELS + WIDTH) + "\" y1=\"" + (top + ROW - 4) + "\" y2=\"" + (top + ROW - 4) + "\"/>\n";
    }

    // ---- boxes

    private double x(long time) {
        return LABELS + (double) (Math.min(Math.max(time, from), to) - from) / (to - from) * WIDTH;
    }

    private int rowOf(Timeline.Box box) {
        Integer top = rows.get(box.kind() == Timeline.Kind.HOLD ? "lock " + box.group() : key(box.cpu(), box.thread()));
        return top == null ? AXIS : top;
    }

    private void box(Timeline.Box box) {
        int top = rowOf(box);
        switch (box.kind()) {
            case RUN ->
                rect(box, "run q" + queues.get(box.group()), top + 8, BOX, box.name(), about(box, "of " + box.group()));
            case HANDLER -> rect(box, "handler", top + 8, BOX, box.name(), about(box, "interrupt handler"));
            case LEVEL -> rect(box, "level", top + 2, 5, "", about(box, "level raised"));
            case SLEEP -> rect(box, "sleep", top + 12, BOX - 8, "zz " + box.name(), about(box, "asleep"));
            case WAIT -> rect(box, "wait", top + 8, BOX, "", about(box, "waits for the lock"));
            case HOLD ->
                rect(
                        box,
                        "hold",
                        top + 8,
                        BOX,
                        name(box.thread()),
                        about(box, "held by " + name(box.thread()) + ", CPU " + box.cpu()));
            case MARK -> rect(box, "mark", top + 2, ROW - 6, box.name(), about(box, ""));
        }
    }

    private String about(Timeline.Box box, String what) {
        return box.name() + " " + what + (box.detail().isEmpty() ? "" : ", " + box.detail()) + "\n"
                + (box.kind() == Timeline.Kind.MARK
                        ? "at " + time(box.start())
                        : time(box.length()) + " from " + time(box.start()))
                + (box.endCpu() >= 0 && box.endCpu() != box.cpu() ? "\nended on CPU " + box.endCpu() : "");
    }

    private void rect(Timeline.Box box, String style, int y, int tall, String text, String title) {
        rect(style, box.start(), box.end(), y, tall, text, title);
    }

    private void rect(String style, long start, long end, int y, int tall, String text, String title) {
        double left = x(start);
        double width = Math.max(x(end) - left, 1);
        String shown = Escape.html(text);
        double needs = text.length() * LETTER + 6;
        svg.append("<g class=\"b ")
                .append(style)
                .append("\" data-s=\"")
                .append(start)
                .append("\" data-e=\"")
                .append(end)
                .append("\"><rect x=\"");
        number(left).append("\" y=\"").append(y).append("\" width=\"");
        number(width).append("\" height=\"").append(tall).append("\"/>");
        if (!text.isEmpty()) {
            svg.append("<text data-n=\"");
            number(needs).append("\" x=\"");
            number(left + 3)
                    .append("\" y=\"")
                    .append(y + tall - (tall > 16 ? 7 : 3))
                    .append('"');
            if (width < needs) {
                svg.append(" class=\"off\"");
            }
            svg.append('>').append(shown).append("</text>");
        }
        svg.append("<title>")
                .append(Escape.html(title).replace("\\u000a", "\n"))
                .append("</title></g>\n");
    }

    private void merged(Summary.Merged merged) {
        Timeline.Box first = merged.first();
        int top = rowOf(first);
        String title =
                merged.count() + " times " + first.kind().name().toLowerCase(Locale.ROOT) + " of " + first.group()
                        + ", together " + time(merged.busy()) + "\nin " + time(merged.end() - first.start()) + " from "
                        + time(first.start());
        rect(
                "merged " + first.kind().name().toLowerCase(Locale.ROOT)
                        + (first.kind() == Timeline.Kind.RUN ? " q" + queues.get(first.group()) : ""),
                first.start(),
                merged.end(),
                top + (first.kind() == Timeline.Kind.LEVEL ? 2 : 8),
                first.kind() == Timeline.Kind.LEVEL ? 5 : BOX,
                "\u00d7" + merged.count(),
                title);
    }

    private void arrow(Timeline.Arrow arrow) {
        Integer begin = rows.get(key(arrow.cpu(), arrow.thread()));
        int y1 = (begin == null ? AXIS : begin) + ROW - 4;
        int y2 = rowOf(arrow.run()) + 8 + BOX / 2;
        svg.append("<path class=\"a\" data-s=\"")
                .append(arrow.time())
                .append("\" data-e=\"")
                .append(arrow.run().start())
                .append("\" data-y=\"")
                .append(y1)
                .append(' ')
                .append(y2)
                .append("\" d=\"");
        double x1 = x(arrow.time());
        double x2 = x(arrow.run().start());
        double bend = Math.max((x2 - x1) / 2, 6);
        svg.append('M');
        number(x1).append(' ').append(y1).append('C');
        number(x1 + bend).append(' ').append(y1).append(' ');
        number(x2 - bend).append(' ').append(y2).append(' ');
        number(x2).append(' ').append(y2).append("\"/>\n");
    }

    // ---- the axis

    private String axis() {
        long step = step((to - from) / TICKS);
        StringBuilder axis = new StringBuilder("<g id=\"axis\">\n");
        for (long tick = (from + step - 1) / step * step; tick <= to; tick += step) {
            String x = String.format(Locale.ROOT, "%.1f", x(tick));
            axis.append("<line x1=\"")
                    .append(x)
                    .append("\" x2=\"")
                    .append(x)
                    .append("\" y1=\"18\" y2=\"")
                    .append(height)
                    .append("\"/><text x=\"")
                    .append(x)
                    .append("\" y=\"13\">")
                    .append(time(tick))
                    .append("</text>\n");
        }
        return axis.append("</g>\n").toString();
    }

    /** 1, 2 or 5 times a power of ten. */
    private static long step(long least) {
        long step = 1;
        while (true) {
            for (int factor : List.of(1, 2, 5)) {
                if (step * factor >= least) {
                    return step * factor;
                }
            }
            step *= 10;
        }
    }

    private static String time(long nanos) {
        if (nanos == 0) {
            return "0";
        }
        List<String> units = new ArrayList<>(List.of("ns", "\u00b5s", "ms", "s"));
        double value = nanos;
        while (value >= 1000 && units.size() > 1) {
            value /= 1000;
            units.remove(0);
        }
        String text = String.format(Locale.ROOT, "%.3f", value);
        return text.replaceFirst("\\.?0+$", "") + " " + units.get(0);
    }

    private StringBuilder number(double value) {
        long tenths = Math.round(value * 10);
        return svg.append(tenths / 10).append('.').append(Math.abs(tenths % 10));
    }
}
