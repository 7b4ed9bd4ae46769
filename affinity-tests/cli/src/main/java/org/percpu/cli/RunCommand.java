// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.Cpu;
import org.percpu.kernel.Kernel;
import org.percpu.thread.Pri;
import org.percpu.thread.RealtimePolicy;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code percpu run}: defers works to every CPU and proves where they ran. */
@Command(
        name = "run",
        description = {
            "Defers works to CPUs through one per-CPU workqueue(9), and proves where each of them ran.",
            "",
            "Latency is the time from just before workqueue_enqueue to the first statement of the callback: the enqueue,"
                    + " the wakeup if the worker sleeps, the scheduler, and the works of this CPU that were dealt before and"
                    + " have not run, at most --in-flight minus one. The JVM's warm-up is in it.",
            ""
        },
        footer = {
            "",
            "With --job sha256 the answer is what sha256sum(1) prints, and the table goes to standard error; with --json as well,"
                    + " the hashes are the member \"files\".",
            "Exit status: 0 every work ran once, on its CPU; 1 one did not, a file could not be read, or --realtime require was"
                    + " denied; 2 bad input."
        })
final class RunCommand implements Callable<Integer> {
    private static final long MAX_WORKS = 1_000_000_000_000L;
    private static final int MAX_IN_FLIGHT = 1 << 16;

    private final Streams streams;

    @Mixin
    private final TraceFile trace;

    @Mixin
    private CpusOption cpus = new CpusOption();

    @Option(
            names = "--works",
            paramLabel = "N",
            description = "How many works in all, dealt to the CPUs in turn; 200000 unless given.")
    private @Nullable String works;

    @Option(
            names = "--duration",
            paramLabel = "T",
            description = "Deal works for so long instead, such as 500ms or 10s.")
    private @Nullable String duration;

    @Option(
            names = "--in-flight",
            paramLabel = "N",
            description = "How many works at most wait on each CPU; ${DEFAULT-VALUE} unless given.")
    private String inFlight = "4";

    @Option(
            names = "--priority",
            paramLabel = "P",
            description =
                    "NetBSD priority of the workers: -1 (PRI_NONE, time-sharing) unless given, 0 to 63 time-sharing,"
                            + " 64 to 223 real-time (SCHED_RR).")
    private @Nullable String priority;

    @Option(
            names = "--realtime",
            paramLabel = "prefer|require|never",
            description =
                    "What happens if the kernel denies real-time: go on without, fail, or never ask. Given without"
                            + " --priority, prefer and require ask for the lowest real-time priority, 64.")
    private @Nullable String realtime;

    @Option(
            names = "--job",
            paramLabel = "nop|spin:DURATION|sha256",
            description =
                    "What each work does: nothing (unless given), keep the CPU busy for a time such as spin:20us, or hash one"
                            + " file.")
    private String job = "nop";

    @Option(
            names = Simulation.OPTION,
            paramLabel = "MACHINE",
            arity = "0..1",
            fallbackValue = "",
            description = {
                "Run on a simulated machine: a number of CPUs such as 8, packages x cores x threads such as 2x64x2, or a captured"
                        + " machine as topology --root takes it; 4 CPUs unless given. Every answer says so, and nothing in it is"
                        + " true of this machine. -Dpercpu.sim.faults=seed=42,spurious=0.05 makes faults."
            })
    private @Nullable String simulate;

    @Option(names = "--json", description = "Answer in JSON.")
    private boolean json;

    @Parameters(
            paramLabel = "FILE",
            arity = "0..*",
            description = "With --job sha256: files, and folders with all below them.")
    private List<String> files = new ArrayList<>();

    RunCommand(Streams streams) {
        this.streams = streams;
        this.trace = new TraceFile(streams);
    }

    @Override
    public Integer call() throws Exception {
        return trace.around("percpu run", this::execute);
    }

    private int execute() {
        if (simulate != null) {
            Simulation.begin(simulate);
        }
        int inFlightNow = (int) Numbers.parse("--in-flight", inFlight, 1, MAX_IN_FLIGHT);
        Dealer.Amount amount = amount();
        RealtimePolicy policy = policy();
        int pri = priority(policy);
        Sha256 sha256 = null;
        Supplier<Job> jobs;
        if (job.equals("sha256")) {
            requireFiles();
            Sha256 hashes = new Sha256(files);
            jobs = hashes::job;
            amount = new Dealer.Amount.WhoeverIsFree(hashes.count());
            sha256 = hashes;
        } else {
            jobs = job();
        }

        List<String> faults = Collections.synchronizedList(new ArrayList<>());
        Kernel kernel = kernel(policy, faults);
        List<Lane> lanes = new ArrayList<>();
        for (Cpu cpu : kernel.cpus()) {
            lanes.add(new Lane(cpu, jobs.get(), inFlightNow));
        }
        Dealer.Outcome outcome;
        try (Progress progress = progress(amount)) {
            outcome = new Dealer(kernel, lanes).run(pri, amount, progress);
        }
        if (!outcome.stalled()) {
            kernel.close();
        }
        return report(new RunReport(lanes, outcome, faults), sha256);
    }

