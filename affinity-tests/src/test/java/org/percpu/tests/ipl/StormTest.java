// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuTopology;
import org.percpu.ipl.InterruptLine;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;
import org.percpu.ipl.SplMode;
import org.percpu.tests.support.Machine;
import org.percpu.thread.CpuThread;

/**
 * Another process sends real-time signals with values to pinned workers at changing levels, while they do all that HotSpot needs signals
 * for. {@code -Dpercpu.storm=10000000} sets how many.
 */
@Timeout(1800)
class StormTest {
    private static final long SIGNALS = Long.getLong("percpu.storm", 100_000);

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({
        "LAZY, -XX:+UseG1GC",
        "LAZY, -XX:+UseParallelGC",
        "LAZY, -XX:+UseZGC",
        "EAGER, -XX:+UseG1GC",
    })
    @DisplayName("Scenario 4: no signal of a storm is lost, and none is handled at or below the level")
    void stormLosesNothing(SplMode mode, String collector) throws Exception {
        Machine.skipUnless(
                Long.getLong("percpu.storm") != null,
                "a storm is not part of the ordinary build; -Dpercpu.storm=100000 sends that many signals");
        Levels.needLibrary();
        Process target = java(
                Target.class,
                List.of(collector, "-Xmx256m"),
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
            assertThat(handled).endsWith("masked 0 lost 0");
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
        private static final AtomicBoolean STOP = new AtomicBoolean();

        @SuppressWarnings("NullAway") // null on purpose
        private static volatile Object nothing;

        @SuppressWarnings("UnusedVariable") // a place for garbage to escape to
        private static volatile byte[] garbage = {};

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
            System.out.println(ready);
            String sent;
            try (jdk.jfr.Recording jfr = new jdk.jfr.Recording();
                    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
                jfr.enable("jdk.ExecutionSample").withPeriod(Duration.ofMillis(10));
                jfr.start();
                while (!in.ready()) {
                    collect();
                    if (Thread.getAllStackTraces().isEmpty()) {
                        throw new AssertionError("a thread dump without threads");
                    }
                }
                sent = in.readLine();
                long total = Long.parseLong(sent.split(" ", -1)[1]);
                long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60 + total / 10_000);
                while (HANDLED.get() < total && System.nanoTime() < end) {
                    collect();
                }
                jfr.stop();
                jfr.dump(Path.of(args[1]));
            }
            STOP.set(true);
            for (CpuThread worker : workers) {
                worker.thread().join();
            }
            long lost = lines.stream().mapToLong(line -> line.state().lost()).sum();
            System.out.println(
                    "HANDLED " + HANDLED + " " + SUM + " deferring " + mode + " masked " + MASKED + " lost " + lost);
            if (Files.size(Path.of(args[1])) == 0) {
                throw new AssertionError("an empty recording");
            }
        }

        /** Often, and not all the time: the workers must get somewhere. */
        private static void collect() {
            System.gc();
            LockSupport.parkNanos(20_000_000);
        }

        private static int size(List<InterruptLine> lines) {
            synchronized (lines) {
                return lines.size();
            }
        }

        private static void work(SplMode mode, int seed, List<InterruptLine> lines) {
            Spl spl = Spl.current();
            spl.setMode(mode);
            int[] masked = {0};
            synchronized (lines) {
                for (Ipl ipl : LEVELS) {
                    lines.add(InterruptLine.establish(spl, ipl + "/" + seed, ipl, value -> {
                        if (masked[0] >= ipl.rank()) {
                            MASKED.incrementAndGet();
                        }
                        SUM.addAndGet(value);
                        HANDLED.incrementAndGet();
                    }));
                }
            }
            SplittableRandom random = new SplittableRandom(seed);
            for (long i = 0; !STOP.get(); i++) {
                int s = spl.splraise(Ipl.ofRank(random.nextInt(Ipl.HIGH.rank() + 1)));
                masked[0] = spl.level().rank();
                hazards(i);
                masked[0] = 0;
                spl.splx(s);
                int ran = spl.poll();
                assert ran >= 0;
            }
        }

        private static void hazards(long round) {
            garbage = new byte[512 + (int) (round & 0x3FFF)];
            try {
                garbage = new byte[nothing.hashCode()];
            } catch (NullPointerException e) {
                garbage = new byte[16];
            }
            if (round % 2_000 == 0) {
                try {
                    garbage = new byte[deep(1) & 1];
                } catch (StackOverflowError e) {
                    garbage = new byte[32];
                }
            }
        }

        @SuppressWarnings("InfiniteRecursion") // on purpose
        private static int deep(int depth) {
            return depth + deep(depth + 1) + 1;
        }
    }
}
