// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.logging.LogManager;
import org.jspecify.annotations.Nullable;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Taskq;

/** Runs the scenarios that it is given the names of, and exits with 1 if one has failed. */
public final class InjectedErrors {
    private static final int MOST_FAILURES = 12;

    private static final Map<String, Supplier<Scenario>> SCENARIOS = new TreeMap<>();

    static {
        Map<String, Supplier<Target>> queues = new TreeMap<>();
        queues.put("workqueue", () -> new Target.OfWorkqueue(Workqueue.WQ_MPSAFE));
        queues.put("workqueue-locked", () -> new Target.OfWorkqueue(0));
        queues.put("workqueue-percpu", () -> new Target.OfWorkqueue(Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU));
        queues.put("taskq", () -> new Target.OfTaskq(1, Taskq.TASKQ_MPSAFE));
        queues.put("taskq-locked", () -> new Target.OfTaskq(1, 0));
        queues.put("taskq-two", () -> new Target.OfTaskq(2, Taskq.TASKQ_MPSAFE));
        queues.put("workq", Target.OfWorkq::new);
        queues.forEach((name, target) -> {
            boolean drains = !name.startsWith("workqueue");
            SCENARIOS.put("add-" + name, () -> new Submission(target.get()));
            SCENARIOS.put("run-" + name, () -> new Running(target.get()));
            SCENARIOS.put(
                    "destroy-" + name,
                    () -> new Closing(target, drains ? Closing.Way.DESTROY : Closing.Way.DESTROY_IDLE));
            SCENARIOS.put("drain-" + name, () -> new Closing(target, Closing.Way.DRAIN));
            SCENARIOS.put("drop-" + name, () -> new Closing(target, Closing.Way.DROP));
            SCENARIOS.put("close-" + name, () -> new Closing(target, Closing.Way.CLOSE));
            SCENARIOS.put("shutdown-" + name, () -> new Closing(target, Closing.Way.SHUTDOWN));
        });
        SCENARIOS.put("close-several", () -> new Closing(Target.OfSeveral::new, Closing.Way.CLOSE));
        SCENARIOS.put("shutdown-several", () -> new Closing(Target.OfSeveral::new, Closing.Way.SHUTDOWN));
        SCENARIOS.put("add-pool", () -> new Submission(new Target.OfPool()));
        SCENARIOS.put("run-pool", () -> new Running(new Target.OfPool()));
        SCENARIOS.put("add-softint", () -> new Submission(new Target.OfSoftint(Softint.SOFTINT_MPSAFE)));
        SCENARIOS.put("run-softint", () -> new Running(new Target.OfSoftint(0)));
        SCENARIOS.put("run-posts", Running.OfPosts::new);
        SCENARIOS.put("run-line", Running.OfLine::new);
        SCENARIOS.put("lower", Lowering::new);
        SCENARIOS.put("del", Deleting::new);
        SCENARIOS.put("post", () -> new Posting(new Target.OfPosts()));
        SCENARIOS.put("trigger", () -> new Posting(new Target.OfLine()));
        SCENARIOS.put("wait-workqueue", () -> new Waiting(() -> new Target.OfWorkqueue(Workqueue.WQ_MPSAFE)));
        SCENARIOS.put("barrier", () -> new Waiting(() -> new Target.OfTaskq(1, 0)));
        SCENARIOS.put("barrier-two", () -> new Waiting(() -> new Target.OfTaskq(2, Taskq.TASKQ_MPSAFE)));
        SCENARIOS.put("del-barrier", () -> new Waiting(Target.OfDeletion::new));
        SCENARIOS.put("disestablish", () -> new Waiting(() -> new Target.OfSoftint(0)));
        SCENARIOS.put("join", () -> new Waiting(Target.OfKthread::new));
        for (Locking.Locks locks : Locking.Locks.values()) {
            SCENARIOS.put("lock-" + locks.name().toLowerCase(Locale.ROOT), () -> new Locking(locks));
        }
        for (Sleeping.On on : Sleeping.On.values()) {
            String name = on.name().toLowerCase(Locale.ROOT).replace('_', '-');
            SCENARIOS.put("sleep-" + name, () -> new Sleeping(on, false));
            SCENARIOS.put("wake-" + name, () -> new Sleeping(on, true));
        }
        SCENARIOS.put("add-callout", () -> new Submission(new TimedTargets.OfCallout()));
        SCENARIOS.put("run-callout", () -> new Running(new TimedTargets.OfCallout()));
        SCENARIOS.put("wait-callout", () -> new Waiting(TimedTargets.OfCallout::new));
        SCENARIOS.put("add-delayed", () -> new Submission(new TimedTargets.OfDelayedWork()));
        SCENARIOS.put("add-delayed-task", () -> new Submission(new TimedTargets.OfDelayedTask()));
        SCENARIOS.put("run-delayed", () -> new Running(new TimedTargets.OfDelayedWork()));
        SCENARIOS.put("close-delayed", () -> new Closing(TimedTargets.OfDelayedTask::new, Closing.Way.CLOSE));
        SCENARIOS.put("shutdown-delayed", () -> new Closing(TimedTargets.OfDelayedWork::new, Closing.Way.SHUTDOWN));
        for (Rearming.What what : Rearming.What.values()) {
            SCENARIOS.put(what.name().toLowerCase(Locale.ROOT).replace('_', '-'), () -> new Rearming(what));
        }
        SCENARIOS.put("make-kernel", () -> new Making(Making::kernel, false));
        SCENARIOS.put("make-workqueue", () -> new Making(Making::workqueue, false));
        SCENARIOS.put("make-taskq", () -> new Making(Making::taskq, false));
        SCENARIOS.put("make-workq", () -> new Making(Making::workq, false));
        SCENARIOS.put("make-kthread", () -> new Making(Making::kthread, false));
        SCENARIOS.put("make-systq", () -> new Making(Making::systq, true));
        SCENARIOS.put("make-softint", () -> new Making(Making::softint, true));
        SCENARIOS.put("make-line", () -> new Making(Making::line, true));
    }

    private final List<String> failures = new ArrayList<>();

    private InjectedErrors() {}

    static Set<String> names() {
        return SCENARIOS.keySet();
    }

    public static void main(String[] names) throws Exception {
        InjectedErrors all = new InjectedErrors();
        // Reports of what was injected, by threads and loggers, would hide those of failures.
        LogManager.getLogManager().reset();
        Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> {
            if (!Injector.isInjected(thrown)) {
                thrown.printStackTrace();
            }
        });
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
        // Without an error, so that every class on the way is seen.
        boolean more = round(name, scenario, Injector.Kind.OUT_OF_MEMORY, Integer.MAX_VALUE);
        assert !more;
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
