// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.trace;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordedThread;
import jdk.jfr.consumer.RecordingFile;
import org.jspecify.annotations.Nullable;

/** Reads a timeline from a recording. */
public final class TimelineReader {
    private static final String PREFIX = "org.percpu.";

    /** An enqueue that has not found its run. */
    private record Enqueue(int cpu, long thread, long time) {}

    /** A run that has not found its enqueue. */
    private record Run(Timeline.Box box, int id, long waited) {}

    private final Path file;
    private final List<Timeline.Box> boxes = new ArrayList<>();
    private final Map<Integer, List<Enqueue>> enqueues = new HashMap<>();
    private final List<Run> runs = new ArrayList<>();
    private final Map<Long, String> threads = new HashMap<>();
    private final Map<String, String> texts = new HashMap<>();
    private long seconds = Long.MIN_VALUE;
    private long first = Long.MAX_VALUE;
    private long last = Long.MIN_VALUE;

    private TimelineReader(Path file) {
        this.file = file;
    }

    /**
     * Reads a recording.
     *
     * @param file made by {@link Tracing}, or by any recording that has asked for our events
     * @return its timeline
     * @throws BadRecording if it is not one
     */
    public static Timeline read(Path file) throws BadRecording {
        return new TimelineReader(file).read();
    }

    private Timeline read() throws BadRecording {
        if (!Files.isRegularFile(file) || !Files.isReadable(file)) {
            throw new BadRecording("'" + file + "' cannot be read: "
                    + (Files.exists(file) ? "is it a file, and yours?" : "there is no such file"));
        }
        try (RecordingFile recording = new RecordingFile(file)) {
            while (recording.hasMoreEvents()) {
                RecordedEvent event = recording.readEvent();
                String name = event.getEventType().getName();
                if (name.startsWith(PREFIX)) {
                    take(event, name.substring(PREFIX.length()));
                }
            }
        } catch (IllegalArgumentException e) {
            throw new BadRecording(
                    "'" + file + "' is of another version of percpu (" + line(e)
                            + "): read it with that version's percpu trace",
                    e);
        } catch (IOException | RuntimeException e) {
            throw new BadRecording(
                    "'" + file + "' is no whole recording (" + line(e)
                            + "): was it cut off, or is it another kind of file?",
                    e);
        }
        if (first == Long.MAX_VALUE) {
            throw new BadRecording(
                    "'" + file + "' has no events of percpu: record with percpu trace, or ask for them, as with"
                            + " -XX:StartFlightRecording:org.percpu.Run#enabled=true");
        }
        return finish();
    }

    private static String line(Exception e) {
        String message = e.getMessage();
        return message == null
                ? e.getClass().getSimpleName()
                : message.lines().findFirst().orElse("");
    }

    /** The same text once: a recording has each name many times. */
    private String text(RecordedEvent event, String field) {
        String text = event.getString(field);
        if (text == null) {
            return "";
        }
        String known = texts.putIfAbsent(text, text);
        return known == null ? text : known;
    }

    private long time(Instant moment) {
        if (seconds == Long.MIN_VALUE) {
            seconds = moment.getEpochSecond();
        }
        return (moment.getEpochSecond() - seconds) * 1_000_000_000 + moment.getNano();
    }

    private long thread(RecordedEvent event) {
        RecordedThread thread = event.getThread();
        if (thread == null) {
            return 0;
        }
        long tid = thread.getOSThreadId();
        if (!threads.containsKey(tid)) {
            String name = thread.getJavaName() == null ? thread.getOSName() : thread.getJavaName();
            threads.put(tid, name == null ? "thread " + tid : name);
        }
        return tid;
    }