    private Kernel kernel(RealtimePolicy policy, List<String> faults) {
        return cpus.kernel(Kernel.builder("percpu run")
                .realtimePolicy(policy)
                .faultHandler((queue, item, thrown) -> {
                    if (faults.isEmpty()) {
                        faults.add("a callback on " + queue + " threw " + thrown);
                    }
                })
                .console(streams.err()::println));
    }

    private int report(RunReport report, @Nullable Sha256 sha256) {
        boolean complete = sha256 == null || sha256.report(streams.err());
        if (json) {
            Json answer = report.json();
            if (sha256 != null) {
                answer.put("files", sha256.members());
            }
            answer.print(streams.out());
            report.notes().forEach(streams.err()::println);
        } else if (sha256 != null) {
            sha256.printLines(streams.out());
            report.printTable(streams.err());
        } else {
            report.printTable(streams.out());
        }
        return complete && report.good() ? ExitStatus.OK : ExitStatus.FAILED;
    }

    private Dealer.Amount amount() {
        if (works != null && duration != null) {
            throw new BadInput("--works " + works + " and --duration " + duration + " exclude each other: give one");
        }
        if (duration != null) {
            return new Dealer.Amount.Time(Durations.parse("--duration", duration));
        }
        return new Dealer.Amount.Even(Numbers.parse("--works", works == null ? "200000" : works, 1, MAX_WORKS));
    }

    private RealtimePolicy policy() {
        if (realtime == null) {
            return RealtimePolicy.PREFER;
        }
        return switch (realtime.toLowerCase(Locale.ROOT)) {
            case "prefer" -> RealtimePolicy.PREFER;
            case "require" -> RealtimePolicy.REQUIRE;
            case "never" -> RealtimePolicy.NEVER;
            default -> throw new BadInput("--realtime '" + realtime + "' is unknown: write prefer, require or never");
        };
    }

    private int priority(RealtimePolicy policy) {
        boolean asksForRealtime = realtime != null && policy != RealtimePolicy.NEVER;
        if (priority == null) {
            return asksForRealtime ? Pri.PRI_KERNEL : Pri.PRI_NONE;
        }
        int pri = (int) Numbers.parse("--priority", priority, Pri.PRI_NONE, Pri.PRI_COUNT - 1);
        if (policy == RealtimePolicy.REQUIRE && pri < Pri.PRI_KERNEL) {
            throw new BadInput(
                    "--priority " + pri + " is time-sharing and --realtime require cannot be met: real-time is "
                            + Pri.PRI_KERNEL + " to " + (Pri.PRI_COUNT - 1));
        }
        return pri;
    }

    private Supplier<Job> job() {
        if (!files.isEmpty()) {
            throw new BadInput("'" + files.get(0) + "' is unexpected: files go with --job sha256, this job is " + job);
        }
        if (job.equals("nop")) {
            return Job::nop;
        }
        if (job.startsWith("spin:")) {
            long nanos = Durations.parse("--job spin:", job.substring("spin:".length()));
            return () -> Job.spin(nanos);
        }
        throw new BadInput(
                "--job '" + job + "' is unknown: write nop, spin:DURATION such as spin:20us, or sha256 FILE...");
    }

    private void requireFiles() {
        if (files.isEmpty()) {
            throw new BadInput("--job sha256 has no files: name files or folders, such as --job sha256 /usr/bin");
        }
        if (works != null || duration != null) {
            throw new BadInput((works != null ? "--works " + works : "--duration " + duration)
                    + " does not go with --job sha256, which makes one work of each file: leave it out");
        }
        if (files.contains("-")) {
            throw new BadInput("'-' is standard input, which is no file: write ./- for a file of that name");
        }
    }

    private Progress progress(Dealer.Amount amount) {
        if (amount instanceof Dealer.Amount.Time time) {
            return Progress.start(streams.err(), "percpu run", TimeUnit.NANOSECONDS.toMillis(time.nanos()), "ms");
        }
        long total = amount instanceof Dealer.Amount.Even even
                ? even.works()
                : ((Dealer.Amount.WhoeverIsFree) amount).works();
        return Progress.start(streams.err(), "percpu run", total, "works");
    }
}
