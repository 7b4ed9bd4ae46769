// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.seen;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.ipl.Spl;
import org.percpu.kernel.Condvar;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.NamedWork;
import org.percpu.tests.support.TestKernel;

/** The events of a trace. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("the events of a recording")
class EventsTest {
    private static final Set<String> TRACE = Set.of(
            "org.percpu.Enqueue",
            "org.percpu.Run",
            "org.percpu.LockWait",
            "org.percpu.LockHold",
            "org.percpu.Level",
            "org.percpu.Handler",
            "org.percpu.Sleep",
            "org.percpu.Thread");

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private static List<RecordedEvent> record(Path file, Set<String> names, Bounded.Code code) throws Exception {
        try (Recording recording = new Recording()) {
            names.forEach(name -> recording.enable(name).withThreshold(Duration.ZERO));
            recording.start();
            // The first recording of a process is noticed when something looks; a kernel does.
            Kernel.builder("looks").build().close();
            code.run();
            recording.stop();
            recording.dump(file);
        }
        return read(file);
    }

    private static List<RecordedEvent> read(Path file) throws IOException {
        return RecordingFile.readAllEvents(file).stream()
                .filter(event -> event.getEventType().getName().startsWith("org.percpu."))
                .toList();
    }

    private static List<RecordedEvent> of(List<RecordedEvent> events, String name) {
        return events.stream()
                .filter(event -> event.getEventType().getName().equals("org.percpu." + name))
                .toList();
    }

    @Test
    @DisplayName("each enqueue is told before its run, with the name of the work, its id, and where it ran")
    void enqueueAndRun(@TempDir Path folder) throws Exception {
        Workqueue<Work> wq = test.workqueue("traced", Workqueue.WQ_MPSAFE, (work, arg) -> {});
        Work again = new NamedWork("again");
        List<RecordedEvent> events = record(folder.resolve("a.jfr"), TRACE, () -> {
            for (int i = 0; i < 3; i++) {
                wq.enqueue(again, null);
                wq.waitFor(again);
            }
            wq.enqueue(new NamedWork("once"), null);
            wq.drainAndDestroy();
        });
        List<RecordedEvent> enqueues = of(events, "Enqueue");
        List<RecordedEvent> runs = of(events, "Run");
        assertThat(enqueues).extracting(e -> e.getString("item")).containsExactly("again", "again", "again", "once");
        assertThat(runs)
                .extracting(e -> e.getString("item"))
                .containsExactlyInAnyOrder("again", "again", "again", "once");
        assertThat(new TreeSet<>(runs.stream().map(e -> e.getInt("id")).toList()))
                .hasSize(2);
        for (int i = 0; i < runs.size(); i++) {
            RecordedEvent run = runs.get(i);
            RecordedEvent enqueue = enqueues.get(i);
            assertThat(run.getString("queue")).isEqualTo("traced");
            assertThat(run.getInt("id")).isEqualTo(enqueue.getInt("id")).isNotZero();
            assertThat(run.getStartTime()).isAfterOrEqualTo(enqueue.getStartTime());
            assertThat(run.getInt("cpu")).isNotNegative();
            assertThat(run.getInt("endCpu")).isNotNegative();
            // Its beginning less what it waited is the enqueue, but for the moments between the clocks' looks.
            Duration between = Duration.between(enqueue.getStartTime(), run.getStartTime());
            assertThat(run.getDuration("waited")).isBetween(between.minusMillis(20), between.plusMillis(20));
            assertThat(run.getDuration("waited")).isPositive();
        }
    }

    @Test
    @DisplayName("a task, a handler at its level, a raised level, a sleep and a contended lock are told")
    void everyKind(@TempDir Path folder) throws Exception {
        Kernel kernel = test.get();
        List<RecordedEvent> events = record(folder.resolve("b.jfr"), TRACE, () -> {
            Taskq tq = Taskq.create(kernel, "big", 1, Ipl.NONE, 0);
            CountDownLatch held = new CountDownLatch(1);
            Task task = Task.initializer(
                    arg -> {
                        Spl spl = Spl.current();
                        InterruptLine line = InterruptLine.establish(Receiver.current(), "nic", Ipl.VM, value -> {});
                        int s = spl.splvm();
                        line.trigger(7);
                        spl.splx(s);
                        line.close();
                        ReentrantLock interlock = new ReentrantLock();
                        interlock.lock();
                        boolean signalled = new Condvar(kernel, "linkwait").await(interlock, 1, TimeUnit.MILLISECONDS);
                        assertThat(signalled).isFalse();
                    },
                    null);
            kernel.lock().lock();
            FutureTask<Boolean> other = Bounded.startCode("other", () -> {
                held.countDown();
                kernel.lock().lock();
                kernel.lock().unlock();
            });
            Bounded.arrive(held);
            tq.add(task);
            Bounded.until("a thread waits", () -> kernel.lwps().stream()
                    .anyMatch(lwp -> String.valueOf(lwp.waitsFor()).contains("kernel lock")));
            kernel.lock().unlock();
            Bounded.join(other);
            tq.drainAndDestroy();
            Kthread kt = Kthread.create(
                    kernel,
                    -1,
                    Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_MUSTJOIN,
                    null,
                    arg -> {
                        Mutex mutex = Mutex.netbsd("counted", Ipl.NONE);
                        mutex.lock();
                        try {
                            Thread.onSpinWait();
                        } finally {
                            mutex.unlock();
                        }
                    },
                    null,
                    "joined");
            kt.join();
        });
        assertThat(of(events, "Run")).extracting(e -> e.getString("queue")).contains("big");
        assertThat(of(events, "Level")).anySatisfy(e -> {
            assertThat(e.getString("level")).isEqualTo("VM");
            assertThat(e.getInt("rank")).isEqualTo(Ipl.VM.rank());
        });
        assertThat(of(events, "Handler")).singleElement().satisfies(e -> {
            assertThat(e.getString("line")).isEqualTo("nic");
            assertThat(e.getInt("rank")).isEqualTo(Ipl.VM.rank());
        });
        assertThat(of(events, "Sleep")).extracting(e -> e.getString("wmesg")).contains("linkwait");
        assertThat(of(events, "LockWait"))
                .anySatisfy(e -> assertThat(e.getString("lock")).isEqualTo("lock of test"));
        assertThat(of(events, "LockHold"))
                .extracting(e -> e.getString("lock"))
                .contains("lock of test", "mutex counted");
        assertThat(of(events, "Thread"))
                .filteredOn(e -> e.getString("name").equals("joined"))
                .extracting(e -> e.getString("state"))
                .containsExactlyInAnyOrder("created", "running", "exited", "joined");
    }

    @Test
    @DisplayName(
            "the trace is off in a recording that does not ask for it, and a fault is told without being asked for")
    void offUnlessAsked(@TempDir Path folder) throws Exception {
        test.expectFaults();
        Workqueue<Work> wq = test.workqueue("untraced", 0, (work, arg) -> {
            throw new IllegalStateException("meant");
        });
        List<RecordedEvent> events = record(folder.resolve("c.jfr"), Set.of(), () -> {
            wq.enqueue(new NamedWork("bad"), null);
            wq.drainAndDestroy();
        });
        assertThat(events).extracting(e -> e.getEventType().getName()).doesNotContainAnyElementsOf(TRACE);
        assertThat(of(events, "Fault")).singleElement().satisfies(e -> {
            assertThat(e.getString("queue")).isEqualTo("untraced");
            assertThat(e.getString("item")).isEqualTo("bad");
            assertThat(e.getString("thrown")).isEqualTo("java.lang.IllegalStateException");
        });
    }
}