    private void take(RecordedEvent event, String name) {
        switch (name) {
            case "Enqueue" -> {
                long time = note(event.getStartTime());
                enqueues.computeIfAbsent(event.getInt("id"), id -> new ArrayList<>())
                        .add(new Enqueue(event.getInt("cpu"), thread(event), time));
            }
            case "Run" -> {
                Timeline.Box box = box(
                        Timeline.Kind.RUN,
                        event,
                        event.getInt("endCpu"),
                        text(event, "queue"),
                        text(event, "item"),
                        "");
                runs.add(new Run(box, event.getInt("id"), event.getLong("waited")));
            }
            case "Handler" -> box(Timeline.Kind.HANDLER, event, -1, text(event, "line"), text(event, "line"), "");
            case "Level" -> box(Timeline.Kind.LEVEL, event, -1, text(event, "level"), text(event, "level"), "");
            case "Sleep" -> box(Timeline.Kind.SLEEP, event, -1, text(event, "wmesg"), text(event, "wmesg"), "");
            case "LockWait" -> {
                String holder = text(event, "holder");
                String detail = holder.isEmpty() ? "" : "held by " + holder;
                box(Timeline.Kind.WAIT, event, -1, text(event, "lock"), text(event, "lock"), detail);
            }
            case "LockHold" -> box(Timeline.Kind.HOLD, event, -1, text(event, "lock"), text(event, "lock"), "");
            case "Fault" ->
                mark(
                        event,
                        "fault",
                        text(event, "queue") + ": " + text(event, "item") + " threw " + text(event, "thrown"));
            case "Stall" -> mark(event, "stall", text(event, "text"));
            case "TimerLate" -> mark(event, "timer late", text(event, "timer"));
            case "PinRestored" -> mark(event, "pin restored", text(event, "name"));
            case "Thread" -> {
                thread(event);
                threads.put((long) event.getInt("tid"), text(event, "name"));
                note(event.getStartTime());
            }
            default -> {
                // Pins, and works that the trace has already.
            }
        }
    }

    private long note(Instant moment) {
        long time = time(moment);
        first = Math.min(first, time);
        last = Math.max(last, time);
        return time;
    }

    private Timeline.Box box(
            Timeline.Kind kind, RecordedEvent event, int endCpu, String group, String name, String detail) {
        long start = note(event.getStartTime());
        long end = note(event.getEndTime());
        Timeline.Box box =
                new Timeline.Box(kind, event.getInt("cpu"), endCpu, thread(event), start, end, group, name, detail);
        boxes.add(box);
        return box;
    }

    private void mark(RecordedEvent event, String name, String detail) {
        long time = note(event.getStartTime());
        int cpu = event.hasField("cpu") ? event.getInt("cpu") : -1;
        boxes.add(new Timeline.Box(Timeline.Kind.MARK, cpu, -1, thread(event), time, time, name, name, detail));
    }

    private Timeline finish() {
        List<Timeline.Arrow> arrows = new ArrayList<>();
        enqueues.values().forEach(list -> list.sort(Comparator.comparingLong(Enqueue::time)));
        runs.sort(Comparator.comparingLong(run -> run.box().start()));
        int unqueued = 0;
        for (Run run : runs) {
            Enqueue enqueue = of(run);
            if (enqueue == null) {
                unqueued++;
            } else {
                arrows.add(new Timeline.Arrow(
                        enqueue.cpu(), enqueue.thread(), enqueue.time() - first, shifted(run.box())));
            }
        }
        int unrun = enqueues.values().stream().mapToInt(List::size).sum();
        List<Timeline.Box> shifted = new ArrayList<>(boxes.size());
        boxes.forEach(box -> shifted.add(shifted(box)));
        shifted.sort(Comparator.comparingLong(Timeline.Box::start));
        return new Timeline(shifted, arrows, threads, last - first, unrun, unqueued);
    }

    private Timeline.Box shifted(Timeline.Box box) {
        return new Timeline.Box(
                box.kind(),
                box.cpu(),
                box.endCpu(),
                box.thread(),
                box.start() - first,
                box.end() - first,
                box.group(),
                box.name(),
                box.detail());
    }

    /**
     * The enqueue of a run: of those of the same item, before the run, the nearest to the time at which the run says that
     * it was enqueued. Earlier ones were taken back, or ran before the recording could see it.
     */
    private @Nullable Enqueue of(Run run) {
        List<Enqueue> all = enqueues.get(run.id());
        if (all == null) {
            return null;
        }
        long wanted = run.box().start() - Math.max(run.waited(), 0);
        int best = -1;
        for (int i = 0; i < all.size() && all.get(i).time() <= run.box().start(); i++) {
            if (best < 0
                    || Math.abs(all.get(i).time() - wanted)
                            <= Math.abs(all.get(best).time() - wanted)) {
                best = i;
            }
        }
        return best < 0 ? null : all.remove(best);
    }
}
