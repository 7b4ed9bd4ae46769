// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.atomic.AtomicReference;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.tests.support.Alone;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.thread.Affinity;
import org.percpu.thread.CpuThread;
import org.percpu.thread.PinPolicy;
import org.percpu.thread.RealtimePolicy;
import org.percpu.thread.Sched;
import org.percpu.thread.ThreadState;

/** Threads that are where they were asked to be, or say why not. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Alone
class CpuThreadTest {
    private final CountDownLatch end = new CountDownLatch(1);

    @AfterEach
    void endThreads() {
        end.countDown();
    }

    private void body() {
        Bounded.arrive(end);
    }

    static List<List<String>> names() {
        return List.of(
                List.of("plain", "plain"),
                List.of("exactly15-bytes", "exactly15-bytes"),
                List.of("sixteen-bytes-xx", "sixteen-bytes-x"),
                List.of("with (paren) a b", "with (paren) a "),
                List.of("äöüäöüäöü", "äöüäöüä"),
                List.of("日本語日本語", "日本語日本"),
                List.of("12345678901234\u20ac", "12345678901234"),
                List.of("\ud83d\ude80\ud83d\ude80\ud83d\ude80\ud83d\ude80", "\ud83d\ude80\ud83d\ude80\ud83d\ude80"),
                List.of("new\nline\ttab\0nul", "new?line?tab?nu"),
                List.of("lone\ud83dsurrogate", "lone?surrogate"),
                List.of("end\udc00", "end?"),
                List.of("x".repeat(4000), "x".repeat(15)));
    }

    @ParameterizedTest
    @MethodSource("names")
    @Rule({"NWQ-7", "NKT-4"})
    @DisplayName("the kernel's name is cut to 15 bytes between characters, controls and lone surrogates replaced")
    void namesForTheKernel(List<String> nameAndComm) {
        CpuThread thread = CpuThread.builder(nameAndComm.get(0)).start(this::body);
        assertThat(thread.name()).isEqualTo(nameAndComm.get(0));
        assertThat(thread.state().name()).isEqualTo(nameAndComm.get(0));
        byte[] comm = Proc.commBytes(thread.tid());
        assertThat(comm.length).isLessThanOrEqualTo(16);
        assertThat(new String(comm, StandardCharsets.UTF_8)).isEqualTo(nameAndComm.get(1) + "\n");
    }

    @Test
    @DisplayName("an empty name and an empty CPU set are refused")
    void emptyNameAndCpus() {
        assertThatThrownBy(() -> CpuThread.builder("")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> CpuThread.builder("nowhere").cpus(CpuSet.empty()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("nowhere");
    }

    @Test
    @Rule("NKT-7")
    @DisplayName("start returns when the thread is in place; the state is the kernel's word, also after its end")
    void theStateIsTheKernelsWord() {
        CpuSet last = CpuSet.of(CpuTopology.system().allowed().last());
        CpuThread thread = CpuThread.builder("placed").cpus(last).start(this::body);
        ThreadState state = thread.state();
        assertThat(state.alive()).isTrue();
        assertThat(state.pinned()).isTrue();
        assertThat(state.tid()).isEqualTo(thread.tid());
        assertThat(state.asked()).isEqualTo(last);
        assertThat(state.allowed()).isEqualTo(last).isEqualTo(Proc.allowed(thread.tid()));
        assertThat(state.lastCpu()).isEqualTo(last.first());
        assertThat(state.sched()).isEqualTo(Sched.DEFAULT);
        assertThat(state.denial()).isNull();
        end.countDown();
        Bounded.until("it ends", () -> !thread.thread().isAlive());
        assertThat(thread.state().alive()).isFalse();
        assertThat(thread.state().allowed()).isEqualTo(last);
        assertThat(thread.state().tid()).isEqualTo(thread.tid());
        assertThat(thread.repin()).isTrue();
    }

    @Test
    @Rule("NKT-7")
    @DisplayName(
            "a thread that cannot be pinned is an error at its creator and does not run; with BEST_EFFORT it runs and shows it")
    void unpinnableThreads() {
        AtomicReference<String> ran = new AtomicReference<>();
        CpuSet impossible = CpuSet.of(1000);
        Refusal.byLinux(
                        Errno.EINVAL,
                        () -> CpuThread.builder("nowhere").cpus(impossible).start(() -> ran.set("ran")))
                .contains("1000");
        Bounded.until("no thread is left", () -> Proc.named("nowhere") == 0);
        assertThat(ran.get()).isNull();
        CpuThread somewhere = CpuThread.builder("somewhere")
                .cpus(impossible)
                .pinPolicy(PinPolicy.BEST_EFFORT)
                .start(this::body);
        assertThat(somewhere.state().pinned()).isFalse();
        assertThat(somewhere.state().asked()).isEqualTo(impossible);
        assertThat(somewhere.state().allowed()).isEqualTo(CpuTopology.system().allowed());
    }

    @Test
    @Rule("NKT-8")
    @DisplayName("a thread made without CPUs by a pinned thread may run on all of them")
    void anUnpinnedThreadFromAPinnedOne() {
        CpuSet allowed = CpuTopology.system().allowed();
        AtomicReference<CpuThread> child = new AtomicReference<>();
        CountDownLatch made = new CountDownLatch(1);
        CpuThread.builder("parent").cpus(CpuSet.of(allowed.first())).start(() -> {
            child.set(CpuThread.builder("child").start(this::body));
            made.countDown();
        });
        Bounded.arrive(made);
        assertThat(Proc.allowed(child.get().tid())).isEqualTo(allowed);
    }

    @Test
    @DisplayName("after pins the common pool still has the parallelism of the whole machine")
    void theCommonPoolIsSizedForTheMachine() {
        Machine.needsCpus(2);
        int processors = Runtime.getRuntime().availableProcessors();
        String output = Fork.of(CommonPool.class)
                .option("-Djava.util.concurrent.ForkJoinPool.common.threadFactory="
                        + CommonPool.Factory.class.getName())
                .run();
        // On two CPUs the parallelism is 1 either way: what the pool's maker saw is not.
        assertThat(output).contains("made by a thread with " + processors + " processors");
        assertThat(output).contains("parallelism " + Math.max(1, processors - 1));
        assertThat(ForkJoinPool.getCommonPoolParallelism()).isPositive();
    }

    @Test
    @DisplayName("after pins the scheduler of virtual threads still has the parallelism of the whole machine")
    void theCarriersAreAsManyAsTheMachineNeeds() {
        Machine.skipUnless(Runtime.version().feature() >= 21, "no virtual threads before Java 21");
        Machine.needsCpus(2);
        String output = Fork.of(CommonPool.class)
                .option("--add-opens=java.base/java.lang=ALL-UNNAMED")
                .run();
        assertThat(output).contains("carriers " + Runtime.getRuntime().availableProcessors());
    }

    @Test
    @DisplayName(
            "threads of the JDK's pools that a pinned or nice callback makes, after theirs have ended for lack of work,"
                    + " are freed by the watch, told once")
    void poolThreadsDoNotStayWhereTheyWereMade() {
        Machine.needsLinux("threads that inherit in the kernel");
        Machine.needsRoot("to lower a nice value again");
        Machine.needsCpus(2);
        String output = Fork.of(InheritingPools.class)
                .option("--add-opens=java.base/java.lang=ALL-UNNAMED")
                .option("--add-opens=java.base/java.util.concurrent=ALL-UNNAMED")
                .run();
        assertThat(output).contains("freed");
    }

    @Test
    @DisplayName("repin of a thread that has ended leaves the process alone that has its number now")
    void repinOfAnEndedThread() throws IOException {
        Machine.needsLinux("other processes");
        Machine.needsRoot("to say which number the next process gets");
        Machine.needsCpus(2);
        Path last = Path.of("/proc/sys/kernel/ns_last_pid");
        Machine.skipUnless(
                Files.isWritable(last), "cannot say which number the next process gets: no writable " + last);
        CpuSet allowed = CpuTopology.system().allowed();
        CpuThread ended =
                CpuThread.builder("ended").cpus(CpuSet.of(allowed.first())).start(() -> {});
        Bounded.until("it ends", () -> !Proc.exists(ended.tid()));
        Process heir = null;
        try {
            for (int tries = 0; heir == null && tries < 50; tries++) {
                Files.writeString(last, Integer.toString(ended.tid() - 1));
                Process process = new ProcessBuilder("sleep", "60").start();
                if (process.pid() == ended.tid()) {
                    heir = process;
                } else {
                    process.destroyForcibly();
                }
            }
            Machine.skipUnless(heir != null, "other processes took the number each time");
            assertThat(Affinity.get(ended.tid())).isEqualTo(allowed);
            assertThat(ended.repin()).isTrue();
            assertThat(Affinity.get(ended.tid())).isEqualTo(allowed);
            assertThat(ended.state().allowed()).isEqualTo(CpuSet.of(allowed.first()));
            assertThat(ended.state().pinsLost()).isZero();
        } finally {
            if (heir != null) {
                heir.destroyForcibly();
            }
        }
    }

    @Test
    @Rule("NWQ-5")
    @DisplayName("nice values are set for the one thread, and its children do not inherit them")
    void niceValues() {
        Machine.needsRoot("to lower a nice value again");
        AtomicReference<CpuThread> child = new AtomicReference<>();
        CountDownLatch made = new CountDownLatch(1);
        CpuThread nice = CpuThread.builder("nice").sched(Sched.other(7)).start(() -> {
            child.set(CpuThread.builder("child").start(this::body));
            made.countDown();
            body();
        });
        Bounded.arrive(made);
        assertThat(Proc.nice(nice.tid())).isEqualTo(7);
        assertThat(nice.state().sched()).isEqualTo(Sched.other(7));
        assertThat(Proc.nice(child.get().tid())).isZero();
        CpuThread urgent = CpuThread.builder("urgent").sched(Sched.other(-5)).start(this::body);
        assertThat(Proc.nice(urgent.tid())).isEqualTo(-5);
    }

    @Test
    @Rule("NWQ-5")
    @DisplayName("real-time policies are granted by the kernel's word; NEVER does not ask for them")
    void realtimePolicies() {
        Machine.needsRealtime();
        for (RealtimePolicy policy : List.of(RealtimePolicy.PREFER, RealtimePolicy.REQUIRE)) {
            for (Sched asked : List.of(Sched.rr(1), Sched.fifo(2))) {
                CpuThread thread = CpuThread.builder("rt")
                        .sched(asked)
                        .realtimePolicy(policy)
                        .start(this::body);
                assertThat(Proc.sched(thread.tid())).isEqualTo(asked);
                assertThat(thread.state().sched().policy()).isEqualTo(asked.policy());
                assertThat(thread.state().sched().rtPriority()).isEqualTo(asked.rtPriority());
                assertThat(thread.state().denial()).isNull();
            }
        }
        CpuThread never = CpuThread.builder("never")
                .sched(Sched.fifo(2))
                .realtimePolicy(RealtimePolicy.NEVER)
                .start(this::body);
        assertThat(Proc.sched(never.tid())).isEqualTo(Sched.DEFAULT);
    }

    @Test
    @Rule("NWQ-5")
    @DisplayName("a plain thread started by a real-time thread is time-sharing: SCHED_RESET_ON_FORK")
    void realtimeIsNotInherited() {
        Machine.needsRealtime();
        AtomicReference<Integer> tid = new AtomicReference<>();
        CountDownLatch started = new CountDownLatch(1);
        CpuThread.builder("parent").sched(Sched.fifo(1)).start(() -> {
            Thread child = new Thread(() -> {
                tid.set(Machine.linux().gettid());
                started.countDown();
                body();
            });
            child.setDaemon(true);
            child.start();
            body();
        });
        Bounded.arrive(started);
        assertThat(Proc.sched(tid.get())).isEqualTo(Sched.DEFAULT);
    }

    @Test
    @Rule({"NKT-7", "NWQ-5"})
    @DisplayName("without privileges pinning works, PREFER falls back and says so, REQUIRE fails with the remedy")
    void asAnUnprivilegedUser() {
        Machine.needsRoot("to become a user without privileges");
        Machine.needsCommand("no other user can be had here", "setpriv", "--reuid=200000", "true");
        String output = Fork.of(Unprivileged.class)
                .under("prlimit", "--rtprio=0:0", "--nice=0:0")
                .unprivileged()
                .run();
        assertThat(output).contains("prefer, require, never and nice are as promised");
    }

    @Test
    @Rule("NWQ-5")
    @DisplayName("RLIMIT_RTPRIO of 10 grants priority 10 and refuses 11")
    void theLimitIsTheLimit() {
        Machine.needsRoot("to become a user with RLIMIT_RTPRIO 10");
        Machine.needsCommand("root may not raise RLIMIT_RTPRIO here", "prlimit", "--rtprio=10:10", "true");
        String output = Fork.of(Unprivileged.class)
                .under("prlimit", "--rtprio=10:10")
                .unprivileged()
                .argument("10")
                .run();
        assertThat(output).contains("granted up to 10");
    }

    @Test
    @DisplayName("flight recorder: a pin, a lost pin and a restored one are events with the kernel's masks")
    void flightRecorderEvents(@TempDir Path folder) throws IOException {
        Machine.needsCpus(2);
        CpuSet mine = CpuSet.of(CpuTopology.system().allowed().last());
        CpuSet other = CpuSet.of(CpuTopology.system().allowed().first());
        Path file = folder.resolve("pins.jfr");
        CpuThread thread;
        try (Recording recording = new Recording()) {
            recording.enable("org.percpu.Pinned");
            recording.enable("org.percpu.PinLost");
            recording.enable("org.percpu.PinRestored");
            recording.start();
            thread = CpuThread.builder("recorded").cpus(mine).start(this::body);
            assertThat(Machine.linux().sched_setaffinity(thread.tid(), other.toMask()))
                    .isZero();
            assertThat(thread.repin()).isTrue();
            recording.stop();
            recording.dump(file);
        }
        List<RecordedEvent> events = RecordingFile.readAllEvents(file).stream()
                .filter(event -> event.getInt("tid") == thread.tid())
                .toList();
        assertThat(events)
                .extracting(event -> event.getEventType().getName())
                .containsExactlyInAnyOrder("org.percpu.Pinned", "org.percpu.PinLost", "org.percpu.PinRestored");
        for (RecordedEvent event : events) {
            assertThat(event.getString("name")).isEqualTo("recorded");
            assertThat(event.getString("asked")).isEqualTo(mine.toString());
            if (event.getEventType().getName().equals("org.percpu.Pinned")) {
                assertThat(event.getString("allowed")).isEqualTo(mine.toString());
            } else if (event.getEventType().getName().equals("org.percpu.PinLost")) {
                assertThat(event.getString("found")).isEqualTo(other.toString());
                assertThat(event.getBoolean("repinned")).isTrue();
            }
        }
        assertThat(thread.state().pinsLost()).isEqualTo(1);
    }
}
