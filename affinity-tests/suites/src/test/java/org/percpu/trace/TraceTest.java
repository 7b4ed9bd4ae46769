// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.jr.ob.JSON;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jdk.jfr.Configuration;
import jdk.jfr.Event;
import jdk.jfr.Name;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.NamedWork;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

/** The picture of a recording. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("the picture of a recording")
@Tag("once")
class TraceTest {
    private static final String WILD = "<b onclick='x'>&\"\u001b[31m\n\u2028";

    @RegisterExtension
    final TestKernel test = new TestKernel();

    /** A work, a task, a handler at its level, a raised level, a sleep and a contended kernel lock. */
    private void program() {
        Kernel kernel = test.get();
        Workqueue<Work> rx = Workqueue.create(
                kernel, "rx", (Work work, @Nullable Object arg) -> {}, null, Pri.PRI_NONE, Ipl.VM, Workqueue.WQ_MPSAFE);
        Taskq big = Taskq.create(kernel, "big", 1, Ipl.NONE, 0);
        Object link = new Object();
        CountDownLatch locked = new CountDownLatch(1);
        Task check = Task.initializer(
                arg -> {
                    locked.countDown();
                    Bounded.until("a thread waits for the lock", () -> kernel.lwps().stream()
                            .anyMatch(lwp -> String.valueOf(lwp.waitsFor()).contains("kernel lock")));
                    int slept = kernel.sleepq().tsleep(link, "linkwait", TimeUnit.MILLISECONDS.toNanos(1));
                    assertThat(slept).isNotZero();
                },
                null);
        Kthread device = Kthread.create(
                kernel,
                -1,
                Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_MUSTJOIN,
                null,
                arg -> {
                    Spl spl = Spl.current();
                    InterruptLine nic = InterruptLine.establish(
                            Receiver.current(),
                            "nic",
                            Ipl.VM,
                            value -> rx.enqueue(new NamedWork("pkt " + value), null));
                    int s = spl.splvm();
                    nic.trigger(1);
                    spl.splx(s);
                    nic.close();
                    rx.enqueue(new NamedWork(WILD), null);
                    big.add(check);
                    Bounded.arrive(locked);
                    kernel.lock().lock();
                    kernel.lock().unlock();
                },
                null,
                "device");
        device.join();
        big.drainAndDestroy();
        rx.drainAndDestroy();
    }

    private Path record(Path folder) throws Exception {
        Path file = folder.resolve("x.jfr");
        Path settings = folder.resolve("x.jfc");
        List<String> options = Tracing.options(settings, file);
        assertThat(options).isNotEmpty();
        try (Recording recording = new Recording(Configuration.create(settings))) {
            recording.start();
            Kernel.builder("looks").build().close();
            program();
            recording.stop();
            recording.dump(file);
        }
        return file;
    }

    private static List<RecordedEvent> events(Path file, String name) throws Exception {
        return RecordingFile.readAllEvents(file).stream()
                .filter(event -> event.getEventType().getName().equals("org.percpu." + name))
                .toList();
    }

    private static final Map<String, String> STYLES = Map.of(
            "Run", "run",
            "Handler", "handler",
            "Level", "level",
            "Sleep", "sleep",
            "LockWait", "wait",
            "LockHold", "hold");

    @Test
    @DisplayName(
            "has one box for each event, with its times, and one arrow for each enqueue that ran, and nothing else")
    void boxesAndArrowsAgreeWithTheEvents(@TempDir Path folder) throws Exception {
        Path file = record(folder);
        Path html = folder.resolve("x.html");
        Timeline timeline = TimelineReader.read(file);
        HtmlPicture.write(timeline, 0, timeline.nanos(), "x " + WILD, html);
        String page = Files.readString(html);
        Instant zero = zero(file);
        int boxes = 0;
        for (Map.Entry<String, String> style : STYLES.entrySet()) {
            List<String> expected = new ArrayList<>();
            for (RecordedEvent event : events(file, style.getKey())) {
                expected.add(Duration.between(zero, event.getStartTime()).toNanos() + " "
                        + Duration.between(zero, event.getEndTime()).toNanos());
            }
            assertThat(expected).as(style.getKey()).isNotEmpty();
            assertThat(found(
                            page, "<g class=\"b " + style.getValue() + "[^\"]*\" data-s=\"(\\d+)\" data-e=\"(\\d+)\">"))
                    .as(style.getKey())
                    .containsExactlyInAnyOrderElementsOf(expected);
            boxes += expected.size();
        }
        assertThat(found(page, "<g class=\"b [^\"]*\" data-s=\"(\\d+)\" data-e=\"(\\d+)\">"))
                .hasSize(boxes);
        List<String> arrows = new ArrayList<>();
        for (RecordedEvent run : events(file, "Run")) {
            RecordedEvent enqueue = events(file, "Enqueue").stream()
                    .filter(e -> e.getInt("id") == run.getInt("id"))
                    .findFirst()
                    .orElseThrow();
            arrows.add(Duration.between(zero, enqueue.getStartTime()).toNanos() + " "
                    + Duration.between(zero, run.getStartTime()).toNanos());
        }
        assertThat(arrows).hasSize(3);
        assertThat(found(page, "<path class=\"a\" data-s=\"(\\d+)\" data-e=\"(\\d+)\""))
                .containsExactlyInAnyOrderElementsOf(arrows);
        for (String row : List.of("device", "big", "rx", "lock of test", "CPU ", "zz linkwait", "pkt 1", "nic")) {
            assertThat(page).contains(">" + row);
        }
    }

    private static Instant zero(Path file) throws Exception {
        return RecordingFile.readAllEvents(file).stream()
                .filter(event -> event.getEventType().getName().startsWith("org.percpu."))
                .map(RecordedEvent::getStartTime)
                .min(Instant::compareTo)
                .orElseThrow();
    }

    private static List<String> found(String page, String pattern) {
        List<String> found = new ArrayList<>();
        Matcher matcher = Pattern.compile(pattern).matcher(page);
        while (matcher.find()) {
            found.add(matcher.group(1) + " " + matcher.group(2));
        }
        return found;
    }

    @Test
    @DisplayName("needs no network, and shows the wildest name as text, in HTML and in JSON")
    @SuppressWarnings("unchecked")
    void wildNames(@TempDir Path folder) throws Exception {
        Path file = record(folder);
        Path html = folder.resolve("x.html");
        Path json = folder.resolve("x.json");
        Timeline timeline = TimelineReader.read(file);
        HtmlPicture.write(timeline, 0, timeline.nanos(), WILD, html);
        ChromeJson.write(timeline, json);
        String page = Files.readString(html);
        assertThat(page)
                .doesNotContain("http://", "https://", "<b onclick", "\u001b", "\u2028", " src=", "@import", "url(h")
                .contains("&lt;b onclick=&#39;x&#39;&gt;&amp;&quot;\\u001b[31m");
        Map<String, Object> trace = JSON.std.mapFrom(Files.readString(json));
        List<Map<String, Object>> events = Objects.requireNonNull((List<Map<String, Object>>) trace.get("traceEvents"));
        assertThat(events)
                .filteredOn(e -> "run".equals(e.get("cat")))
                .extracting(e -> e.get("name"))
                .contains("pkt 1", "<b onclick='x'>&\"\\u001b[31m\\u000a\\u2028");
        assertThat(events).filteredOn(e -> "X".equals(e.get("ph"))).hasSize((int) timeline.boxes().stream()
                .filter(b -> b.kind() != Timeline.Kind.MARK)
                .count());
        Set<Object> processes = new HashSet<>();
        events.stream().filter(e -> "X".equals(e.get("ph"))).forEach(e -> processes.add(e.get("pid")));
        Set<Object> cpus = new HashSet<>();
        timeline.boxes().forEach(box -> cpus.add(box.cpu()));
        assertThat(processes).isEqualTo(cpus);
        assertThat(events)
                .filteredOn(e -> "s".equals(e.get("ph")))
                .hasSize(timeline.arrows().size());
        assertThat(events)
                .filteredOn(e -> "f".equals(e.get("ph")))
                .hasSize(timeline.arrows().size());
    }

    @Test
    @DisplayName("of a hundred thousand runs is short, and says what it left out")
    void summary(@TempDir Path folder) throws Exception {
        List<Timeline.Box> boxes = new ArrayList<>();
        List<Timeline.Arrow> arrows = new ArrayList<>();
        int many = 100_000;
        for (int i = 0; i < many; i++) {
            Timeline.Box box = new Timeline.Box(
                    Timeline.Kind.RUN, i % 2, i % 2, 7, 1000L * i, 1000L * i + 100 + i % 400, "q", "w" + i, "");
            boxes.add(box);
            arrows.add(new Timeline.Arrow(0, 7, 1000L * i - 50, box));
        }
        Timeline timeline = new Timeline(boxes, arrows, Map.of(7L, "worker"), 1000L * many, 0, 0);
        Path html = folder.resolve("many.html");
        HtmlPicture.write(timeline, 0, timeline.nanos(), "many", html);
        String page = Files.readString(html);
        assertThat(page.length()).isLessThan(8_000_000);
        int drawn = found(page, "<g class=\"b run q0\" data-s=\"(\\d+)\" data-e=\"(\\d+)\">")
                .size();
        assertThat(page).contains("<b>Left out:</b> the " + (many - drawn) + " shortest boxes are merged");
        Matcher merged = Pattern.compile("<title>(\\d+) times run of q").matcher(page);
        int together = 0;
        while (merged.find()) {
            together += Integer.parseInt(merged.group(1));
        }
        assertThat(together).isEqualTo(many - drawn);
        // A stretch that is short enough shows all of it.
        HtmlPicture.write(timeline, 0, 1_000_000, "few", html);
        assertThat(found(Files.readString(html), "<g class=\"b run q0\" data-s=\"(\\d+)\" data-e=\"(\\d+)\">"))
                .hasSize(1001);
    }

    @Name("org.percpu.Run")
    static final class OtherRun extends Event {
        int unknown;
    }

    @Test
    @DisplayName(
            "is refused in one line for a file that is none, is cut off, has none of our events, or is of another version")
    void badRecordings(@TempDir Path folder) throws Exception {
        assertThatThrownBy(() -> TimelineReader.read(folder.resolve("none.jfr")))
                .isInstanceOf(BadRecording.class)
                .hasMessageContaining("there is no such file")
                .hasMessageNotContaining("\n");
        Path text = folder.resolve("text.jfr");
        Files.writeString(text, "no recording", StandardCharsets.UTF_8);
        assertThatThrownBy(() -> TimelineReader.read(text))
                .isInstanceOf(BadRecording.class)
                .hasMessageContaining("is no whole recording")
                .hasMessageNotContaining("\n");
        Path whole = record(folder);
        byte[] bytes = Files.readAllBytes(whole);
        Path cut = folder.resolve("cut.jfr");
        Files.write(cut, Arrays.copyOf(bytes, bytes.length / 2));
        assertThatThrownBy(() -> TimelineReader.read(cut))
                .isInstanceOf(BadRecording.class)
                .hasMessageContaining("was it cut off")
                .hasMessageNotContaining("\n");
        Path other = folder.resolve("other.jfr");
        try (Recording recording = new Recording()) {
            recording.enable("jdk.ThreadSleep");
            recording.start();
            recording.stop();
            recording.dump(other);
        }
        assertThatThrownBy(() -> TimelineReader.read(other))
                .isInstanceOf(BadRecording.class)
                .hasMessageContaining("has no events of percpu")
                .hasMessageNotContaining("\n");
        try (Recording recording = new Recording()) {
            recording.start();
            OtherRun run = new OtherRun();
            run.unknown = 1;
            run.commit();
            recording.stop();
            recording.dump(other);
        }
        assertThatThrownBy(() -> TimelineReader.read(other))
                .isInstanceOf(BadRecording.class)
                .hasMessageContaining("another version of percpu")
                .hasMessageNotContaining("\n");
    }
}
