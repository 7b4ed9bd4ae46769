// SPDX-License-Identifier: BSD-2-Clause
import com.github.ajalt.clikt.core.CoreCliktCommandKt;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.channels.Channel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.pastalab.fray.core.ThreadContext;
import org.pastalab.fray.core.TestRunner;
import org.pastalab.fray.core.command.Configuration;
import org.pastalab.fray.core.command.MainCommand;
import org.pastalab.fray.rmi.TestStatusObserver;
import org.pastalab.fray.rmi.ThreadState;
import org.percpu.tests.support.MachineLock;

/**
 * Runs scenarios under Fray, one after the other.
 *
 * <pre>
 * Runs REPORTS SEED COUNT SECONDS SCENARIO ...       COUNT schedules of each, or as many as fit in SECONDS
 * Runs REPORTS ledger FILE SEED COUNT SCENARIO ...   COUNT schedules of each, those that the file tells of included
 * Runs REPORTS replay SCENARIO@SEED[=CHOICES] ...    one schedule of each, which must make the same choices
 * </pre>
 *
 * The second form runs pieces of each scenario in turn, and writes each piece that is done into the file. So a run that was interrupted goes
 * on there.
 *
 * A scenario is CLASS.METHOD. CHOICES is a number for all choices of the scheduler in one schedule: a replay with the same number was
 * the same schedule. The file "last" in the folder of reports lists the last schedule of each scenario, in the form of the second line.
 */
public final class Runs {
    private static final String PACKAGE = "org.percpu.tests.schedules.";

    private static final PrintStream OUT = System.out;

    private static final long MOST_NANOS_FOR_A_STEP = 20_000_000_000L;

    /** How many schedules of a scenario are one piece. */
    private static final int PIECE = 5000;

    private static String running = "";
    private static int mostSteps;
    private static long begun;
    private static long counted;
    private static long withFaults;
    private static long trace;
    private static long seed;

    private static final String FOREVER = "1000000";

    private Runs() {}

    /** A schedule has ended well. */
    static void finished(Seeded schedule) {
        if (schedule.seed >= begun) {
            counted++;
            withFaults += schedule.seed & 1;
            trace = schedule.trace();
            seed = schedule.seed;
            mostSteps = Math.max(mostSteps, schedule.steps);
        }
    }

    public static void main(String[] args) throws IOException {
        Path reports = Path.of(args[0]);
        Files.createDirectories(reports);
        // The first use of virtual threads starts a thread of the JVM, which the first schedule would wait for, for half a minute.
        Thread.ofVirtual().start(() -> {});
        Thread watch = new Thread(Runs::watch, "watch");
        watch.setDaemon(true);
        watch.start();
        if (args[1].equals("replay")) {
            replay(reports, List.of(args).subList(2, args.length));
        } else if (args[1].equals("ledger")) {
            goOn(reports, new Ledger(Path.of(args[2]), Long.parseLong(args[3])), Integer.parseInt(args[4]), List.of(args).subList(5, args.length));
        } else {
            explore(reports, Long.parseLong(args[1]), Integer.parseInt(args[2]), args[3], List.of(args).subList(4, args.length));
        }
        end(0);
    }

    private static void explore(Path reports, long first, int count, String seconds, List<String> scenarios) throws IOException {
        long all = 0;
        long allWithFaults = 0;
        List<String> last = new ArrayList<>();
        for (String scenario : scenarios) {
            explore(scenario, reports, first, count, seconds);
            all += counted;
            allWithFaults += withFaults;
            last.add(lastSchedule(scenario));
        }
        Files.write(reports.resolve("last"), last);
        OUT.printf("schedules: in all %d schedules, %d with faults: 0 lost, 0 twice, 0 hung; first seed %d%n", all, allWithFaults, first);
    }

    private static void explore(String scenario, Path reports, long first, int count, String seconds) throws IOException {
        long start = System.nanoTime();
        mostSteps = 0;
        // Where the machine is busy, the classes may take the whole time of the first scenario.
        for (counted = 0; counted == 0; ) {
            run(scenario, reports, first, count, seconds);
        }
        long millis = Math.max(1, (System.nanoTime() - start) / 1_000_000);
        OUT.printf("schedules: %s: %d schedules, %d with faults, %d a second, at most %d steps, none failed; seeds %d to %d%n", scenario,
                counted, withFaults, counted * 1000 / millis, mostSteps, first, seed);
    }

    private static String lastSchedule(String scenario) {
        return String.format("%s@%d=%016x", scenario, seed, trace);
    }

    private static void goOn(Path reports, Ledger ledger, int count, List<String> scenarios) throws IOException {
        Map<String, String> last = new LinkedHashMap<>();
        for (boolean more = true; more; ) {
            more = false;
            for (String scenario : scenarios) {
                int left = count - ledger.count(scenario);
                if (left > 0 || !last.containsKey(scenario)) {
                    // The last schedule of each scenario is replayed, so a scenario that is done has one more.
                    explore(scenario, reports, ledger.next(scenario), Math.min(Math.max(left, 1), PIECE), FOREVER);
                    ledger.write(scenario, seed);
                    last.put(scenario, lastSchedule(scenario));
                    more |= left > PIECE;
                }
            }
        }
        Files.write(reports.resolve("last"), last.values());
        ledger.tell(OUT);
    }

