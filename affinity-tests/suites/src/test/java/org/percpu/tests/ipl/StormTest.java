// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import javax.management.ObjectName;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuTopology;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;
import org.percpu.ipl.SplMode;
import org.percpu.tests.support.Alone;
import org.percpu.thread.CpuThread;

/**
 * Another process sends real-time signals with values to pinned workers at changing levels, while they do all that HotSpot needs signals
 * for: they allocate and are stopped for collections and thread dumps, meet null where no code looks for it, overflow their stacks and are
 * sampled by JFR. {@code -Dpercpu.storm=10000000} sets how many signals.
 */
@Tag("costly")
@Timeout(7200)
@Alone
class StormTest {
    private static final long SIGNALS = Long.getLong("percpu.storm", 10_000);

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({
        "LAZY, -XX:+UseG1GC",
        "LAZY, -XX:+UseParallelGC",
        "LAZY, -XX:+UseZGC",
        "EAGER, -XX:+UseG1GC",
        "EAGER, -XX:+UseParallelGC",
        "EAGER, -XX:+UseZGC",
    })
    @DisplayName("No signal of a storm is lost, and none is handled at or below the level")
    void stormLosesNothing(SplMode mode, String collector) throws Exception {
        Levels.needLibrary();
        Process target = java(
                Target.class,
                List.of(
                        collector,
                        "-Xmx256m",
                        "-XX:CompileCommand=quiet",
                        "-XX:CompileCommand=exclude," + Target.NULL_CHECK),
                mode.name(),
                folder.resolve("jfr").toString());
        Process sender = null;
        try (BufferedReader out = reader(target)) {
            String[] ready = expect(out, "READY").split(" ", -1);
            List<String> arguments = new ArrayList<>(List.of(Long.toString(SIGNALS), Long.toString(target.pid())));
            arguments.addAll(List.of(ready).subList(1, ready.length));
            sender = java(Sender.class, List.of("-XX:+UseSerialGC"), arguments.toArray(new String[0]));
            String sent;
            try (BufferedReader report = reader(sender)) {
                sent = expect(report, "SENT");
            }
            target.getOutputStream().write((sent + "\n").getBytes(StandardCharsets.US_ASCII));
            target.getOutputStream().flush();
            String handled = expect(out, "HANDLED");
            System.out.println(mode + " " + collector + ": " + sent + "; " + handled);
            String[] words = handled.split(" ", -1);
            assertThat(words[1]).as("signals handled").isEqualTo(Long.toString(SIGNALS));
            assertThat(words[2]).as("sum of the values").isEqualTo(sent.split(" ", -1)[2]);
            assertThat(handled).contains(" masked 0 ").contains(" lost 0 ");
            for (String hazard : Target.HAZARDS) {
                assertThat(handled).containsPattern(" " + hazard + " [1-9]");
            }
            assertThat(target.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(target.exitValue()).isZero();
        } finally {
            target.destroyForcibly();
            if (sender != null) {
                sender.destroyForcibly();
            }
        }
    }

    private Process java(Class<?> program, List<String> options, String... arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(options);
        command.addAll(List.of("-ea", "-XX:ErrorFile=" + folder.resolve("error"), "-Djava.io.tmpdir=" + folder));
        if (Runtime.version().feature() >= 22) {
            command.add("--enable-native-access=ALL-UNNAMED");
        }
        String backend = System.getProperty("percpu.backend");
        if (backend != null) {
            command.add("-Dpercpu.backend=" + backend);
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), program.getName()));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .directory(new File(System.getProperty("user.dir")))
                .start();
    }

    private static BufferedReader reader(Process process) {
        return new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    private static String expect(BufferedReader out, String word) throws IOException {
        StringBuilder before = new StringBuilder();
        for (String line = out.readLine(); line != null; line = out.readLine()) {
            if (line.startsWith(word)) {
                return line;
            }
            before.append(line).append('\n');
        }
        throw new AssertionError("ended without " + word + ":\n" + before);
    }

    /** Sends as fast as the kernel takes them. */
    static final class Sender {
        private Sender() {}

        public static void main(String[] args) {
            LinuxCalls linux = Backend.linux();
            long total = Long.parseLong(args[0]);
            int pid = Integer.parseInt(args[1]);
            int[] signals = new int[args.length - 2];
            for (int i = 0; i < signals.length; i++) {
                signals[i] = Integer.parseInt(args[i + 2]);
            }
            long sum = 0;
            for (long value = 1; value <= total; value++) {
                int signal = signals[(int) (value % signals.length)];
                int result = linux.sigqueue(pid, signal, value);
                while (result == -Errno.EAGAIN.number()) {
                    int yielded = linux.sched_yield();
                    assert yielded == 0;
                    result = linux.sigqueue(pid, signal, value);
                }
                if (result != 0) {
                    throw new AssertionError("sigqueue: " + linux.strerror(-result));
                }
                sum += value;
            }
            System.out.println("SENT " + total + " " + sum);
        }
    }

    /** One pinned worker for each of two CPUs, with three lines each. */
    static final class Target {
        private static final Ipl[] LEVELS = {Ipl.BIO, Ipl.VM, Ipl.HIGH};
        private static final long PENDING = 512;
        private static final AtomicLong HANDLED = new AtomicLong();
        private static final AtomicLong SUM = new AtomicLong();
        private static final AtomicLong MASKED = new AtomicLong();
        private static final AtomicLong NULLS = new AtomicLong();
        private static final AtomicLong OVERFLOWS = new AtomicLong();

        /** What must have happened at least once, by the names under which it is reported. */
        static final List<String> HAZARDS = List.of("nulls", "overflows", "dumps", "collections", "samples");

        /** Not compiled: the interpreter finds null by SIGSEGV each time, where compiled code soon learns to look. */
        static final String NULL_CHECK = "org.percpu.tests.ipl.StormTest$Target::lengthOf";

        private static final AtomicBoolean STOP = new AtomicBoolean();

        @SuppressWarnings("NullAway") // null on purpose
        private static volatile Target nothing;

        @SuppressWarnings("UnusedVariable") // a place for garbage to escape to
        private static volatile byte[] garbage = {};

        private int length;

        private Target() {}

        public static void main(String[] args) throws Exception {
            SplMode mode = SplMode.valueOf(args[0]);
            // The kernel searches its queue from the start for each signal: a long one makes it slow.
            long[] limit = {0, 0};
            LinuxCalls linux = Backend.linux();
            if (linux.getrlimit(LinuxCalls.RLIMIT_SIGPENDING, limit) != 0
                    || linux.setrlimit(LinuxCalls.RLIMIT_SIGPENDING, PENDING, limit[1]) != 0) {
                throw new AssertionError("RLIMIT_SIGPENDING cannot be lowered");
            }
            List<InterruptLine> lines = new ArrayList<>();
            List<CpuThread> workers = new ArrayList<>();
            List<Cpu> cpus = CpuTopology.system().allowedCpus();
            for (int i = 0; i < Math.min(2, cpus.size()); i++) {
                int seed = i;
                workers.add(CpuThread.builder("storm/" + i).cpu(cpus.get(i)).start(() -> work(mode, seed, lines)));
            }
            int wanted = LEVELS.length * workers.size();
            while (size(lines) < wanted) {
                Thread.onSpinWait();
            }
            StringBuilder ready = new StringBuilder("READY");
            for (InterruptLine line : lines) {
                ready.append(' ').append(line.signal());
            }
            long dumps = 0;
            String sent;
            try (Recording jfr = new Recording();
                    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
                jfr.enable("jdk.ExecutionSample").withPeriod(Duration.ofMillis(10));
                jfr.start();
                // The first of each takes longer than a short storm.
                disturb();
                System.out.println(ready);
                do {
                    disturb();
                    dumps++;
                } while (!in.ready());
                sent = in.readLine();
                long total = Long.parseLong(sent.split(" ", -1)[1]);
                long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60 + total / 10_000);
                while (HANDLED.get() < total && System.nanoTime() < end) {
                    disturb();
                    dumps++;
                }
                jfr.stop();
                jfr.dump(Path.of(args[1]));
            }
            STOP.set(true);
            for (CpuThread worker : workers) {
                worker.thread().join();
            }
            long lost = lines.stream().mapToLong(line -> line.state().lost()).sum();
            long spills =
                    lines.stream().mapToLong(line -> line.state().spills()).sum();
            long collections = ManagementFactory.getGarbageCollectorMXBeans().stream()
                    .mapToLong(GarbageCollectorMXBean::getCollectionCount)
                    .sum();
            System.out.println("HANDLED " + HANDLED + " " + SUM + " masked " + MASKED + " lost " + lost + " spills "
                    + spills
                    + " nulls " + NULLS + " overflows " + OVERFLOWS + " dumps " + dumps + " collections " + collections
                    + " samples " + samples(Path.of(args[1])));
        }

        /** Collects and dumps threads, often and not all the time: the workers must get somewhere. */
        private static void disturb() throws Exception {
            System.gc();
            // jcmd Thread.print
            Object dump = ManagementFactory.getPlatformMBeanServer()
                    .invoke(
                            new ObjectName("com.sun.management:type=DiagnosticCommand"),
                            "threadPrint",
                            new Object[] {new String[0]},
                            new String[] {String[].class.getName()});
            if (!dump.toString().contains("storm/0")) {
                throw new AssertionError("a thread dump without the workers:\n" + dump);
            }
            LockSupport.parkNanos(100_000_000);
        }

        private static long samples(Path recording) throws IOException {
            long samples = 0;
            try (RecordingFile events = new RecordingFile(recording)) {
                while (events.hasMoreEvents()) {
                    if (events.readEvent().getEventType().getName().equals("jdk.ExecutionSample")) {
                        samples++;
                    }
                }
            }
            return samples;
        }

        private static int size(List<InterruptLine> lines) {
            synchronized (lines) {
                return lines.size();
            }
        }

        private static void work(SplMode mode, int seed, List<InterruptLine> lines) {
            Spl spl = Spl.current();
            spl.setMode(mode);
            int[] level = {0}; // what is masked, in our own books
            synchronized (lines) {
                for (Ipl ipl : LEVELS) {
                    lines.add(InterruptLine.establish(Receiver.current(), ipl + "/" + seed, ipl, value -> {
                        int before = level[0];
                        if (before >= ipl.rank() || spl.level() != ipl || !spl.inInterrupt()) {
                            MASKED.incrementAndGet();
                        }
                        level[0] = ipl.rank();
                        SUM.addAndGet(value);
                        HANDLED.incrementAndGet();
                        level[0] = before;
                    }));
                }
            }
            SplittableRandom random = new SplittableRandom(seed);
            for (long i = 0; !STOP.get(); i++) {
                raiseAndLower(spl, level, random, i, random.nextInt(3));
                int ran = spl.poll();
                assert ran >= 0;
            }
        }

        private static void raiseAndLower(Spl spl, int[] level, SplittableRandom random, long round, int deeper) {
            int before = level[0];
            int s = spl.splraise(Ipl.ofRank(random.nextInt(Ipl.HIGH.rank() + 1)));
            level[0] = spl.level().rank();
            if (deeper > 0) {
                raiseAndLower(spl, level, random, round, deeper - 1);
            } else {
                hazards(round);
            }
            // Handlers run inside splx, when the level is the one before.
            level[0] = before;
            spl.splx(s);
        }

        private static void hazards(long round) {
            garbage = new byte[512 + (int) (round & 0x3FFF)];
            if (round % 8 == 0) {
                try {
                    garbage = new byte[lengthOf(nothing)];
                } catch (NullPointerException e) {
                    NULLS.incrementAndGet();
                }
            }
            if (round % 2_000 == 0) {
                try {
                    garbage = new byte[deep(1) & 1];
                } catch (StackOverflowError e) {
                    OVERFLOWS.incrementAndGet();
                }
            }
        }

        private static int lengthOf(Target target) {
            return target.length;
        }

        @SuppressWarnings("InfiniteRecursion") // on purpose
        private static int deep(int depth) {
            return depth + deep(depth + 1) + 1;
        }
    }
}
