// SPDX-License-Identifier: BSD-2-Clause
import com.github.ajalt.clikt.core.CoreCliktCommandKt;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.pastalab.fray.core.TestRunner;
import org.pastalab.fray.core.command.Configuration;
import org.pastalab.fray.core.command.MainCommand;
import org.pastalab.fray.rmi.TestStatusObserver;

/**
 * Runs scenarios under Fray, one after the other.
 *
 * <pre>
 * Runs REPORTS SEED COUNT SECONDS SCENARIO ...       COUNT schedules of each, or as many as fit in SECONDS
 * Runs REPORTS replay SCENARIO@SEED[=CHOICES] ...    one schedule of each, which must make the same choices
 * </pre>
 *
 * A scenario is CLASS.METHOD. CHOICES is a number for all choices of the scheduler in one schedule: a replay with the same number was
 * the same schedule. The file "last" in the folder of reports lists the last schedule of each scenario, in the form of the second line.
 */
public final class Runs {
    private static final String PACKAGE = "org.percpu.tests.schedules.";

    private static final PrintStream OUT = System.out;

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
        }
    }

    public static void main(String[] args) throws IOException {
        Path reports = Path.of(args[0]);
        Files.createDirectories(reports);
        // The first use of virtual threads starts a thread of the JVM, which the first schedule would wait for, for half a minute.
        Thread.ofVirtual().start(() -> {});
        if (args[1].equals("replay")) {
            replay(reports, List.of(args).subList(2, args.length));
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
            long start = System.nanoTime();
            // Where the machine is busy, the classes may take the whole time of the first scenario.
            for (counted = 0; counted == 0; ) {
                run(scenario, reports, first, count, seconds);
            }
            long millis = Math.max(1, (System.nanoTime() - start) / 1_000_000);
            OUT.printf("schedules: %s: %d schedules, %d with faults, %d a second, none failed; seeds %d to %d%n", scenario, counted,
                    withFaults, counted * 1000 / millis, first, seed);
            all += counted;
            allWithFaults += withFaults;
            last.add(String.format("%s@%d=%016x", scenario, seed, trace));
        }
        Files.write(reports.resolve("last"), last);
        OUT.printf("schedules: in all %d schedules, %d with faults: 0 lost, 0 twice, 0 hung; first seed %d%n", all, allWithFaults, first);
    }

    private static void replay(Path reports, List<String> schedules) {
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

    private static void run(String scenario, Path reports, long first, int count, String seconds) {
        begun = first;
        counted = 0;
        withFaults = 0;
        String[] name = scenario.split("\\.", -1);
        MainCommand command = new MainCommand();
        CoreCliktCommandKt.main(command, new String[] {
            "--run-config", "cli", "--clazz", PACKAGE + name[0], "--method", name[1], "--no-reset-class-loader", "--no-exit-on-bug",
            "--timeout", seconds, "--output", reports.resolve(scenario).toString(), "--iter", Integer.toString(count + Seeded.WARM)
        });
        Configuration configuration = command.toConfiguration();
        configuration.setScheduler(new Seeded(first - Seeded.WARM));
        configuration.getTestStatusObservers().add(new Observer(scenario));
        Throwable thrown = new TestRunner(configuration).run();
        if (thrown != null) {
            fail(scenario, thrown);
        }
    }

    private static synchronized void fail(String scenario, Throwable thrown) {
        Throwable root = thrown;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        String text = String.valueOf(root.getMessage());
        boolean hung = root.getClass().getSimpleName().contains("Deadlock") || root.getClass().getSimpleName().contains("Livelock");
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
