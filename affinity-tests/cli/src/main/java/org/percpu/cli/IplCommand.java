// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;
import org.percpu.bench.InterruptLatency;
import org.percpu.bindings.spi.Backend;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuTopology;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;
import org.percpu.ipl.SplMode;
import org.percpu.ipl.SplSupport;
import org.percpu.thread.CpuThread;
import org.percpu.thread.Pri;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code percpu ipl}: the ladder of levels on this machine, and interrupts at work. */
@Command(
        name = "ipl",
        description = {
            "Shows each interrupt priority level, its names in NetBSD and OpenBSD, its signal, and the mask that the kernel"
                    + " reports for a thread at that level. Then a timer interrupts a pinned thread that raises and lowers its level.",
            "",
            "With --latency, instead: a thread sends signals to the interrupt thread of a CPU, the handler in C posts a work, and"
                    + " the work looks at the clock; on the same CPU and on another one. A C program that does it with pthreads"
                    + " alone runs in turn with it, at the same CPUs and policies. A ratio is taken within a round; below 1 percpu"
                    + " is ahead.",
            ""
        },
        footer = {"", "Exit status: 0 no interrupt was lost and none ran while masked; 1 otherwise; 2 bad input."})
final class IplCommand implements Callable<Integer> {
    private static final long MICROSECOND = 1_000;
    private static final long MAX_MILLIS = 60_000;
    private static final long MAX_LATENCY = 60_000_000_000L;
    private static final int MAX_ROUNDS = 100;
    private static final int MAX_SAMPLES = 1_000_000;

    private final Streams streams;

    @Mixin
    private final TraceFile trace;

    @Option(
            names = "--period",
            paramLabel = "us",
            description = "Microseconds between timer interrupts, or with --latency between signals (default: 1000).")
    private long periodMicros = 1_000;

    @Option(names = "--hold", paramLabel = "us", description = "Microseconds at the raised level (default: 400).")
    private long holdMicros = 400;

    @Option(names = "--level", paramLabel = "level", description = "Level to raise to (default: HIGH).")
    private String level = "HIGH";

    @Option(
            names = "--time",
            paramLabel = "ms",
            description = "Milliseconds to run; 0 for the table alone (default: 1000).")
    private long millis = 1_000;

    @Option(
            names = "--mode",
            paramLabel = "eager|lazy",
            description = "How the demonstration masks (default: lazy if it can).")
    private String mode = "";

    @Option(names = "--latency", description = "Measure from a signal to a work, beside C.")
    private boolean latency;

    @Option(names = "--rounds", paramLabel = "N", description = "Rounds of --latency (default: 3).")
    private int rounds = 3;

    @Option(names = "--samples", paramLabel = "N", description = "Signals in a round of --latency (default: 2000).")
    private int samples = 2_000;

    @Option(
            names = "--priority",
            paramLabel = "P",
            description =
                    "Priority of the works of --latency: -1, time-sharing, or 64 to 223, real-time (default: -1).")
    private int priority = Pri.PRI_NONE;

    IplCommand(Streams streams) {
        this.streams = streams;
        this.trace = new TraceFile(streams);
    }

    /** What the demonstration saw. */
    private record Demo(
            SplMode mode, InterruptLine.State state, long deferrals, long inMask, Histogram open, Histogram masked) {}

    @Override
    public Integer call() throws Exception {
        return trace.around("percpu ipl", this::execute);
    }

    private int execute() throws IOException, InterruptedException {
        Ipl raised = level();
        if (periodMicros < 50 || holdMicros < 1 || millis < 0 || millis > MAX_MILLIS) {
            throw new BadInput("--period must be at least 50, --hold at least 1, --time 0 to " + MAX_MILLIS);
        }
        SplSupport support = SplSupport.get();
        SplMode wanted = mode(support);
        if (latency) {
            return latency(support);
        }
        Cpu cpu = last(CpuTopology.system().allowedCpus());
        PrintStream out = streams.out();
        out.println("levels: " + support.mode() + " by default; libpercpu "
                + (support.library() == null ? "not loaded: " + support.reason() : "loaded, " + support.reason()));
        support.off().forEach(off -> out.println("off: " + off));
        support.skipped().forEach(skipped -> out.println("left alone: signal " + skipped));
        out.println("signals for further lines: " + support.freeSignals());
        out.println();
        on(cpu, () -> table(support)).print(out);
        if (millis == 0) {
            return ExitStatus.OK;
        }
        out.println();
        if (support.library() == null) {
            out.println("no demonstration: a timer needs libpercpu");
            return ExitStatus.OK;
        }
        return report(on(cpu, () -> demonstrate(raised, wanted)), raised, cpu);
    }

