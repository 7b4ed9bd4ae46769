// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Taskq;

/** Runs the scenarios that it is given the names of, and exits with 1 if one has failed. */
public final class InjectedErrors {
    private static final int MOST_FAILURES = 12;

    private static final Map<String, Supplier<Scenario>> SCENARIOS = new TreeMap<>(Map.ofEntries(
            Map.entry("enqueue", () -> new Submission.Enqueue(Workqueue.WQ_MPSAFE)),
            Map.entry("enqueue-locked", () -> new Submission.Enqueue(0)),
            Map.entry("enqueue-percpu", () -> new Submission.Enqueue(Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU)),
            Map.entry("add", () -> new Submission.Add(1)),
            Map.entry("add-two", () -> new Submission.Add(2)),
            Map.entry("queue-task", Submission.QueueTask::new),
            Map.entry("add-task", Submission.AddTask::new),
            Map.entry("schedule", Submission.Schedule::new),
            Map.entry("run-workqueue", () -> new Running.OfWorkqueue(Workqueue.WQ_MPSAFE)),
            Map.entry("run-workqueue-locked", () -> new Running.OfWorkqueue(0)),
            Map.entry("run-taskq", () -> new Running.OfTaskq(1, Taskq.TASKQ_MPSAFE)),
            Map.entry("run-taskq-locked", () -> new Running.OfTaskq(1, 0)),
            Map.entry("run-taskq-two", () -> new Running.OfTaskq(2, Taskq.TASKQ_MPSAFE)),
            Map.entry("run-workq", Running.OfWorkq::new),
            Map.entry("run-softint", Running.OfSoftint::new),
            Map.entry("run-posts", Running.OfPosts::new),
            Map.entry("run-line", Running.OfLine::new),
            Map.entry("lower", Lowering::new),
            Map.entry("post", Posting.ToWork::new),
            Map.entry("trigger", Posting.ToLine::new),
            Map.entry("make-workqueue", () -> new Making(Making::workqueue, false)),
            Map.entry("make-taskq", () -> new Making(Making::taskq, false)),
            Map.entry("make-workq", () -> new Making(Making::workq, false)),
            Map.entry("make-kthread", () -> new Making(Making::kthread, false)),
            Map.entry("make-systq", () -> new Making(Making::systq, true)),
            Map.entry("make-softint", () -> new Making(Making::softint, true)),
            Map.entry("make-line", () -> new Making(Making::line, true))));

    private final List<String> failures = new ArrayList<>();

    private InjectedErrors() {}

    public static void main(String[] names) throws Exception {
        InjectedErrors all = new InjectedErrors();
        for (String name : names) {
            Supplier<Scenario> scenario = SCENARIOS.get(name);
            if (scenario == null) {
                throw new IllegalArgumentException("no scenario " + name + ": there are " + SCENARIOS.keySet());
            }
            all.run(name, scenario.get());
        }
        // Not by return: what a failure has left may hold up the end.
        Runtime.getRuntime().halt(all.failures.isEmpty() ? 0 : 1);
    }

    private void run(String name, Scenario scenario) throws Exception {
        long start = System.nanoTime();
        scenario.begin();
        for (Injector.Kind kind : scenario.kinds()) {
            Injector.forget();
            int points = 0;
            for (int n = 1;
                    round(name, scenario, kind, n) && failures.size() < MOST_FAILURES;
                    n = Injector.struck() + 1) {
                points++;
            }
            System.out.println(name + " " + kind + ": " + points + " points");
        }
        scenario.end();
        for (String type : Injector.initialised()) {
            fail(name + ": " + type + " was initialised on the way, where an error would ruin it");
        }
        System.out.println(name + " took " + (System.nanoTime() - start) / 1_000_000 + " ms");
    }

    private boolean round(String name, Scenario scenario, Injector.Kind kind, int n) throws Exception {
        try {
            return scenario.round(kind, n) != null;
        } catch (AssertionError | Exception e) {
            String site = Injector.disarm();
            fail(name + " " + kind + " " + n + " " + (site == null ? "injected nowhere" : "injected at " + site) + ": "
                    + describe(e));
            scenario.begin();
            return site != null;
        }
    }

    private void fail(String failure) {
        failures.add(failure);
        System.out.println(failure);
    }

    private static String describe(@Nullable Throwable e) {
        StringBuilder text = new StringBuilder();
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            text.append(cause).append('\n');
            StackTraceElement[] frames = cause.getStackTrace();
            for (int i = 0; i < Math.min(frames.length, 12); i++) {
                text.append("    ").append(frames[i]).append('\n');
            }
        }
        return text.toString();
    }
}
