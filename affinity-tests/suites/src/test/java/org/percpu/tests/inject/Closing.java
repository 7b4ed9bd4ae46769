// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.kernel.KernelQueue;
import org.percpu.kernel.ShutdownReport;

/**
 * A queue with works, or its kernel, is ended, and the caller or a worker meets an error. The next call ends what is left. Then there are no
 * threads, each work has run, was returned or was reported, once, and nothing more is taken.
 */
final class Closing extends OnKernel {
    private static final int RUNS = 0;
    private static final int WORKS = 4;

    /** How it is ended, and how what an error has left is. */
    enum Way {
        /** What runs is the only work, because the page's destroy does not drain. */
        DESTROY_IDLE,
        DESTROY,
        DRAIN,
        DROP,
        CLOSE,
        SHUTDOWN;

        boolean isOfKernel() {
            return this == CLOSE || this == SHUTDOWN;
        }
    }

    private final Supplier<Target> targets;
    private final Way way;
    private final List<Integer> ran = Collections.synchronizedList(new ArrayList<>());
    private final List<Object> returned = Collections.synchronizedList(new ArrayList<>());
    private final List<ShutdownReport> reports = Collections.synchronizedList(new ArrayList<>());
    private final List<String> neverDestroyed = Collections.synchronizedList(new ArrayList<>());

    Closing(Supplier<Target> targets, Way way) {
        this.targets = targets;
        this.way = way;
    }

    @Override
    void open(Fixture made) {}

    @Override
    public @Nullable String round(Injector.Kind kind, int n) throws Exception {
        ran.clear();
        returned.clear();
        reports.clear();
        neverDestroyed.clear();
        CountDownLatch entered = new CountDownLatch(1);
        CountDownLatch gate = new CountDownLatch(1);
        Target target = targets.get();
        target.callback = which -> {
            ran.add(which);
            if (which == RUNS) {
                entered.countDown();
                awaitQuietly(gate);
            }
        };
        target.open(fixture(), WORKS);
        int works = way == Way.DESTROY_IDLE ? 1 : WORKS;
        Fixture.must(() -> {
            for (int which = 0; which < works; which++) {
                target.submit(which);
                if (which == RUNS) {
                    entered.await();
                }
            }
        });
        Armed.Call call = new Armed.Call(Target.NAME, kind, n, () -> end(target));
        call.waits();
        gate.countDown();
        Armed armed = call.outcome();
        Fixture.must(() -> endWhatIsLeft(target));
        Fixture.await(
                "threads are left: " + fixture().kernel.lwps(),
                () -> fixture().kernel.lwps().isEmpty());
        Fixture.require(
                fixture().kernel.queues().isEmpty(),
                "listed: " + fixture().kernel.queues());
        for (int which = 0; which < works; which++) {
            account(target, which);
        }
        Throwable refused = Fixture.onFreshThread(() -> target.submit(RUNS));
        Fixture.require(
                refused instanceof ErrnoException e && e.errno() == Errno.ESHUTDOWN, "not refused, but " + refused);
        if (way.isOfKernel()) {
            String site = armed.site();
            boolean consoleFailed = site != null && site.endsWith("Consumer.accept");
            Fixture.require(
                    neverDestroyed.contains(Target.NAME) || consoleFailed,
                    "not reported: the queue, but " + neverDestroyed);
            renew();
        }
        return armed.site();
    }

    private void renew() throws Exception {
        end();
        begin();
    }

    private void end(Target target) {
        switch (way) {
            case DESTROY_IDLE, DESTROY -> target.destroy();
            case DRAIN -> returned.addAll(target.drain(KernelQueue.FOREVER));
            case DROP -> returned.addAll(target.drain(Duration.ZERO));
            case CLOSE -> fixture().kernel.close();
            case SHUTDOWN -> reports.add(fixture().kernel.shutdown(Duration.ZERO));
        }
    }

    private void endWhatIsLeft(Target target) {
        switch (way) {
            case DESTROY_IDLE, DESTROY, DRAIN, DROP -> returned.addAll(target.drain(KernelQueue.FOREVER));
            case CLOSE -> {
                fixture().kernel.close();
                for (String line : fixture().console) {
                    if (line.endsWith(" was never destroyed")) {
                        neverDestroyed.add(Target.NAME);
                    }
                }
            }
            case SHUTDOWN -> {
                reports.add(fixture().kernel.shutdown(Duration.ZERO));
                for (ShutdownReport report : reports) {
                    returned.addAll(report.worksNeverRun());
                    neverDestroyed.addAll(report.queuesNeverDestroyed());
                }
            }
        }
    }

    /** One that was begun and could not be called is told of. */
    private void account(Target target, int which) {
        int runs = Collections.frequency(ran, which);
        int returns = (int)
                returned.stream().filter(work -> target.numberOf(work) == which).count();
        boolean told = fixture().toldOf(item -> target.numberOf(item) == which);
        fixture().faults.removeIf(fault -> target.numberOf(fault.item()) == which);
        String state = "work " + which + ": ran " + runs + ", returned " + returns + (told ? ", told of" : "");
        Fixture.require(runs + returns == 1 || (runs + returns == 0 && told), state);
    }

    private static void awaitQuietly(CountDownLatch gate) {
        try {
            gate.await();
        } catch (InterruptedException e) {
            // By a shutdown at its deadline.
        }
    }
}
