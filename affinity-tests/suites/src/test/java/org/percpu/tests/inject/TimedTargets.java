// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Callout;
import org.percpu.netbsd.DelayedWork;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.DelayedTask;
import org.percpu.openbsd.Taskq;
import org.percpu.thread.Pri;

/** Targets whose works come from a clock. */
final class TimedTargets {
    private static final Duration SOON = Duration.ofNanos(100_000);

    private TimedTargets() {}

    /** Callouts of one CPU. */
    static final class OfCallout extends Target {
        private List<Callout> callouts = List.of();

        @Override
        void open(Fixture made, int size) {
            callouts = IntStream.range(0, size)
                    .mapToObj(which -> {
                        Callout callout = new Callout(made.kernel, Callout.CALLOUT_MPSAFE);
                        callout.bind(made.kernel.cpus().get(0));
                        callout.setfunc(number -> callback.accept(number), which);
                        return callout;
                    })
                    .toList();
        }

        @Override
        void submit(int which) {
            callouts.get(which).schedule(0);
        }

        @Override
        @SuppressWarnings("SuspiciousMethodCalls") // a work may be anything
        int numberOf(Object work) {
            return callouts.indexOf(work);
        }

        @Override
        void waitFor(int which) {
            boolean unused = callouts.get(which).halt(null);
        }

        @Override
        void destroy() {
            for (Callout callout : callouts) {
                boolean unused = callout.halt(null);
                callout.destroy();
            }
        }
    }

    /** Works that wait for a moment. */
    @SuppressWarnings("NullAway") // open() comes first
    static final class OfDelayedWork extends Target.OfQueue<DelayedWork, Workqueue<DelayedWork>> {
        private @Nullable Fixture fixture;

        @Override
        void open(Fixture made, int size) {
            fixture = made;
            super.open(made, size);
        }

        @Override
        DelayedWork work(int which) {
            return new DelayedWork(fixture.kernel);
        }

        @Override
        Workqueue<DelayedWork> create(Kernel kernel) {
            return Workqueue.create(
                    kernel,
                    NAME,
                    (work, none) -> callback.accept(works.indexOf(work)),
                    null,
                    Pri.PRI_NONE,
                    Ipl.NONE,
                    Workqueue.WQ_MPSAFE);
        }

        @Override
        void submit(int which) {
            queue.enqueueAfter(works.get(which), null, SOON);
        }

        @Override
        void destroy() {
            queue.destroy();
        }

        @Override
        void waitFor(int which) {
            queue.waitFor(works.get(which));
        }
    }

    /** Tasks that wait for a moment. */
    @SuppressWarnings("NullAway") // open() comes first
    static final class OfDelayedTask extends Target.OfQueue<DelayedTask, Taskq> {
        private @Nullable Fixture fixture;

        @Override
        void open(Fixture made, int size) {
            fixture = made;
            super.open(made, size);
        }

        @Override
        DelayedTask work(int which) {
            return DelayedTask.initializer(fixture.kernel, number -> callback.accept(number), which);
        }

        @Override
        Taskq create(Kernel kernel) {
            return Taskq.create(kernel, NAME, 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        }

        @Override
        void submit(int which) {
            Fixture.require(queue.addAfter(works.get(which), SOON), "it was pending");
        }

        @Override
        void destroy() {
            queue.destroy();
        }
    }
}