    private static void replay(Path reports, List<String> schedules) throws IOException {
        int same = 0;
        for (String schedule : schedules) {
            String[] parts = schedule.split("[@=]", -1);
            run(parts[0], reports, Long.parseLong(parts[1]), 1, FOREVER);
            String made = String.format("%016x", trace);
            boolean exact = parts.length < 3 || parts[2].equals(made);
            same += exact ? 1 : 0;
            OUT.printf("schedules: %s with seed %s did not fail; choices %s%s%n", parts[0], parts[1], made,
                    exact ? "" : ", which are OTHERS than " + parts[2]);
        }
        OUT.printf("schedules: %d of %d replays in another JVM made the same choices%n", same, schedules.size());
        if (same * 2 < schedules.size()) {
            end(2);
        }
    }

    private static void run(String scenario, Path reports, long first, int count, String seconds) throws IOException {
        begun = first;
        counted = 0;
        withFaults = 0;
        running = scenario;
        String[] name = scenario.split("\\.", -1);
        MainCommand command = new MainCommand();
        CoreCliktCommandKt.main(command, new String[] {
            "--run-config", "cli", "--clazz", PACKAGE + name[0], "--method", name[1], "--no-reset-class-loader", "--no-exit-on-bug",
            "--timeout", seconds, "--output", reports.resolve(scenario).toString(), "--iter", Integer.toString(count + Seeded.WARM)
        });
        Configuration configuration = command.toConfiguration();
        configuration.setScheduler(new Seeded(first - Seeded.WARM));
        configuration.getTestStatusObservers().add(new Observer(scenario));
        Throwable thrown;
        try (Channel shared = MachineLock.share()) {
            assert shared.isOpen();
            thrown = new TestRunner(configuration).run();
        }
        if (thrown != null) {
            fail(scenario, thrown);
        }
    }

    /** Looks for a thread that goes round and round without a step that Fray could see. The time counts that the JVM had a CPU. */
    private static void watch() {
        OperatingSystemMXBean machine = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        long since = 0;
        long seen = -1;
        while (true) {
            Seeded schedule = Seeded.now;
            long at = schedule == null ? -1 : 31 * schedule.seed + schedule.steps;
            long cpu = machine.getProcessCpuTime();
            if (at == -1 || at != seen) {
                seen = at;
                since = cpu;
            } else if (cpu - since > MOST_NANOS_FOR_A_STEP) {
                Thread.getAllStackTraces().forEach((thread, stack) ->
                        OUT.println(thread + " " + Arrays.stream(stack).limit(12).map(String::valueOf).collect(Collectors.joining(" < "))));
                fail(running, new IllegalStateException("hung: a thread that takes no step"));
            }
            try {
                Thread.sleep(1000);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    /** A schedule takes too many steps: says where its threads are. */
    static void fail(Throwable thrown, Collection<ThreadContext> threads) {
        threads.stream().filter(thread -> thread.getState() != ThreadState.Completed)
                .forEach(thread -> OUT.println("thread " + thread.getIndex() + Seeded.where(thread)));
        fail(running, thrown);
    }

    private static synchronized void fail(String scenario, Throwable thrown) {
        Throwable root = thrown;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        String text = String.valueOf(root.getMessage());
        boolean hung = text.startsWith("hung") || root.getClass().getSimpleName().contains("Deadlock") || root.getClass().getSimpleName().contains("Livelock");
        String kind = hung ? "hung" : text.startsWith("lost") ? "lost" : text.startsWith("twice") ? "twice" : "failed otherwise";
        root.printStackTrace(OUT);
        OUT.printf("schedules: %s FAILED (%s) in schedule %d: %s%n", scenario, kind, counted + 1, text.lines().findFirst().orElse("").strip());
        OUT.printf("schedules: failed schedule %s@%d=%016x%n", scenario, Seeded.now.seed, Seeded.now.trace());
        end(1);
    }

    /** Threads that hang are in the way of System.exit. */
    private static void end(int status) {
        OUT.flush();
        Runtime.getRuntime().halt(status);
    }

    /** Fray may wait for threads that hang, behind its report of them. */
    private static final class Observer implements TestStatusObserver {
        private final String scenario;

        Observer(String scenario) {
            this.scenario = scenario;
        }

        @Override
        public void onExecutionStart() {}

        @Override
        public void onReportError(Throwable thrown) {
            fail(scenario, thrown);
        }

        @Override
        public void onExecutionDone(Throwable thrown) {}

        @Override
        public void saveToReportFolder(Path folder) {}
    }
}