    private int latency(SplSupport support) throws IOException, InterruptedException {
        if (rounds < 1 || rounds > MAX_ROUNDS || samples < 1 || samples > MAX_SAMPLES) {
            throw new BadInput("--rounds must be 1 to " + MAX_ROUNDS + ", --samples 1 to " + MAX_SAMPLES);
        }
        if (priority != Pri.PRI_NONE && (priority < Pri.PRI_KERNEL || priority >= Pri.PRI_COUNT)) {
            throw new BadInput("--priority " + priority + ": must be -1, or " + Pri.PRI_KERNEL + " to "
                    + (Pri.PRI_COUNT - 1) + ", as C has no other");
        }
        if (support.library() == null) {
            streams.out().println("no latency: a signal needs libpercpu, and it is not loaded: " + support.reason());
            return ExitStatus.OK;
        }
        InterruptLatency.Plan plan = new InterruptLatency.Plan(rounds, samples, periodMicros, priority);
        new LatencyReport(plan, streams).run();
        return ExitStatus.OK;
    }

    private Ipl level() {
        try {
            return Ipl.valueOf(level.toUpperCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            throw new BadInput("--level " + level + " is no level: see the table of percpu ipl --time 0");
        }
    }

    private SplMode mode(SplSupport support) {
        if (mode.isEmpty()) {
            return support.mode();
        }
        SplMode wanted;
        try {
            wanted = SplMode.valueOf(mode.toUpperCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            throw new BadInput("--mode " + mode + ": must be eager or lazy");
        }
        if (wanted == SplMode.LAZY && support.library() == null) {
            throw new BadInput("--mode lazy needs libpercpu: " + support.reason());
        }
        return wanted;
    }

    private static Cpu last(List<Cpu> cpus) {
        return cpus.get(cpus.size() - 1);
    }

    private static <T> T on(Cpu cpu, Callable<T> code) {
        CompletableFuture<T> done = new CompletableFuture<>();
        CpuThread thread = CpuThread.builder("ipl").cpu(cpu).start(() -> {
            try {
                done.complete(code.call());
            } catch (Throwable t) {
                done.completeExceptionally(t);
            }
        });
        try {
            return done.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new IllegalStateException(thread.name() + " failed", e);
        }
    }

    /** On a thread of its own, with eager masks and a line at each level, so that the kernel has something to report. */
    private static Table table(SplSupport support) throws IOException {
        Spl spl = Spl.current();
        spl.setMode(SplMode.EAGER);
        Path status = Path.of("/proc/self/task/" + Backend.linux().gettid() + "/status");
        long before = blocked(status);
        Table table = new Table("rank>", "level", "NetBSD", "OpenBSD", "signal>", "blocked at this level (SigBlk)");
        Map<Ipl, InterruptLine> lines = new EnumMap<>(Ipl.class);
        try {
            if (support.library() != null) {
                for (Ipl ipl : Ipl.values()) {
                    if (support.signals().get(ipl.rank()) != 0) {
                        lines.put(ipl, InterruptLine.establish(Receiver.current(), "of " + ipl, ipl, value -> {}));
                    }
                }
            }
            for (InterruptLine line : lines.values()) {
                before &= ~(1L << (line.signal() - 1));
            }
            for (int rank = Ipl.IPI.rank(); rank >= 0; rank--) {
                Ipl ipl = Ipl.ofRank(rank);
                int s = spl.splraise(ipl);
                long blocked = blocked(status) & ~before;
                spl.splx(s);
                InterruptLine line = lines.get(ipl);
                table.row(
                        rank,
                        ipl,
                        String.join(" ", ipl.netbsdNames()),
                        String.join(" ", ipl.openbsdNames()),
                        line == null ? "-" : line.signal(),
                        signals(blocked));
            }
        } finally {
            lines.values().forEach(InterruptLine::close);
        }
        return table;
    }

    private static long blocked(Path status) throws IOException {
        for (String line : Files.readAllLines(status, StandardCharsets.UTF_8)) {
            if (line.startsWith("SigBlk:")) {
                return Long.parseUnsignedLong(line.substring(7).strip(), 16);
            }
        }
        throw new IOException(status + " has no SigBlk");
    }

    private static String signals(long set) {
        List<String> numbers = new ArrayList<>();
        for (int n = 1; n <= Long.SIZE; n++) {
            if ((set & (1L << (n - 1))) != 0) {
                numbers.add(Integer.toString(n));
            }
        }
        return numbers.isEmpty() ? "-" : String.join(" ", numbers);
    }

    /** The timer's interrupt is at VM; time is spent half at the raised level and half below. */
    private Demo demonstrate(Ipl raised, SplMode wanted) {
        Spl spl = Spl.current();
        spl.setMode(wanted);
        Histogram open = new Histogram(MAX_LATENCY, 3);
        Histogram masked = new Histogram(MAX_LATENCY, 3);
        boolean[] atRaised = {false};
        boolean[] lowering = {false};
        long[] inMask = {0};
        long period = periodMicros * MICROSECOND;
        long[] start = {0};
        InterruptLine[] self = new InterruptLine[1];
        InterruptLine line = InterruptLine.establish(Receiver.current(), "timer", Ipl.VM, value -> {
            InterruptLine.State state = self[0].state();
            long due = start[0] + (state.handled() + state.overruns()) * period;
            long late = Math.min(Math.max(System.nanoTime() - due, 0), MAX_LATENCY);
            (lowering[0] ? masked : open).recordValue(late);
            if (atRaised[0] && raised.rank() >= Ipl.VM.rank()) {
                inMask[0]++;
            }
        });
        self[0] = line;
        // Makes the timer, so that the start below is close to its own.
        line.timer(TimeUnit.MINUTES.toNanos(1), 0, 0);
        start[0] = System.nanoTime();
        line.timer(period, period, 0);
        long end = start[0] + millis * 1_000_000;
        long now = start[0];
        while (now < end) {
            int s = spl.splraise(raised);
            atRaised[0] = true;
            spin(spl, now + holdMicros * MICROSECOND);
            atRaised[0] = false;
            lowering[0] = true;
            spl.splx(s);
            lowering[0] = false;
            now = spin(spl, System.nanoTime() + holdMicros * MICROSECOND);
        }
        line.timer(0, 0, 0);
        int last = spl.poll();
        Demo demo = new Demo(wanted, line.state(), Receiver.current().deferrals(), inMask[0], open, masked);
        assert last >= 0;
        line.close();
        return demo;
    }

    private static long spin(Spl spl, long until) {
        long now = System.nanoTime();
        while (now < until) {
            int ran = spl.poll();
            assert ran >= 0;
            Thread.onSpinWait();
            now = System.nanoTime();
        }
        return now;
    }

    private int report(Demo demo, Ipl raised, Cpu cpu) {
        PrintStream out = streams.out();
        InterruptLine.State state = demo.state();
        out.println("a timer every " + periodMicros + " us interrupts CPU " + cpu.id() + " at VM; its thread is at "
                + raised + " for " + holdMicros + " us and at NONE for as long, " + demo.mode());
        out.println("interrupts " + state.received() + ", handled " + state.handled() + ", timer overruns "
                + state.overruns() + ", put off by the signal handler " + demo.deferrals() + ", run while masked "
                + demo.inMask());
        Table table = new Table("latency in us", "count>", "p50>", "p99>", "max>");
        row(table, "not masked", demo.open());
        row(table, "when the level fell", demo.masked());
        table.print(out);
        boolean sound = state.handled() == state.received() && state.lost() == 0 && demo.inMask() == 0;
        return sound ? ExitStatus.OK : ExitStatus.FAILED;
    }

    private static void row(Table table, String name, Histogram histogram) {
        table.row(
                name,
                histogram.getTotalCount(),
                micros(histogram.getValueAtPercentile(50)),
                micros(histogram.getValueAtPercentile(99)),
                micros(histogram.getMaxValue()));
    }

    private static String micros(long nanos) {
        return String.format(Locale.ROOT, "%.1f", nanos / 1e3);
    }
}
